"""No byte of a trace can change unseen, and what was written comes back bit for bit."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.samples import header, record

from gridpilot.errors import TraceError
from gridpilot.traces import iterate_records, read_header, read_trace, resume_log
from gridpilot.traces.line import FIRST, open_line, record_of, seal_header, seal_record
from gridpilot.values import Action


def line_of(data: bytes, position: int) -> int:
    """Number of the line that holds a byte."""
    return data[:position].count(b"\n") + 1


def test_a_flipped_byte_is_told_with_its_line(trace: Path) -> None:
    whole = trace.read_bytes()
    for position in range(0, len(whole) - 1, 7):
        changed = bytearray(whole)
        changed[position] ^= 0x01
        trace.write_bytes(changed)
        with pytest.raises(TraceError, match=rf"line {line_of(whole, position)} "):
            read_trace(trace)


def test_a_flipped_line_end_is_told(trace: Path) -> None:
    whole = trace.read_bytes()
    ends = [k for k, byte in enumerate(whole) if byte == ord("\n")]
    for end in ends[:-1]:
        trace.write_bytes(whole[:end] + b"\x0b" + whole[end + 1 :])
        with pytest.raises(TraceError, match=rf"line {line_of(whole, end)} "):
            read_trace(trace)
    trace.write_bytes(whole[: ends[-1]] + b"\x0b")
    assert read_trace(trace).torn_bytes == ends[-1] - ends[-2]


def test_a_removed_added_or_moved_line_is_told(trace: Path) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    for altered, broken in (
        ([*lines[:2], *lines[3:]], 3),
        ([*lines[:3], lines[2], *lines[3:]], 4),
        ([*lines[:2], lines[3], lines[2], lines[4]], 3),
        (lines[1:], 1),
    ):
        trace.write_bytes(b"".join(altered))
        with pytest.raises(TraceError, match=rf"line {broken} "):
            read_trace(trace)


def test_a_broken_trace_is_not_continued(trace: Path) -> None:
    whole = trace.read_bytes()
    trace.write_bytes(whole.replace(b"LN14 is hot", b"LN14 is not", 1))
    with pytest.raises(TraceError, match="record 1"):
        resume_log(trace)


def test_sound_records_before_a_broken_one_can_be_had(trace: Path) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"hot", b"not")
    trace.write_bytes(b"".join(lines))
    records = iterate_records(trace)
    assert [next(records).number, next(records).number] == [1, 2]
    with pytest.raises(TraceError, match="record 3"):
        next(records)


def test_every_line_is_json_and_names_the_one_before(trace: Path) -> None:
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["header", *["record"] * 4]
    assert [line["prev"] for line in lines] == [FIRST, *(line["hash"] for line in lines[:-1])]


def test_another_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trace.jsonl"
    monkeypatch.setattr("gridpilot.traces.line.SCHEMA", 99)
    path.write_bytes(seal_header(header()).line)
    monkeypatch.undo()
    with pytest.raises(TraceError, match="schema 99, and this version of gridpilot reads schema 1"):
        read_header(path)


def test_a_line_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    first = seal_header(header())
    path.write_bytes(first.line + seal_record(replace(record(), number="one"), first.digest).line)  # type: ignore[arg-type]
    with pytest.raises(TraceError, match=r"line 2 .*not a Record"):
        read_trace(path)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back_bit_for_bit(value: float) -> None:
    body, _ = open_line(seal_record(record(reward=value), FIRST).line[:-1], FIRST)
    assert struct.pack("<d", record_of(body).moved.reward) == struct.pack("<d", value)


@given(st.text(st.characters(codec=None), max_size=30))
def test_any_text_comes_back(text: str) -> None:
    thought = replace(record(), decision=replace(record().decision, thinking=text))
    line = seal_record(thought, FIRST).line
    assert line.count(b"\n") == 1
    assert record_of(open_line(line[:-1], FIRST)[0]) == thought


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_with_its_place(trace: Path, value: float) -> None:
    before = trace.read_bytes()
    with resume_log(trace) as log, pytest.raises(TraceError, match=r"record\.moved\.reward: is -?(nan|inf)"):
        log.append(record(5, reward=value))
    assert trace.read_bytes() == before


def test_numpy_numbers_are_written_and_objects_refused() -> None:
    odd = replace(record(), decision=replace(record().decision, actions=(Action("TAP", "T1", {"step": np.int64(3)}),)))
    assert record_of(open_line(seal_record(odd, FIRST).line[:-1], FIRST)[0]).decision.actions[0].params == {"step": 3}
    worse = replace(record(), decision=replace(record().decision, actions=(Action("TAP", "T1", {"step": object()}),)))
    with pytest.raises(TraceError, match="Found object"):
        seal_record(worse, FIRST)
