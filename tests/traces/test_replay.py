"""A trace can be run again from what it holds, and a replay tells where and in what it differs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.operations.actors import Scripted, battery

from gridpilot.operations import operate
from gridpilot.scenarios import load_scenario
from gridpilot.traces import Header, Record, create_log, fingerprint, read_trace, replay, twin_of
from gridpilot.twin import make_twin

CYCLES = 6


def write(path: Path, header: Header, records: Sequence[Record]) -> Path:
    """A sound trace of these records."""
    with create_log(path, header) as log:
        for record in records:
            log.append(record)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace of a run which orders the battery about, refused orders included."""
    header = Header(scenario="six-bus", profiles="simbench", agent="scripted", seed=3, cycles=CYCLES)
    twin = twin_of(header)
    first = fingerprint(twin.first())
    orders = {1: (battery(-20.0),), 3: (battery(float("nan")), battery(500.0)), 4: (battery(15.0),)}
    path = tmp_path_factory.mktemp("run") / "trace.jsonl"
    with create_log(path, replace(header, state_hash=first.state_hash, arrays=first.arrays)) as log:
        assert len(list(operate(twin, Scripted(orders), log=log))) == CYCLES
    return path


def test_every_state_comes_out_bit_for_bit(run: Path) -> None:
    report = replay(run)
    assert report.ok
    assert report.verified == CYCLES
    assert "All 6 records" in report.sentence


def test_it_does_so_in_another_process(run: Path) -> None:
    code = "import sys; from gridpilot.traces import replay; print(replay(sys.argv[1]).verified)"
    there = subprocess.run([sys.executable, "-c", code, str(run)], check=True, capture_output=True, text=True)
    assert there.stdout.strip() == str(CYCLES)


def test_other_orders_are_found_out_where_they_were_given(run: Path, tmp_path: Path) -> None:
    trace = read_trace(run)
    second = replace(trace.records[1], verdict=replace(trace.records[1].verdict, actions=(battery(-21.0),)))
    report = replay(write(tmp_path / "trace.jsonl", trace.header, [trace.records[0], second, *trace.records[2:]]))
    assert report.verified == 1
    assert report.mismatch is not None
    assert report.mismatch.record == 2
    assert "setpoints.devices.storage" in report.mismatch.arrays
    assert "devices.load.p_mw" not in report.mismatch.arrays
    assert "Record 2" in report.sentence


def test_other_weather_is_found_out_before_the_first_record(run: Path, tmp_path: Path) -> None:
    trace = read_trace(run)
    day = str(twin_of(trace.header).world.profiles.start)[:10]
    elsewhere = write(tmp_path / "trace.jsonl", replace(trace.header, start=day), trace.records)
    report = replay(elsewhere)
    assert report.verified == 0
    assert report.mismatch is not None
    assert report.mismatch.record == 0
    assert "exogenous" in report.mismatch.arrays


def test_other_versions_are_named(run: Path, tmp_path: Path) -> None:
    trace = read_trace(run)
    old = replace(trace.header, versions={**trace.header.versions, "numpy": "1.0"})
    assert replay(run).versions == {}
    report = replay(write(tmp_path / "trace.jsonl", old, [replace(trace.records[0], state_hash="0" * 64)]))
    assert report.versions["numpy"][0] == "1.0"
    assert "numpy 1.0 →" in report.sentence


def test_a_scenario_of_ones_own_is_given_with_its_twin(run: Path, tmp_path: Path) -> None:
    trace = read_trace(run)
    own = write(tmp_path / "trace.jsonl", replace(trace.header, scenario="mine"), trace.records)
    assert replay(own, make_twin(load_scenario("six-bus"), seeds=(3,), cycles=CYCLES)).verified == CYCLES
