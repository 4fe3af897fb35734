"""The optimiser moves what the reward pays for, inside the limits, and not on its program's word alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.twin import small

from gridpilot.agents import make_agent
from gridpilot.agents.limits import Margins
from gridpilot.agents.lookahead import Lookahead
from gridpilot.agents.opf import Opf
from gridpilot.scenarios import ProtectionSettings, RewardSettings
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Action, Agent, Preview

RELAYS = ProtectionSettings(overload_delay_h=0.5)
FREE = RewardSettings(weights={"cost": 0.0, "emissions": 0.0})


def day_under(name: str | Agent, scenario: str = "six_bus", seed: int = 0) -> float:
    """Reward of a day in half hours."""
    twin, agent = make_twin(scenario, seeds=(seed,), cycle_minutes=30.0), make_agent(name) if isinstance(name, str) else name
    state, total = twin.first(), 0.0
    for _ in range(48):
        moved = small.obeyed(twin, state, *agent.decide(twin.observe(state)).actions)
        total, state = total + float(moved.reward[0]), moved.state
    return total


def overloaded() -> Twin:
    """AC is 10 % above its rating, and opens after half an hour."""
    return small.twin(small.scenario(ratings_mva=(500.0, 48.0, 500.0), slack={"initial_mw": 60.0}, protection=RELAYS, rewards=FREE))


def test_it_relieves_an_overload_before_it_trips() -> None:
    twin, agent = overloaded(), Opf()
    state = twin.first()
    assert state.flow.loading[0, small.AC] > 1.0
    for _ in range(4):
        moved = small.obeyed(twin, state, *agent.decide(twin.observe(state)).actions)
        assert not moved.events.tripped.any()
        state = moved.state
    assert state.flow.loading[0, small.AC] < 1.0


def test_flows_voltages_and_slack_of_its_linear_model_are_what_the_twin_then_does() -> None:
    """What the program believes of a small order is what a step does, around the same weather."""
    twin = small.twin(small.scenario(slack={"initial_mw": 60.0}))
    state = small.held(twin, twin.first(), 2)[-1].state
    view = twin.observe(state)
    program = Lookahead(view, Margins())
    unit = [device.name for device in program.moved].index(small.UNIT)
    told = float(view.devices[small.UNIT].values["setpoint_mw"])
    moved = twin.observe(small.obeyed(twin, state, Action("REDISPATCH", small.UNIT, {"target_mw": told + 2.0})).state)
    held = twin.observe(small.obeyed(twin, state).state)
    change = {
        "slack": moved.summary["slack_mw"] - held.summary["slack_mw"],
        "flow": float(moved.branches["AC"].values["p_mw"]) - float(held.branches["AC"].values["p_mw"]),
        "voltage": float(moved.buses["C"].values["v_pu"]) - float(held.buses["C"].values["v_pu"]),
        "losses": moved.summary["losses_mw"] - held.summary["losses_mw"],
    }
    assert change["slack"] == pytest.approx(2.0 * program.to_slack[unit], rel=0.01)
    assert change["flow"] == pytest.approx(2.0 * view.sensitivity[small.UNIT]["AC"], rel=0.05)
    assert change["losses"] == pytest.approx(2.0 * view.loss_sensitivity[small.UNIT], abs=0.01)
    assert change["voltage"] == pytest.approx(2.0 * view.voltage_sensitivity[small.UNIT]["C"], abs=1e-4)


def test_energy_is_bought_where_it_is_cheapest_for_the_reward() -> None:
    """Two units of equal emissions: the dearer one gives what the slack's band does not take."""
    for cost_b, raised in ((1.0, True), (500.0, False)):
        made = small.scenario(unit={"cost_b": cost_b, "initial_mw": 40.0}, slack={"initial_mw": 60.0, "cost_b": 50.0})
        twin = small.twin(made)
        state = small.held(twin, twin.first(), 1)[-1].state
        program = Lookahead(twin.observe(state), Margins())
        wanted = program.solve()
        assert wanted is not None
        unit = [device.name for device in program.moved].index(small.UNIT)
        assert bool(wanted[unit] > 40.0) is raised


def test_orders_the_preview_does_not_bear_out_are_not_given() -> None:
    """Where every order looks worse than holding, it holds, whatever its program said."""
    twin = overloaded()
    view = twin.observe(twin.first())
    assert view.preview is not None
    ask = view.preview
    asked: list[Sequence[Action]] = []

    def pessimist(candidates: Sequence[Sequence[Action]], horizon: int | None = None) -> Preview:
        asked.extend(candidates)
        seen = ask(candidates, horizon)
        return replace(seen, candidates=tuple(replace(one, reward=one.reward - 1e6) for one in seen.candidates))

    assert Opf().decide(view).actions
    decision = Opf().decide(replace(view, preview=pessimist))
    assert asked
    assert decision.actions == ()
    assert "holding is best" in decision.assessment


def test_smaller_versions_of_the_orders_are_among_the_candidates() -> None:
    twin = overloaded()
    view = twin.observe(twin.first())
    assert view.preview is not None
    ask = view.preview
    asked: list[Sequence[Action]] = []

    def listen(candidates: Sequence[Sequence[Action]], horizon: int | None = None) -> Preview:
        asked.extend(candidates)
        return ask(candidates, horizon)

    Opf().decide(replace(view, preview=listen))
    first = asked[:3]
    sizes = [
        sum(abs(float(next(iter(a.params.values()))) - float(view.devices[a.target].values["setpoint_mw"])) for a in plan) for plan in first
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.5 * sizes[-1] > 0


def test_a_branch_that_stands_open_is_closed() -> None:
    made = small.scenario(
        ratings_mva=(500.0, 500.0, 130.0), slack={"initial_mw": 140.0}, battery={"p_max_mw": 1.0}, protection=RELAYS, rewards=FREE
    )
    twin = small.twin(made, demand_mw=180.0)
    state = small.obeyed(twin, twin.first(), small.switch("AC", "open")).state
    decision = Opf().decide(twin.observe(state))
    assert ("TOPOLOGY", "AC", "closed") in {(a.type, a.target, a.params.get("status")) for a in decision.actions}


def test_what_hangs_on_a_dead_bus_is_not_counted_on() -> None:
    twin = small.twin(sun_mw=20.0)
    state = small.obeyed(twin, twin.first(), small.switch("AC", "open"), small.switch("BC", "open")).state
    program = Lookahead(twin.observe(state), Margins())
    assert {device.name for device in program.moved} == {small.UNIT}


@pytest.mark.parametrize("scenario", ["six_bus", "ieee14"])
def test_a_day_is_better_than_under_rules(scenario: str) -> None:
    assert day_under("opf", scenario) > day_under("rules", scenario) > day_under("do-nothing", scenario)


def test_the_same_view_made_twice_is_decided_the_same() -> None:
    decisions = []
    for _ in range(2):
        twin = make_twin("ieee14", seeds=(3,), cycle_minutes=15.0)
        state = small.held(twin, twin.first(), 30)[-1].state
        decisions.append(Opf().decide(twin.observe(state)))
    assert decisions[0] == decisions[1]


def test_without_a_preview_it_says_what_it_needs() -> None:
    twin = small.twin()
    with pytest.raises(ValueError, match="needs a view with system visibility; role 'operator' has none"):
        Opf().decide(replace(twin.observe(twin.first()), preview=None))


def test_energy_in_storage_is_kept_at_its_value() -> None:
    """A battery sells what is worth nothing later, and keeps what is worth more than now."""
    made = small.scenario(
        slack={"initial_mw": 60.0, "cost_b": 100.0}, unit={"cost_b": 100.0, "initial_mw": 40.0}, battery={"energy_max_mwh": 1e3}
    )
    twin = small.twin(made)
    state = small.held(twin, twin.first(), 1)[-1].state
    program = Lookahead(twin.observe(state), Margins(scarce=3.0, plenty=2.0))
    hoarded = program.solve()
    sold = Lookahead(twin.observe(state), Margins(scarce=0.0, plenty=0.0)).solve()
    assert hoarded is not None
    assert sold is not None
    battery = [device.name for device in program.moved].index(small.BATTERY)
    assert hoarded[battery] <= 0.0 < sold[battery]
    assert np.isfinite(sold).all()
