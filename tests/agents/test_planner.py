"""The planner finds what helps on the outlook, and leaves a grid alone that needs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.twin import small

from gridpilot.agents import make_agent
from gridpilot.agents.planner import Planner
from gridpilot.scenarios import ProtectionSettings, RewardSettings
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Action, Decision, Preview, Transition

RELAYS = ProtectionSettings(overload_delay_h=0.5)
FREE = RewardSettings(weights={"cost": 0.0, "emissions": 0.0})
"""Nothing has a price, so that only the state of the grid counts."""


def overloaded() -> Twin:
    """AC is 10 % above its rating, and opens after half an hour."""
    return small.twin(small.scenario(ratings_mva=(500.0, 48.0, 500.0), slack={"initial_mw": 60.0}, protection=RELAYS, rewards=FREE))


def calm() -> Twin:
    return small.twin(small.scenario(slack={"initial_mw": 60.0}, protection=RELAYS, rewards=FREE))


def operated(twin: Twin, agent: Planner, steps: int) -> list[tuple[Decision, Transition]]:
    state, moves = twin.first(), []
    for _ in range(steps):
        decision = agent.decide(twin.observe(state))
        moves.append((decision, small.obeyed(twin, state, *decision.actions)))
        state = moves[-1][1].state
    return moves


def test_it_relieves_an_overload_that_holding_would_let_trip() -> None:
    twin = overloaded()
    assert any(moved.events.tripped.any() for moved in small.held(twin, twin.first(), 4))
    moves = operated(twin, Planner(), 4)
    assert moves[0][0].actions
    assert moves[0][1].outcomes.max_loading[0] < 1.0
    assert not any(moved.events.tripped.any() for _, moved in moves)
    assert not any(moved.outcomes.unserved_mwh.any() for _, moved in moves)


def test_what_it_orders_is_better_on_the_outlook_than_nothing() -> None:
    twin = overloaded()
    view = twin.observe(twin.first())
    assert view.preview is not None
    seen = view.preview([Planner().decide(view).actions], Planner().horizon)
    assert seen.candidates[0].reward > seen.nothing.reward
    assert seen.candidates[0].overload_min < seen.nothing.overload_min


def test_it_says_which_branch_and_why_each_order_was_given() -> None:
    twin = overloaded()
    decision = Planner().decide(twin.observe(twin.first()))
    assert "AC at 11" in decision.assessment
    assert "the plan to" in decision.assessment
    assert decision.risk_level == "HIGH"
    assert all(action.reason for action in decision.actions)


def test_it_proposes_nothing_where_nothing_helps() -> None:
    twin = calm()
    decision = Planner().decide(twin.observe(twin.first()))
    assert decision.actions == ()
    assert "no plan on the outlook is better" in decision.assessment
    assert decision.risk_level == "LOW"


def test_it_does_not_act_for_less_than_it_is_worth() -> None:
    twin = overloaded()
    decision = Planner(worth_it=1e6).decide(twin.observe(twin.first()))
    assert decision.actions == ()
    assert decision.risk_level == "HIGH"


def test_it_closes_what_stands_open_where_that_helps() -> None:
    """With AC open, BC carries all of 180 MW, and neither the battery nor flexible load can bring it to its rating."""
    made = small.scenario(
        ratings_mva=(500.0, 500.0, 130.0), slack={"initial_mw": 140.0}, battery={"p_max_mw": 1.0}, protection=RELAYS, rewards=FREE
    )
    twin = small.twin(made, demand_mw=180.0)
    state = small.obeyed(twin, twin.first(), small.switch("AC", "open")).state
    assert state.flow.loading[0, small.BC] > 1.0
    decision = Planner().decide(twin.observe(state))
    assert ("TOPOLOGY", "AC", "closed") in {(a.type, a.target, a.params.get("status")) for a in decision.actions}
    assert small.obeyed(twin, state, *decision.actions).outcomes.max_loading[0] < 1.0


@pytest.mark.parametrize("name", ["six_bus", "ieee14"])
def test_it_opens_no_branch_where_none_is_overloaded(name: str) -> None:
    twin, agent = make_twin(name, seeds=(1,), cycle_minutes=60.0), Planner()
    state, calm_views = twin.first(), 0
    for _ in range(24):
        view = twin.observe(state)
        decision = agent.decide(view)
        if view.summary["max_loading"] <= 1.0:
            calm_views += 1
            assert not [action for action in decision.actions if action.params.get("status") == "open"]
        state = small.obeyed(twin, state, *decision.actions).state
    assert calm_views > 12


def test_it_opens_one_branch_at_a_time() -> None:
    """Where opening costs nothing and every pair of branches looks good, a plan still holds one opening only."""
    twin = overloaded()
    view = twin.observe(twin.first())
    assert view.preview is not None
    ask = view.preview
    asked: list[Sequence[Action]] = []

    def tempting(candidates: Sequence[Sequence[Action]], horizon: int | None = None) -> Preview:
        asked.extend(candidates)
        seen = ask(candidates, horizon)
        opened = [sum(action.params.get("status") == "open" for action in actions) for actions in candidates]
        better = [replace(one, reward=100.0 * count, survives=True) for one, count in zip(seen.candidates, opened, strict=True)]
        return replace(seen, candidates=tuple(better))

    decision = Planner(opening_cost=0.0).decide(replace(view, preview=tempting))
    assert [action.params for action in decision.actions if action.type == "TOPOLOGY"] == [{"status": "open"}]
    assert max(sum(action.params.get("status") == "open" for action in actions) for actions in asked) == 1
    state = small.obeyed(twin, twin.first(), small.switch("AB", "open")).state
    assert state.flow.loading[0].max() > 1.0
    again = Planner().decide(twin.observe(state))
    assert not [action for action in again.actions if action.params.get("status") == "open"], "one stands open already"


def test_the_same_view_made_twice_is_decided_the_same() -> None:
    decisions = []
    for _ in range(2):
        twin = make_twin("six_bus", seeds=(3,), cycle_minutes=15.0)
        state = small.held(twin, twin.first(), 30)[-1].state
        decisions.append(Planner().decide(twin.observe(state)))
    assert decisions[0] == decisions[1]


def test_a_day_under_the_planner_is_better_than_a_day_of_holding() -> None:
    rewards = {}
    for name in ("do-nothing", "planner"):
        twin = make_twin("six_bus", seeds=(0,), cycle_minutes=30.0)
        state, agent, rewards[name] = twin.first(), make_agent(name), 0.0
        for _ in range(48):
            moved = small.obeyed(twin, state, *agent.decide(twin.observe(state)).actions)
            rewards[name] += float(moved.reward[0])
            state = moved.state
    assert rewards["planner"] > rewards["do-nothing"]


def test_without_a_preview_it_says_what_it_needs() -> None:
    twin = calm()
    with pytest.raises(ValueError, match="needs a view with system visibility; role 'operator' has none"):
        Planner().decide(replace(twin.observe(twin.first()), preview=None))


def test_it_proposes_what_moves_a_low_voltage_most() -> None:
    """Bus C is low: devices there move it, by as much as brings it back and the sensitivity says."""
    twin = small.twin(demand_mw=300.0, ratings_mva=(500.0, 500.0, 500.0))
    state = small.held(twin, twin.first(), 1)[-1].state
    view = twin.observe(state)
    raised = {"C": replace(view.buses["C"], values={**view.buses["C"].values, "v_min_pu": float(view.buses["C"].values["v_pu"]) + 1e-4})}
    assert view.preview is not None
    ask = view.preview
    asked: list[Sequence[Action]] = []

    def listen(candidates: Sequence[Sequence[Action]], horizon: int | None = None) -> Preview:
        asked.extend(candidates)
        return ask(candidates, horizon)

    Planner().decide(replace(view, buses={**view.buses, **raised}, preview=listen))
    support = [action for move in asked for action in move if "voltage band" in action.reason]
    assert {small.BATTERY, small.LOAD} & {action.target for action in support}
    battery = next(action for action in support if action.target == small.BATTERY)
    wanted_mw = (1e-4 + Planner().margin_v_pu) / view.voltage_sensitivity[small.BATTERY]["C"]
    assert battery.params["setpoint_mw"] == pytest.approx(-min(wanted_mw, 50.0), abs=0.1)
