"""`gridpilot replay`: a trace that is whole, one that was altered, and one of another physics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke

from gridpilot.traces import create_log, read_trace


@pytest.fixture
def trace(invoke: Invoke) -> Path:
    invoke("run", "--cycles", "3", "--agent", "rules")
    return next(Path("runs").iterdir()) / "trace.jsonl"


def test_a_whole_trace_is_verified(trace: Path, invoke: Invoke) -> None:
    for path in (trace, trace.parent):
        result = invoke("replay", str(path))
        assert result.exit_code == 0
        assert "All 3 records came out bit for bit." in result.stdout
    document = json.loads(invoke("replay", str(trace), "--json").stdout)
    assert (document["ok"], document["verified"], document["mismatch"]) == (True, 3, None)


def test_an_altered_trace_is_refused(trace: Path, invoke: Invoke) -> None:
    trace.write_bytes(trace.read_bytes().replace(b'"step":1', b'"step":7', 1))
    result = invoke("replay", str(trace), "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "line " in result.stderr


def test_another_state_is_a_failure_with_exit_code_1(trace: Path, invoke: Invoke) -> None:
    kept = read_trace(trace)
    with create_log("other.jsonl", kept.header) as log:
        for record in kept.records:
            log.append(replace(record, state_hash="0" * 64) if record.number == 2 else record)
    result = invoke("replay", "other.jsonl", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["ok"], document["verified"], document["mismatch"]["record"]) == (False, 1, 2)
    assert "Record 2" in invoke("replay", "other.jsonl").stdout


def test_no_trace_is_told(invoke: Invoke) -> None:
    Path("empty.jsonl").touch()
    Path("folder").mkdir()
    for path in ("nowhere.jsonl", "empty.jsonl", "folder"):
        result = invoke("replay", path)
        assert result.exit_code == 2
        assert path in result.stderr
