"""A cycle of a trace is brought back with what the trace leaves out, or it is said that it cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gridpilot.errors import TraceError
from gridpilot.operations import RunConfig, start_run
from gridpilot.traces import Header, create_log, read_trace
from gridpilot.traces.recall import recall
from gridpilot.values import View


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = str(tmp_path_factory.mktemp("runs"))
    with start_run(RunConfig(agent="rules", cycles=4, seed=3, out=out, instructions=("Mind the river.",))) as run:
        list(run.records())
    return run.folder.trace


@pytest.mark.parametrize("number", [1, 3, None])
def test_the_view_is_that_of_the_record_with_its_preview(trace: Path, number: int | None) -> None:
    found = recall(trace, number)
    assert found.record == read_trace(trace).records[(number or 4) - 1]
    (recorded,) = found.record.views
    bare = replace(found.view, preview=None, sensitivity={}, voltage_sensitivity={}, loss_sensitivity={})
    assert {name: getattr(bare, name) for name in View.__slots__} == {name: getattr(recorded, name) for name in View.__slots__}
    assert found.view.instructions == ("Mind the river.",)
    assert found.view.preview is not None
    assert found.view.preview([()]).candidates[0].reward == found.view.preview([()]).nothing.reward


def test_a_number_that_is_not_there(trace: Path) -> None:
    with pytest.raises(TraceError, match="has 4 records: there is none with number 9"):
        recall(trace, 9)


def test_a_trace_without_records(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    create_log(path, Header("six-bus", "simbench", "rules")).close()
    with pytest.raises(TraceError, match="it was never run"):
        recall(path)


def test_a_trace_that_does_not_come_out_as_recorded(trace: Path, tmp_path: Path) -> None:
    read, path = read_trace(trace), tmp_path / "trace.jsonl"
    with create_log(path, replace(read.header, seed=4)) as log:
        for record in read.records:
            log.append(record)
    with pytest.raises(TraceError, match="does not come out as recorded"):
        recall(path)
