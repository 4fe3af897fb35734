"""`check_agent`: what every agent must be, for those who write one."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from gridpilot.actions import REFUSED, decision_from_json, decision_to_json
from gridpilot.agents import make_agent
from gridpilot.scenarios import Scenario
from gridpilot.testing.compare import difference
from gridpilot.twin import Twin, make_twin
from gridpilot.values import RISK_LEVELS, Action, Agent, Decision, GridState, Receipt, Transition, View


def check_agent(agent: Agent | str, scenario: Scenario | str = "six_bus", *, cycles: int = 24, deterministic: bool = True) -> None:
    """Operates a grid for some cycles and raises `AssertionError` at the first thing that no agent may do.

    An agent has a name; answers every view with a `Decision` that the JSON face can hold; names verbs, targets and
    parameters that the view offers; leaves the view as it was; and, unless `deterministic` is False, decides the same
    on the same view.
    """
    if isinstance(agent, str):
        agent = make_agent(agent)
    assert isinstance(agent.name, str), f"an agent's name is text, found {type(agent.name).__name__}"
    assert agent.name, "an agent needs a name; found an empty one"
    twin = make_twin(scenario, cycles=cycles)
    for view, state in _operated(twin, agent):
        _check_answer(twin, agent, view, state, deterministic)


def _operated(twin: Twin, agent: Agent) -> Iterator[tuple[View, GridState]]:
    state = twin.first()
    last: Transition | None = None
    receipts: tuple[Receipt, ...] = ()
    for _ in range(twin.world.end_step):
        view = twin.observe(state, last=last, receipts=receipts)
        yield view, state
        setpoints, receipts = twin.order(state, agent.decide(view).actions)
        last = twin.step(state, setpoints)
        state = last.state


def _check_answer(twin: Twin, agent: Agent, view: View, state: GridState, deterministic: bool) -> None:
    where = f"agent {agent.name!r}, cycle {view.step}"
    before = _seen(view)
    decision = agent.decide(view)
    place = difference(before, _seen(view))
    assert not place, f"{where}: the view is the twin's, and the agent changed it at {place}"
    _check_decision(decision, where)
    _, receipts = twin.order(state, decision.actions)
    lost = [receipt for receipt in receipts if receipt.outcome == REFUSED and _is_not_offered(view, receipt)]
    assert not lost, f"{where}: ordered what the view does not offer: {lost[0].type} {lost[0].target} ({lost[0].why})"
    if deterministic:
        again = difference(decision, agent.decide(view))
        assert not again, f"{where}: decided otherwise on the same view: {again}"


def _seen(view: View) -> dict[str, object]:
    """A copy of everything in a view but its preview, which is a function."""
    return {name: deepcopy(getattr(view, name)) for name in View.__slots__ if name != "preview"}


def _check_decision(decision: object, where: str) -> None:
    assert isinstance(decision, Decision), f"{where}: answered {type(decision).__name__}, expected a Decision"
    assert decision.risk_level in RISK_LEVELS, f"{where}: risk level {decision.risk_level!r} is none of {', '.join(RISK_LEVELS)}"
    assert isinstance(decision.actions, tuple), f"{where}: actions are a tuple, found {type(decision.actions).__name__}"
    kinds = {type(action).__name__ for action in decision.actions} - {Action.__name__}
    assert not kinds, f"{where}: an action is an Action, found {sorted(kinds)}"
    if decision.invalid:
        assert not decision.actions, f"{where}: a decision that could not be read has no actions"
        return
    read = decision_from_json(decision_to_json(decision))
    place = difference((decision.assessment, decision.risk_level, decision.actions), (read.assessment, read.risk_level, read.actions))
    assert not place, f"{where}: the JSON face does not hold the decision: it comes back with another {place}"


def _is_not_offered(view: View, receipt: Receipt) -> bool:
    """Whether an order was refused for its words; one that the grid's situation forbids is the agent's own risk."""
    if receipt.target not in view.verbs.get(receipt.type, ()):
        return True
    return "parameter" in receipt.why or "must be" in receipt.why
