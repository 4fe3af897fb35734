"""How a decision came about is in the trace, whatever a model put into it; traces from before it was kept still read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.traces.samples import header, record

from gridpilot.shield import review
from gridpilot.traces import create_log, read_trace
from gridpilot.traces.line import FIRST, open_line, record_of, seal_record
from gridpilot.twin import make_twin
from gridpilot.values import Action, Attempt, Candidate, Decision, Deliberation

ROW = Candidate((Action("STORAGE", "BESS", {"setpoint_mw": -3.0}),), (), -0.5, {"cost": -0.1}, 0.9, 0, 0, 0.97, 1.02, 0, 0, 0, True)
THOUGHT = Deliberation(
    "rules", "late: no answer", "tiny@3", (Attempt("busy", 12.5, "HTTP 429"), Attempt("late", 800.0)), (ROW, ROW), 1, ("doc-1",), 1800,
    ("says LN14 is at 1 %, and it is at 9 %",), True,
)  # fmt: skip


def test_a_deliberation_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = record()
    written = replace(written, decision=replace(written.decision, deliberation=THOUGHT))
    with create_log(tmp_path / "trace.jsonl", header()) as log:
        log.append(written)
    (read,) = read_trace(tmp_path / "trace.jsonl").records
    assert read.decision.deliberation == THOUGHT


def test_a_record_from_before_deliberations_were_kept_reads() -> None:
    body, _ = open_line(seal_record(record(), FIRST).line[:-1], FIRST)
    del body["decision"]["deliberation"]
    for view in body["views"]:
        del view["instructions"]
    read = record_of(body)
    assert read.decision.deliberation is None
    assert read.views[0].instructions == ()
    assert read == record_of(open_line(seal_record(record(), FIRST).line[:-1], FIRST)[0])


@pytest.mark.parametrize("invalid", [False, True])
@pytest.mark.parametrize("value", [float("nan"), object(), {"deep": float("inf")}])
def test_what_was_considered_can_be_written_down_whatever_it_was(value: object, invalid: bool, tmp_path: Path) -> None:
    """Candidates that were not chosen never see the shield's limits; their values are made plain all the same."""
    twin = make_twin("six-bus", seeds=(3,), cycles=1)
    odd = replace(ROW, actions=(Action("STORAGE", "BESS", {"setpoint_mw": value}),))
    decision = Decision("?", deliberation=replace(THOUGHT, candidates=(odd,)), invalid=invalid)
    reviewed = review(twin, twin.first(), decision).decision
    with create_log(tmp_path / "trace.jsonl", header()) as log:
        log.append(replace(record(), decision=reviewed))
    (read,) = read_trace(tmp_path / "trace.jsonl").records
    assert read.decision.deliberation is not None
    assert read.decision.deliberation.attempts == THOUGHT.attempts
