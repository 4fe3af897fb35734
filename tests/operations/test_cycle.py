"""The one loop: what it applies is what was reviewed, and nothing an agent does can stop it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.operations.actors import BATTERY, Failing, Scripted, battery

from gridpilot.errors import ConfigError, GridpilotError
from gridpilot.operations import Proposal, operate, run_cycles
from gridpilot.traces import Header, create_log, read_trace, state_hash
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Action, Decision, Verdict, View

CYCLES = 4


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin("six-bus", seeds=(3,), cycles=CYCLES)


@dataclass(frozen=True)
class ThisDesk:
    """A desk that gives one verdict."""

    kind: str
    actions: tuple[Action, ...]
    mode: str = "test"

    def review(self, proposal: Proposal) -> Verdict:
        return Verdict(self.kind, self.actions, "as the test says", "a person")


def untouched(twin: Twin) -> list[str]:
    """State hashes of the same cycles when nobody does anything."""
    state, hashes = twin.first(), []
    for _ in range(CYCLES):
        state = twin.step(state, state.setpoints).state
        hashes.append(state_hash(state))
    return hashes


def test_records_say_what_was_seen_decided_and_done(twin: Twin) -> None:
    agent = Scripted({1: (battery(-20.0),)})
    passed = list(run_cycles(twin, agent))
    assert [p.record.number for p in passed] == [1, 2, 3, 4]
    for view, (record, transition) in zip(agent.views, passed, strict=True):
        assert record.views == (view,)
        assert record.state_hash == state_hash(transition.state)
        assert record.moved.reward == transition.reward[0]
        assert record.moved.outcomes["cost_usd"] == transition.outcomes.cost_usd[0]
        assert record.moved.time == twin.time(transition.state) != view.time
        assert (record.agent, record.model) == ("scripted", "script-1")
        assert record.latency_ms >= 0
        assert record.preview is not None
    second = passed[1].record
    assert second.verdict == Verdict("approved", (battery(-20.0),), "", "auto", seq=1, at=second.verdict.at)
    assert second.verdict.at.endswith("+00:00")
    assert second.receipts[0].applied == -20.0
    assert passed[1].transition.state.devices["storage"].p_mw[0, 0] == pytest.approx(20.0)


def test_the_next_view_holds_the_receipts_and_what_happened(twin: Twin) -> None:
    agent = Scripted({0: (battery(-20.0),)})
    passed = list(run_cycles(twin, agent))
    assert agent.views[0].last_receipts == ()
    assert agent.views[1].last_receipts == passed[0].record.receipts
    assert agent.views[1].happenings == passed[0].record.moved.happenings
    assert agent.views[1].last_terms == passed[0].record.moved.terms


def test_an_agent_gets_a_view_and_nothing_else(twin: Twin) -> None:
    agent = Scripted()
    list(operate(twin, agent))
    assert all(isinstance(view, View) for view in agent.views)


@pytest.mark.parametrize(
    "error",
    [GridpilotError("no endpoint"), ValueError("no number"), KeyError("B9"), TimeoutError("10 s"), ZeroDivisionError(), TypeError("x")],
    ids=lambda error: type(error).__name__,
)
def test_an_agent_that_fails_has_done_nothing_and_the_run_goes_on(twin: Twin, error: Exception) -> None:
    records = list(operate(twin, Failing(error)))
    assert len(records) == CYCLES
    assert records[0].verdict.kind == "approved"
    for record in records[1:]:
        assert record.decision.invalid
        assert record.decision.assessment == f"{type(error).__name__}: {error}"
        assert record.verdict.kind == "refused"
        assert record.verdict.actions == ()
        assert record.receipts[0].outcome == "refused"
        assert str(error) in record.receipts[0].why


def test_an_agent_that_always_fails_equals_do_nothing(twin: Twin) -> None:
    @dataclass
    class Mute:
        name: str = "mute"

        def decide(self, view: View) -> Decision:
            return "raise everything"  # type: ignore[return-value]

    records = list(operate(twin, Mute()))
    assert [record.state_hash for record in records] == untouched(twin)
    assert "answered str, expected a Decision" in records[0].decision.assessment


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()], ids=lambda error: type(error).__name__)
def test_what_is_no_fault_of_an_agent_goes_through(twin: Twin, error: BaseException) -> None:
    cycles = operate(twin, Failing(error))
    next(cycles)
    with pytest.raises(type(error)):
        next(cycles)


def test_a_refused_decision_equals_do_nothing_and_says_why(twin: Twin) -> None:
    lines = twin.model.scenario.network.branch_name
    apart = tuple(Action("TOPOLOGY", name, {"status": "open"}) for name in lines)
    records = list(operate(twin, Scripted({0: apart})))
    assert [record.state_hash for record in records] == untouched(twin)
    assert records[0].verdict.kind == "refused"
    assert records[0].verdict.why
    assert {receipt.outcome for receipt in records[0].receipts} == {"refused"}


def test_a_desk_may_reject(twin: Twin) -> None:
    records = list(operate(twin, Scripted({0: (battery(-20.0),)}), ThisDesk("rejected", ())))
    assert [record.state_hash for record in records] == untouched(twin)
    assert [(r.outcome, r.why) for r in records[0].receipts] == [("refused", "as the test says")]
    assert records[0].verdict.by == "a person"


def test_a_desk_may_change_orders_and_its_own_pass_the_limits_too(twin: Twin) -> None:
    desk = ThisDesk("modified", (battery(5.0), Action("STORAGE", "NOWHERE", {"setpoint_mw": 1.0})))
    record = next(operate(twin, Scripted({0: (battery(-20.0),)}), desk))
    assert record.verdict.actions == (battery(5.0),)
    assert [(r.target, r.outcome) for r in record.receipts] == [(BATTERY, "refused"), (BATTERY, "applied"), ("NOWHERE", "refused")]


def test_what_is_yielded_is_in_the_trace_already(twin: Twin, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    with create_log(path, Header("six-bus", "simbench", "scripted", seed=3, cycles=CYCLES)) as log:
        for count, record in enumerate(operate(twin, Scripted({2: (battery(7.5),)}), log=log), start=1):
            kept = read_trace(path).records
            assert len(kept) == count
            seen = tuple(replace(view, preview=None, sensitivity={}, voltage_sensitivity={}, loss_sensitivity={}) for view in record.views)
            assert kept[-1] == replace(record, views=seen)


def test_a_run_may_be_shorter_than_its_world_but_not_longer(twin: Twin) -> None:
    assert len(list(operate(twin, Scripted(), cycles=2))) == 2
    for cycles in (0, CYCLES + 1):
        with pytest.raises(ConfigError, match=f"Asked for {cycles} cycles"):
            next(operate(twin, Scripted(), cycles=cycles))


def test_one_grid_is_operated_at_a_time() -> None:
    with pytest.raises(ConfigError, match="this twin has 2"):
        next(operate(make_twin("six-bus", seeds=(1, 2), cycles=CYCLES), Scripted()))
