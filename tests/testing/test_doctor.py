"""The doctor passes what is sound, and every check fails on a scenario that was broken on purpose."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.errors import UnknownNameError
from gridpilot.scenarios import Scenario, scenario_titles
from gridpilot.testing import Finding, Patient, examine, run_doctor
from gridpilot.testing.checks import checks
from gridpilot.testing.patient import variant
from gridpilot.twin import Twin
from gridpilot.values import REWARD_TERMS, Action, GridState, Preview, Receipt, Setpoints, Transition, View


def finding(twin: Twin, name: str) -> Finding:
    """What one check finds."""
    (found,) = examine(Patient(twin), [check for check in checks() if check.name == name])
    return found


def as_a(kind: type[Twin], twin: Twin) -> Twin:
    return kind(twin.model, twin.world, twin.forecast_seed)


def with_parameters(twin: Twin, kind: str, **changes: Any) -> Twin:
    """The twin with parameters of one kind of device replaced by numbers for all of them."""
    scenario = twin.model.scenario
    table = scenario.tables[kind]
    new = {name: np.full(len(table), value) for name, value in changes.items()}
    changed = replace(table, parameters=table.parameters._replace(**new))
    return variant(twin, replace(scenario, tables={**scenario.tables, kind: changed}))


def with_network(twin: Twin, **changes: Any) -> Twin:
    scenario = twin.model.scenario
    return variant(twin, replace(scenario, network=replace(scenario.network, **changes)))


def with_column(twin: Twin, driver: str, values: Any) -> Twin:
    """The twin in a world where one driver is replaced."""
    table = twin.world.table.copy()
    table[:, twin.model.scenario.drivers().index(driver)] = values
    table.setflags(write=False)
    return replace(twin, world=replace(twin.world, table=table))


# ------------------------------------------------------------------------------------------------------ health


@pytest.mark.parametrize("scenario", sorted(scenario_titles()))
def test_every_scenario_that_ships_is_sound(scenario: str) -> None:
    report = run_doctor(scenario, cycle_minutes=15.0)
    assert report.passed, [f"{f.name}: {f.sentence}" for f in report.failures]
    assert len(report.findings) == len(checks())


def test_a_grid_that_grows_is_sound() -> None:
    """What is built during the day is examined from then on, and a new plant after dusk is no dead one."""
    report = run_doctor("six-bus", growth=True, cycle_minutes=15.0)
    assert report.passed, [f"{f.name}: {f.sentence}" for f in report.failures]
    still = run_doctor("six-bus", cycle_minutes=60.0)
    controls = [next(f for f in one.findings if f.name == "limits").measured["controls"] for one in (report, still)]
    assert controls[0] > controls[1]


def test_report_is_json() -> None:
    report = run_doctor("six-bus", cycle_minutes=60.0, seeds=(0, 1))
    face = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert [check["name"] for check in face["checks"]] == [check.name for check in checks()]
    assert face["scenario"] == "six_bus"
    assert face["profiles"] == "simbench"


def test_a_scenario_nobody_knows_has_no_doctor() -> None:
    with pytest.raises(UnknownNameError):
        run_doctor("seven-bus")


def test_an_error_inside_a_check_is_a_finding(healthy: Twin) -> None:
    class Failing(Twin):
        def preview(self, *args: Any, **kwargs: Any) -> Preview:
            raise UnknownNameError("plan", "x", ("y",))

    found = finding(as_a(Failing, healthy), "preview_blind")
    assert not found.passed
    assert "could not be finished" in found.sentence


# -------------------------------------------------------------------------------------------------------- time


class StoppedClock(Twin):
    """Every step is the first one again."""

    def step(self, state: GridState, setpoints: Setpoints) -> Transition:
        moved = super().step(state, setpoints)
        return replace(moved, state=replace(moved.state, step=state.step, row=state.row))


class StoppedWeather(Twin):
    """The clock goes on, and the weather of the first hour stays."""

    def step(self, state: GridState, setpoints: Setpoints) -> Transition:
        moved = super().step(replace(state, row=self.world.first_row), setpoints)
        return replace(moved, state=replace(moved.state, row=state.row + 1))


@pytest.mark.parametrize("sham", [StoppedClock, StoppedWeather])
def test_time_that_stands_still_is_found(healthy: Twin, sham: type[Twin]) -> None:
    found = finding(as_a(sham, healthy), "time_advances")
    assert not found.passed
    assert "stood still" in found.sentence


# ----------------------------------------------------------------------------------------------------- actions


class Deaf(Twin):
    """Takes orders and follows none."""

    def step(self, state: GridState, setpoints: Setpoints) -> Transition:
        return super().step(state, state.setpoints)


class LooseBattery(Twin):
    """The battery works, says its meter; the grid never feels it."""

    def step(self, state: GridState, setpoints: Setpoints) -> Transition:
        unplugged = {**setpoints.devices, "storage": np.zeros_like(setpoints.devices["storage"])}
        moved = super().step(state, Setpoints(unplugged, setpoints.closed))
        told = moved.state.devices["storage"]._replace(p_mw=setpoints.devices["storage"])
        orders = Setpoints(setpoints.devices, moved.setpoints.closed)
        return replace(moved, state=replace(moved.state, devices={**moved.state.devices, "storage": told}, setpoints=orders))


def test_orders_that_nobody_follows_are_found(healthy: Twin) -> None:
    deaf = as_a(Deaf, healthy)
    controls = len(healthy.model.controls.entries)
    assert finding(deaf, "actions_change_flows").sentence.startswith(f"{controls} of {controls} controls change no flow")
    assert not finding(deaf, "policies_differ").passed


def test_a_device_out_of_the_network_is_found(healthy: Twin) -> None:
    loose = as_a(LooseBattery, healthy)
    flows, balance = finding(loose, "actions_change_flows"), finding(loose, "power_balance")
    assert "BESS-SUBURB.setpoint_mw" in flows.sentence
    assert flows.sentence.startswith("1 of ")
    assert "at one bus" in balance.sentence
    assert balance.measured["worst_bus_mw"] > 1.0


def test_a_balance_that_is_only_told_is_not_believed(healthy: Twin) -> None:
    class Leaking(Twin):
        def step(self, state: GridState, setpoints: Setpoints) -> Transition:
            moved = super().step(state, setpoints)
            flow = replace(moved.state.flow, p_to_mw=moved.state.flow.p_to_mw + 1e-5)
            return replace(moved, state=replace(moved.state, flow=flow))

    assert not finding(as_a(Leaking, healthy), "power_balance").passed


# ------------------------------------------------------------------------------------------------------ limits


def test_devices_without_a_range_are_found(healthy: Twin) -> None:
    found = finding(with_parameters(healthy, "storage", p_max_mw=0.0), "limits")
    assert "Storage BESS-SUBURB has no range to move in" in found.sentence


def test_devices_that_are_frozen_in_operation_are_found(healthy: Twin) -> None:
    found = finding(with_parameters(healthy, "generator", ramp_mw_per_min=0.0), "limits")
    assert "B2-GAS.target_mw could not be moved at any time" in found.sentence


def test_loads_that_say_they_are_inflexible_are_no_fault(healthy: Twin) -> None:
    assert finding(with_parameters(healthy, "load", flexible_share=0.0), "limits").passed


def test_grids_without_ratings_and_bands_are_found(healthy: Twin) -> None:
    network = healthy.model.scenario.network
    unrated = finding(with_network(healthy, rating_mva=np.full(network.n_branch, np.inf)), "limits")
    assert "No branch has a rating" in unrated.sentence
    flat = finding(with_network(healthy, bus_v_min_pu=np.ones(network.n_bus), bus_v_max_pu=np.ones(network.n_bus)), "limits")
    assert "voltage band [1, 1] pu" in flat.sentence


# ---------------------------------------------------------------------------------------------------- profiles


def test_negative_load_is_found(healthy: Twin) -> None:
    found = finding(with_column(healthy, "B1-CITY.p_mw", healthy.world.table[:, 0] - 500.0), "profiles_move")
    assert "B1-CITY.p_mw falls to" in found.sentence


def test_negative_reactive_power_is_no_fault(healthy: Twin) -> None:
    wave = -np.abs(np.sin(np.arange(len(healthy.world.table))))
    assert finding(with_column(healthy, "B1-CITY.q_mvar", wave), "profiles_move").passed


def test_constant_and_stuck_wind_is_found(healthy: Twin) -> None:
    constant = finding(with_column(healthy, "B3-WIND.available_mw", 42.0), "profiles_move")
    assert "B3-WIND.available_mw is 42 at all times" in constant.sentence
    real = healthy.world.table[:, healthy.model.scenario.drivers().index("B3-WIND.available_mw")].copy()
    real[: 96 * 200] = 17.0
    assert "stands still for 200 days" in finding(with_column(healthy, "B3-WIND.available_mw", real), "profiles_move").sentence


def test_tuning_on_judging_days_is_found(healthy: Twin) -> None:
    scenario = healthy.model.scenario
    sources = {name: replace(source, judging=source.tuning) for name, source in scenario.sources.items()}
    assert not finding(variant(healthy, replace(scenario, sources=sources)), "dates_are_apart").passed


# ----------------------------------------------------------------------------------------------- configuration


class LenientScenario(Scenario):
    """Takes whatever it is given."""

    def __post_init__(self) -> None:
        pass


class LenientDesk(Twin):
    """Says `applied` to every order."""

    def order(self, state: GridState, actions: Any, **kwargs: Any) -> tuple[Setpoints, tuple[Receipt, ...]]:
        said = tuple(Receipt(action.type, action.target, None, None, "applied") for action in actions)
        return state.setpoints, said


def test_settings_nobody_reads_are_found(healthy: Twin) -> None:
    scenario = healthy.model.scenario
    lenient = LenientScenario(**{name: getattr(scenario, name) for name in Scenario.__dataclass_fields__})
    found = finding(replace(healthy, model=replace(healthy.model, scenario=lenient)), "configuration_is_strict")
    assert "unknown reward term in the scenario's weights is accepted" in found.sentence
    assert "unknown switchable branch is accepted" in found.sentence


def test_orders_nobody_understands_are_found(healthy: Twin) -> None:
    found = finding(as_a(LenientDesk, healthy), "configuration_is_strict")
    for what in ("verb", "target", "parameter"):
        assert f"n order with an unknown {what} is not refused" in found.sentence


# ----------------------------------------------------------------------------------------------------- rewards


@pytest.mark.parametrize("term", REWARD_TERMS)
@pytest.mark.parametrize("sign", [0.0, -1.0], ids=["constant", "inverted"])
def test_a_term_that_does_not_respond_is_found(healthy: Twin, term: str, sign: float) -> None:
    class Unmoved(Twin):
        def step(self, state: GridState, setpoints: Setpoints) -> Transition:
            moved = super().step(state, setpoints)
            terms = moved.reward_terms.copy()
            terms[:, :, REWARD_TERMS.index(term)] *= sign
            return replace(moved, reward_terms=terms, reward=terms[:, 0] @ self.model.weights)

    found = finding(as_a(Unmoved, healthy), "rewards_respond")
    assert not found.passed
    assert f"{term} does not fall" in found.sentence.lower()


def test_a_reward_under_which_darkness_wins_is_found(healthy: Twin) -> None:
    scenario = healthy.model.scenario
    blind = dict.fromkeys(("reliability", "voltage", "congestion", "imbalance"), 0.0)
    sham = variant(healthy, replace(scenario, rewards=replace(scenario.rewards, weights=blind)))
    assert "reward does not fall when reliability gets worse" in finding(sham, "rewards_respond").sentence


def test_a_sum_that_is_not_the_sum_is_found(healthy: Twin) -> None:
    class Generous(Twin):
        def step(self, state: GridState, setpoints: Setpoints) -> Transition:
            moved = super().step(state, setpoints)
            return replace(moved, reward=moved.reward + 1.0)

    assert "off the weighted sum" in finding(as_a(Generous, healthy), "rewards_respond").sentence


# ------------------------------------------------------------------------------------------------------ secrets


class Oracle(Twin):
    """Shows when the next disturbance comes."""

    def observe(self, state: GridState, **kwargs: Any) -> View:
        view = super().observe(state, **kwargs)
        return replace(view, happenings=(*view.happenings, f"{(self.world.schedule.step > state.step[0]).sum()} to come"))


class Clairvoyant(Twin):
    """Previews in the true world."""

    def preview(self, state: GridState, candidates: Any, horizon: int | None = None, *, element: int = 0) -> Preview:
        told = super().preview(state, candidates, horizon, element=element)
        true = self.step(state, state.setpoints)
        return replace(told, nothing=replace(told.nothing, max_loading=float(true.outcomes.max_loading[0])))


class TrueOutlook(Twin):
    """Forecasts without error."""

    def observe(self, state: GridState, **kwargs: Any) -> View:
        view = super().observe(state, **kwargs)
        rows = slice(int(state.row[0]) + 1, int(state.row[0]) + 13)
        true = {name: tuple(column) for name, column in zip(self.model.scenario.drivers(), self.world.table[rows].T.tolist(), strict=True)}
        return replace(view, outlook={**view.outlook, **true})


def test_disturbances_that_can_be_seen_coming_are_found(healthy: Twin) -> None:
    assert "the view tells" in finding(as_a(Oracle, healthy), "disturbances_hidden").sentence.lower()
    assert "the preview tells" in finding(as_a(Clairvoyant, healthy), "disturbances_hidden").sentence.lower()


def test_disturbances_that_never_strike_are_found(healthy: Twin) -> None:
    class Calm(Twin):
        def step(self, state: GridState, setpoints: Setpoints) -> Transition:
            moved = super().step(state, setpoints)
            return replace(moved, events=replace(moved.events, struck=moved.events.struck[:0]))

    assert "does not strike" in finding(as_a(Calm, healthy), "disturbances_hidden").sentence


def test_true_futures_in_previews_and_outlooks_are_found(healthy: Twin) -> None:
    assert "preview sees the true future" in finding(as_a(Clairvoyant, healthy), "preview_blind").sentence
    assert "outlook sees the true future" in finding(as_a(TrueOutlook, healthy), "preview_blind").sentence


# ------------------------------------------------------------------------------------------------- repeatability


def test_steps_that_depend_on_chance_are_found(healthy: Twin) -> None:
    random = np.random.default_rng(0)

    class Dice(Twin):
        def step(self, state: GridState, setpoints: Setpoints) -> Transition:
            moved = super().step(state, setpoints)
            return replace(moved, reward=moved.reward - 1e-12 * random.random())

    assert "another result at reward" in finding(as_a(Dice, healthy), "deterministic").sentence


def test_steps_that_change_their_input_are_found(healthy: Twin) -> None:
    class Scribbling(Twin):
        def step(self, state: GridState, setpoints: Setpoints) -> Transition:
            moved = super().step(state, setpoints)
            state.exogenous[:] += 1.0
            return moved

    assert "changed its own input" in finding(as_a(Scribbling, healthy), "deterministic").sentence


def test_elements_that_feel_their_neighbours_are_found(healthy: Twin) -> None:
    class Crowded(Twin):
        def step(self, state: GridState, setpoints: Setpoints) -> Transition:
            moved = super().step(state, setpoints)
            return replace(moved, reward_terms=moved.reward_terms - 1e-9 * (state.batch - 1))

    assert "element 0 fares otherwise alone" in finding(as_a(Crowded, healthy), "batch_is_loop").sentence.lower()


# ------------------------------------------------------------------------------------------------ the whole sham


def test_a_sham_of_all_of_it_is_found_by_every_check_it_concerns(healthy: Twin) -> None:
    """No device reaches the network, limits are [0, 0], time stands still: every policy scores the same."""

    class Sham(StoppedClock):
        def step(self, state: GridState, setpoints: Setpoints) -> Transition:
            return super().step(state, state.setpoints)

    frozen = with_parameters(with_parameters(healthy, "storage", p_max_mw=0.0), "load", flexible_share=0.2)
    scenario = replace(frozen.model.scenario, demand_peak_mw={})
    sham = as_a(Sham, variant(with_parameters(frozen, "generator", ramp_mw_per_min=0.0), scenario))
    failed = {found.name for found in examine(Patient(sham)) if not found.passed}
    assert {"policies_differ", "actions_change_flows", "limits", "time_advances"} <= failed


def test_actions_for_checks_are_orders_the_desk_knows(patient: Patient) -> None:
    """A check that orders nonsense would see nothing move and blame the scenario."""
    twin, state = patient.alone(), patient.states[0]
    for control in twin.model.controls.entries:
        value: float | str = "open" if control.verb.moves_branches else patient.room(control, state)[0]
        _, (receipt,) = twin.order(state, [Action(control.verb.name, control.target, {control.verb.parameter: value})])
        assert receipt.outcome == "applied", receipt
