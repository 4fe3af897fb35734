"""The desk: what a person may say to a decision, and that nothing else is applied."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from tests.operations.actors import BATTERY, Scripted, battery

from gridpilot.errors import ConfigError, StaleVerdictError, VerdictError
from gridpilot.operations import AdviseDesk, Desk, Mailbox, Proposal, ReviewDesk, Ruling, operate
from gridpilot.operations.desk import ADVISED, APPROVED, HELD, MODIFIED, REFUSED, REJECTED, rule
from gridpilot.shield import ShieldResult, review
from gridpilot.traces import Record, state_hash
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Action, Decision, Verdict

CYCLES = 3
DISCHARGE = {0: (battery(-20.0),)}
ISLAND = tuple(Action("TOPOLOGY", name, {"status": "open"}) for name in ("LN01", "LN12"))


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin("six-bus", seeds=(3,), cycles=CYCLES)


def propose(twin: Twin, actions: tuple[Action, ...]) -> Proposal:
    state = twin.first()

    def check(others: Sequence[Action]) -> ShieldResult:
        return review(twin, state, Decision("a test", actions=tuple(others)))

    return Proposal(0, twin.observe(state), check(actions), check)


@dataclass
class Says:
    """An operator with a list of rulings; keeps what was wrong with each."""

    rulings: Sequence[Ruling | None]
    wrong: list[VerdictError | None] = field(default_factory=list)

    def ask(self, proposal: Proposal, patience_s: float, wrong: VerdictError | None) -> Ruling | None:
        ruling = self.rulings[len(self.wrong)]
        self.wrong.append(wrong)
        return ruling and replace(ruling, seq=proposal.seq if ruling.seq < 0 else ruling.seq)


def one(twin: Twin, desk: Desk | None, script: Mapping[int, tuple[Action, ...]] = DISCHARGE) -> Record:
    return next(operate(twin, Scripted(script), desk))


def held(twin: Twin) -> str:
    """Hash of the state after a cycle in which nobody does anything."""
    state = twin.first()
    return state_hash(twin.step(state, state.setpoints).state)


def test_an_approved_decision_is_applied_and_signed(twin: Twin) -> None:
    record = one(twin, ReviewDesk(Says([Ruling(APPROVED, -1, "Ada")])))
    assert (record.verdict.kind, record.verdict.by, record.verdict.seq) == (APPROVED, "Ada", 0)
    assert record.verdict.actions == (battery(-20.0),)
    assert record.state_hash == one(twin, None).state_hash != held(twin)


def test_a_rejected_decision_changes_nothing_and_keeps_its_reason(twin: Twin) -> None:
    operator = Says([Ruling(REJECTED, -1, "Ada"), Ruling(REJECTED, -1, "Ada", "keep it for tonight")])
    record = one(twin, ReviewDesk(operator))
    assert "needs a reason" in str(operator.wrong[1])
    assert (record.verdict.kind, record.verdict.why, record.verdict.actions) == (REJECTED, "keep it for tonight", ())
    assert record.decision.actions == (battery(-20.0),)
    assert record.state_hash == held(twin)
    assert [receipt.outcome for receipt in record.receipts] == ["refused"]


def test_a_modified_decision_is_applied_and_both_versions_are_kept(twin: Twin) -> None:
    record = one(twin, ReviewDesk(Says([Ruling(MODIFIED, -1, "Ada", actions=(battery(-5.0),))])))
    assert record.decision.actions == (battery(-20.0),)
    assert (record.verdict.kind, record.verdict.actions) == (MODIFIED, (battery(-5.0),))
    assert record.state_hash == one(twin, None, {0: (battery(-5.0),)}).state_hash
    assert [receipt.outcome for receipt in record.receipts] == ["refused", "applied"]


def test_a_modification_stays_within_what_devices_can_do(twin: Twin) -> None:
    proposal = propose(twin, DISCHARGE[0])
    wrong = (battery(-2000.0), Action("STORAGE", "NOWHERE", {"setpoint_mw": 1.0}))
    with pytest.raises(VerdictError) as caught:
        rule(proposal, Ruling(MODIFIED, 0, "Ada", actions=wrong))
    assert [problem.where for problem in caught.value.problems] == [f"STORAGE {BATTERY}", "STORAGE NOWHERE"]


def test_what_the_shield_refuses_no_person_can_apply(twin: Twin) -> None:
    refused = propose(twin, ISLAND)
    assert refused.result.refused, "the test needs orders that are worse than none"
    with pytest.raises(VerdictError, match="shield refused"):
        rule(refused, Ruling(APPROVED, 0, "Ada"))
    with pytest.raises(VerdictError, match="shield refuses"):
        rule(propose(twin, DISCHARGE[0]), Ruling(MODIFIED, 0, "Ada", actions=ISLAND))


@dataclass(frozen=True)
class Careless:
    """A desk that lets anything through."""

    actions: tuple[Action, ...]
    mode: str = "careless"

    def review(self, proposal: Proposal) -> Verdict:
        return Verdict(MODIFIED, self.actions, "because I say so", "Eve")


def test_the_loop_does_not_trust_a_desk(twin: Twin) -> None:
    record = one(twin, Careless(ISLAND))
    assert (record.verdict.kind, record.verdict.actions, record.verdict.by) == (REFUSED, (), "Eve")
    assert record.state_hash == held(twin)


@pytest.mark.parametrize(
    ("ruling", "said"),
    [
        (Ruling(APPROVED, 0, ""), "name of its operator"),
        (Ruling("perhaps", 0, "Ada"), "expected one of approved, modified, rejected, held"),
        (Ruling(MODIFIED, 0, "Ada"), "without orders"),
        (Ruling(APPROVED, 0, "Ada", actions=(battery(1.0),)), "no orders of its own"),
    ],
)
def test_a_ruling_that_is_none_is_refused(twin: Twin, ruling: Ruling, said: str) -> None:
    with pytest.raises(VerdictError, match=said):
        rule(propose(twin, DISCHARGE[0]), ruling)


def test_a_stale_verdict_is_refused_and_asked_for_again(twin: Twin) -> None:
    operator = Says([Ruling(APPROVED, 7, "Ada"), Ruling(HELD, -1, "Ada", "too late for that")])
    record = one(twin, ReviewDesk(operator))
    assert isinstance(operator.wrong[1], StaleVerdictError)
    assert (record.verdict.kind, record.verdict.why) == (HELD, "too late for that")
    assert record.state_hash == held(twin)


def test_at_the_deadline_everything_is_held(twin: Twin) -> None:
    record = one(twin, ReviewDesk(Says([None]), 30.0))
    assert (record.verdict.kind, record.verdict.by) == (HELD, "review")
    assert "within 30 s" in record.verdict.why
    assert record.state_hash == held(twin)


def test_wrong_answers_do_not_move_the_deadline(twin: Twin) -> None:
    clock = iter([0.0, 1.0, 8.0, 10.5])
    operator = Says([Ruling(REJECTED, -1, "Ada")] * 2 + [Ruling(APPROVED, -1, "Ada")])
    assert one(twin, ReviewDesk(operator, 10.0, now_s=lambda: next(clock))).verdict.kind == HELD
    assert len(operator.wrong) == 2


def test_an_operator_is_not_asked_where_nothing_is_to_be_done(twin: Twin) -> None:
    operator = Says([])
    assert one(twin, ReviewDesk(operator), {}).verdict.kind == APPROVED
    assert operator.wrong == []


def test_advice_is_shown_and_not_applied(twin: Twin) -> None:
    record = one(twin, AdviseDesk())
    assert (record.verdict.kind, record.verdict.actions) == (ADVISED, ())
    assert record.preview is not None
    assert record.preview.candidates[0].actions == (battery(-20.0),)
    assert record.state_hash == held(twin)


def test_a_deadline_is_above_zero() -> None:
    with pytest.raises(ConfigError, match="more than 0"):
        ReviewDesk(Says([]), 0.0)


# ------------------------------------------------------------------------------------------------------- from code


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def running(twin: Twin, mailbox: Mailbox) -> Iterator[list[Record]]:
    """A grid operated in a thread of its own, with a decision in every cycle, reviewed through the mailbox."""
    records: list[Record] = []
    agent = Scripted({k: (battery(-10.0 - k),) for k in range(CYCLES)})
    thread = threading.Thread(target=lambda: records.extend(operate(twin, agent, ReviewDesk(mailbox, 60.0))), daemon=True)
    thread.start()
    yield records
    while thread.is_alive():
        waiting = mailbox.wait_for_proposal(timeout_s=0.1)
        if waiting is not None:
            mailbox.post(Ruling(HELD, waiting.seq, "cleaner"))
    thread.join()


def test_rulings_come_from_other_threads_and_each_is_taken_once(mailbox: Mailbox, running: list[Record]) -> None:
    first = mailbox.wait_for_proposal(0, 60.0)
    assert first is not None
    verdict = mailbox.post(Ruling(APPROVED, 0, "Ada"), key="press-1")
    assert mailbox.post(Ruling(APPROVED, 0, "Ada"), key="press-1") == verdict  # a double press
    second = mailbox.wait_for_proposal(1, 60.0)
    assert second is not None
    with pytest.raises(StaleVerdictError, match="on state 0, and the grid stands at state 1"):
        mailbox.post(Ruling(APPROVED, 0, "Ada"))
    with pytest.raises(VerdictError, match="needs a reason"):
        mailbox.post(Ruling(REJECTED, 1, "Ada"))
    mailbox.post(Ruling(REJECTED, 1, "Ada", "not now"))
    third = mailbox.wait_for_proposal(2, 60.0)
    assert third is not None
    mailbox.post(Ruling(MODIFIED, 2, "Bob", actions=(battery(-3.0),)))
    for _ in range(600):
        if len(running) == CYCLES:
            break
        threading.Event().wait(0.1)
    assert [(record.verdict.kind, record.verdict.by, record.verdict.seq) for record in running] == [
        (APPROVED, "Ada", 0), (REJECTED, "Ada", 1), (MODIFIED, "Bob", 2),
    ]  # fmt: skip


def test_nothing_can_be_ruled_on_where_nothing_waits(mailbox: Mailbox) -> None:
    with pytest.raises(StaleVerdictError, match="no proposal waits"):
        mailbox.post(Ruling(APPROVED, 0, "Ada"))
    assert mailbox.proposal is None


def test_after_the_deadline_a_ruling_is_stale(twin: Twin, mailbox: Mailbox) -> None:
    assert one(twin, ReviewDesk(mailbox, 0.01)).verdict.kind == HELD
    with pytest.raises(StaleVerdictError):
        mailbox.post(Ruling(APPROVED, 0, "Ada"))


def test_a_decision_that_cannot_be_read_is_no_proposal_to_approve(twin: Twin) -> None:
    broken = review(twin, twin.first(), Decision("not JSON", invalid=True))
    proposal = replace(propose(twin, ()), result=broken)
    assert not proposal.asks_nothing
    with pytest.raises(VerdictError, match="shield refused"):
        rule(proposal, Ruling(APPROVED, 0, "Ada"))
