"""Mode `review` in a terminal: what is shown, what may be typed, and what comes of it."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console
from tests.operations.actors import BATTERY, battery

from gridpilot.cli.edits import change
from gridpilot.cli.lines import READER, StandardInput
from gridpilot.cli.prompt import TerminalOperator
from gridpilot.errors import ActionError, VerdictError
from gridpilot.operations import Proposal, Ruling
from gridpilot.shield import ShieldResult, review
from gridpilot.traces import read_trace, replay
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Action, Decision

ISLAND = tuple(Action("TOPOLOGY", name, {"status": "open"}) for name in ("LN01", "LN12"))


class Typed:
    """Lines of a script; at its end nothing more is typed."""

    def __init__(self, *lines: str, ends: bool = False) -> None:
        self._lines, self._ends, self.forgotten = list(lines), ends, 0

    def forget(self) -> None:
        self.forgotten += 1

    def next(self, patience_s: float) -> str:
        if self._lines:
            return self._lines.pop(0)
        raise EOFError if self._ends else TimeoutError


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin("six-bus", seeds=(3,), cycles=2)


def propose(twin: Twin, *actions: Action) -> Proposal:
    state = twin.first()

    def check(others: Sequence[Action]) -> ShieldResult:
        return review(twin, state, Decision("LN12 is at 94 %", "HIGH", tuple(others), agent="scripted"))

    return Proposal(0, twin.observe(state), check(actions), check)


def answer(proposal: Proposal, *typed: str, wrong: VerdictError | None = None) -> tuple[Ruling | None, str]:
    shown = io.StringIO()
    operator = TerminalOperator("Ada", lines=Typed(*typed), console=Console(file=shown, width=120, highlight=False))
    return operator.ask(proposal, 60.0, wrong), shown.getvalue()


def test_a_proposal_shows_what_it_would_lead_to_beside_doing_nothing(twin: Twin) -> None:
    proposal = propose(twin, battery(-20.0))
    _, shown = answer(proposal)
    nothing, ordered = proposal.result.preview.nothing, proposal.result.preview.candidates[0]
    for part in ("Proposal 0", "HIGH", "LN12 is at 94 %", f"STORAGE {BATTERY} setpoint_mw -20.0", "[a]pprove", "within 60 s"):
        assert part in shown
    for row in (nothing, ordered):
        assert f"{row.max_loading:.0%}" in shown
        assert f"{row.reward:.2f}" in shown


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["a"], Ruling("approved", 0, "Ada")),
        (["r it is cloudy"], Ruling("rejected", 0, "Ada", "it is cloudy")),
        (["hold"], Ruling("held", 0, "Ada")),
        (["", "?", "A"], Ruling("approved", 0, "Ada")),
        (["m 1 -5", "a"], Ruling("modified", 0, "Ada", actions=(battery(-5),))),
        (["w 1 -5", "a"], Ruling("approved", 0, "Ada")),
        (["m 1 -5", "u", "a"], Ruling("approved", 0, "Ada")),
        (["m 1", "m 7 3", "m + FLY somewhere 3", "a"], Ruling("approved", 0, "Ada")),
        ([], None),
    ],
)
def test_what_is_typed_is_what_is_ruled(twin: Twin, typed: list[str], expected: Ruling | None) -> None:
    assert answer(propose(twin, battery(-20.0)), *typed)[0] == expected


def test_edits_are_previewed(twin: Twin) -> None:
    proposal = propose(twin, battery(-20.0))
    shown = answer(proposal, "w 1 -5")[1]
    assert f"{proposal.what_if([battery(-5)]).preview.candidates[0].reward:.2f}" in shown
    assert "what if" in shown


def test_what_the_shield_says_is_shown(twin: Twin) -> None:
    assert "The shield refuses this" in answer(propose(twin, *ISLAND))[1]
    assert "clipped" in answer(propose(twin, battery(-9000.0)))[1]
    assert "needs a reason" in answer(propose(twin, battery(-20.0)), wrong=VerdictError("A rejection needs a reason."))[1]


@pytest.mark.parametrize("typed", [["q"], []])
def test_quitting_and_the_end_of_the_input_end_the_run(twin: Twin, typed: list[str]) -> None:
    operator = TerminalOperator("Ada", lines=Typed(*typed, ends=True), console=Console(file=io.StringIO()))
    with pytest.raises(KeyboardInterrupt):
        operator.ask(propose(twin, battery(-20.0)), math.inf, None)


def test_what_was_typed_for_an_earlier_proposal_is_forgotten_once(twin: Twin) -> None:
    lines = Typed("r", "a")
    operator = TerminalOperator("Ada", lines=lines, console=Console(file=io.StringIO()))
    proposal = propose(twin, battery(-20.0))
    operator.ask(proposal, 60.0, None)
    operator.ask(proposal, 60.0, VerdictError("needs a reason"))
    assert lines.forgotten == 1


# ----------------------------------------------------------------------------------------------------- edits, lines


def test_edits() -> None:
    first, second = battery(-20.0), Action("TOPOLOGY", "LN01", {"status": "open"})
    assert change([first, second], "2 closed") == (first, Action("TOPOLOGY", "LN01", {"status": "closed"}))
    assert change([first, second], "drop 1") == (second,)
    added = change([first], "+ redispatch B2 120.5")[-1]
    assert (added.type, added.target, added.params) == ("REDISPATCH", "B2", {"target_mw": 120.5})


@pytest.mark.parametrize("typed", ["", "1", "0 5", "3 5", "x 5", "drop 9", "+ STORAGE B1", "1 2 3"])
def test_edits_that_cannot_be_read_are_refused(typed: str) -> None:
    with pytest.raises(ActionError, match="expected"):
        change([battery(-20.0)], typed)


def test_lines_come_in_order_and_then_end() -> None:
    lines = StandardInput(io.StringIO("one\ntwo\n"))
    lines.forget()  # a script is not forgotten
    assert [lines.next(60.0), lines.next(math.inf)] == ["one", "two"]
    for _ in range(2):
        with pytest.raises(EOFError):
            lines.next(60.0)


class Keyboard(io.StringIO):
    """A terminal at which everything has been typed already."""

    def isatty(self) -> bool:
        return True


def test_what_was_typed_at_a_terminal_can_be_forgotten() -> None:
    lines = StandardInput(Keyboard("a\nb\n"))
    assert lines.next(60.0) == "a"
    all_read()
    lines.forget()
    with pytest.raises(EOFError):
        lines.next(60.0)


def test_a_deadline_passes() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stream:
        with os.fdopen(writing, "w"), pytest.raises(TimeoutError):
            StandardInput(stream).next(0.01)
        all_read()


def all_read() -> None:
    """Wait until every reader has come to the end of its input."""
    for thread in threading.enumerate():
        if thread.name == READER:
            thread.join(60.0)


# ------------------------------------------------------------------------------------------------------ the command


def run(process: Callable[..., subprocess.CompletedProcess[str]], typed: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return process("run", "--agent", "planner", "--mode", "review", "--operator", "Ada", "--cycles", "6", *arguments, typed=typed)


def test_a_run_is_reviewed_line_by_line(process: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run(process, "a\nr too dear\n" + "h\n" * 6)
    assert done.returncode == 0, done.stderr
    assert "Proposal" in done.stdout
    (folder,) = Path("runs").iterdir()
    trace = read_trace(folder / "trace.jsonl")
    asked = [record.verdict for record in trace.records if record.decision.actions]
    assert [(verdict.kind, verdict.by) for verdict in asked[:2]] == [("approved", "Ada"), ("rejected", "Ada")]
    assert asked[1].why == "too dear"
    assert trace.header.desk == "review"
    assert replay(folder / "trace.jsonl").verified == 6


def test_with_json_the_dialogue_is_on_stderr(process: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run(process, "q\n", "--json")
    assert "Proposal" in done.stderr
    assert done.returncode == 130
    assert done.stdout == "" or json.loads(done.stdout)["run"]["interrupted"]
