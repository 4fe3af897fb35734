"""Tap changers, capacitor banks and reactive power of inverters act on the grid of a step; ties, cars and start-ups are booked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.twin import equipped
from tests.twin.equipped import BANK, BATTERY, DIESEL, FAR, HV, MV, OLTC, POINTS, STEP_H, SUN, TIE, visits
from tests.twin.small import obeyed

from gridpilot.actions import action_masks, vector_to_actions, vector_to_setpoints
from gridpilot.envs import GridVectorEnv
from gridpilot.errors import ConfigError
from gridpilot.powerflow import engine
from gridpilot.profiles import draw_sessions
from gridpilot.scenarios import device_tables
from gridpilot.testing.checks import actions_change_flows, limits
from gridpilot.testing.patient import Patient
from gridpilot.traces.fingerprint import state_hash
from gridpilot.twin import Twin
from gridpilot.twin.arrays import pick
from gridpilot.twin.positions import network_of, positions_of
from gridpilot.twin.situation import situation
from gridpilot.values import Action, GridState, Receipt, Setpoints, Transition


def tap(position: float) -> Action:
    return Action("TAP", OLTC, {"position": position})


def bank(steps: float) -> Action:
    return Action("SHUNT", BANK, {"steps": steps})


def receipt(twin: Twin, state: GridState, action: Action) -> Receipt:
    return twin.order(state, [action])[1][0]


@pytest.fixture(scope="module")
def twin() -> Twin:
    return equipped.twin()


@pytest.fixture(scope="module")
def first(twin: Twin) -> GridState:
    return twin.first()


def wandering(twin: Twin, seed: int, steps: int = 6) -> list[Transition]:
    """Some cycles under orders drawn anew in each of them."""
    draw, state, moves = np.random.default_rng(seed), twin.first(), []
    for _ in range(steps):
        vector = draw.uniform(-1.0, 1.0, (state.batch, len(twin.model.controls.entries)))
        devices, _ = vector_to_setpoints(twin.model.controls, vector, state.setpoints.devices, state.setpoints.closed)
        moves.append(twin.step(state, Setpoints(devices, state.setpoints.closed)))
        state = moves[-1].state
    return moves


# ----------------------------------------------------------------------------------------------------- the grid


def test_the_flow_is_that_of_the_network_at_the_positions() -> None:
    model = equipped.twin(seeds=(0, 1)).model
    for moved in wandering(equipped.twin(seeds=(0, 1)), 1):
        state = moved.state
        for b in range(2):
            network = network_of(model, state, b)
            again = engine("pandapower", network, tolerance_pu=1e-11).solve(
                state.flow.p_bus_mw[b : b + 1], state.flow.q_bus_mvar[b : b + 1], kind=model.layout.base_kind[None],
                v_set_pu=model.layout.v_set_pu[None], closed=np.ones((1, 2), dtype=np.bool_),
            )  # fmt: skip
            assert np.abs(again.v_pu[0] - state.flow.v_pu[b]).max() < 1e-8
            assert np.abs(again.p_from_mw[0] - state.flow.p_from_mw[b]).max() < 1e-7
        assert moved.outcomes.balance_mw.max() < 1e-6


@pytest.mark.parametrize("name", ["pandapower", "lightsim2grid"])
def test_other_engines_step_the_same_grid(name: str) -> None:
    mine, theirs = wandering(equipped.twin(), 2, 4), wandering(equipped.twin(engine=name), 2, 4)
    for a, b in zip(mine, theirs, strict=True):
        assert np.abs(a.state.flow.v_pu - b.state.flow.v_pu).max() < 1e-8
        assert np.abs(a.state.flow.q_from_mvar - b.state.flow.q_from_mvar).max() < 1e-6


def test_a_batch_is_its_elements() -> None:
    together = wandering(equipped.twin(seeds=(0, 1, 2)), 3)
    sessions = equipped.twin(seeds=(0, 1, 2))
    state = sessions.first()
    for moved in together:
        for b in range(3):
            one = Setpoints({k: v[b : b + 1] for k, v in moved.setpoints.devices.items()}, moved.setpoints.closed[b : b + 1])
            alone = equipped.twin().step(_element(state, b), one)
            assert state_hash(alone.state) == state_hash(_element(moved.state, b))
        state = moved.state


def _element(state: GridState, b: int) -> GridState:
    return pick(state, np.array([b]))


def test_a_higher_tap_lowers_the_voltage_behind_it(twin: Twin, first: GridState) -> None:
    up, down = (obeyed(twin, first, tap(k)).state for k in (8, -8))
    assert up.flow.v_pu[0, MV] < first.flow.v_pu[0, MV] < down.flow.v_pu[0, MV]
    assert up.devices["tap_changer"].position.tolist() == [[8.0]]
    assert positions_of(twin.model, up).tap[0, 0] == pytest.approx(0.99 * (1.0 + 8 * 0.00625))  # type: ignore[index]


def test_a_bank_supplies_steps_times_voltage_squared(twin: Twin, first: GridState) -> None:
    moved = obeyed(twin, first, bank(3)).state
    into_line = moved.flow.q_to_mvar[0, 1]
    supplied = into_line - moved.flow.q_bus_mvar[0, FAR]
    assert supplied == pytest.approx(3 * 0.5 * moved.flow.v_pu[0, FAR] ** 2, abs=1e-8)
    assert moved.flow.v_pu[0, FAR] > first.flow.v_pu[0, FAR]


def test_operations_cost_wear_and_too_many_are_a_violation(twin: Twin, first: GridState) -> None:
    still, moved = obeyed(twin, first), obeyed(twin, first, tap(10), bank(2))
    assert moved.constraint_costs[0, 0, 3] == 0.0
    unmoved = obeyed(twin, moved.state)
    wear = 10 * 0.7 + 2 * 1.5
    energy = (moved.outcomes.slack_p_mw - unmoved.outcomes.slack_p_mw)[0] * 40.0 * STEP_H
    assert moved.outcomes.cost_usd[0] - unmoved.outcomes.cost_usd[0] == pytest.approx(wear + energy, abs=1e-6)
    assert still.outcomes.cost_usd[0] < moved.outcomes.cost_usd[0]
    back = obeyed(twin, moved.state, tap(-6))
    kept = 10 * np.exp(-STEP_H / 24) + 16
    assert back.state.devices["tap_changer"].operations[0, 0] == pytest.approx(kept)
    assert back.constraint_costs[0, 0, 3] == pytest.approx((kept - 20) / 20)


def test_outages_are_those_of_the_grid_at_its_positions(twin: Twin, first: GridState) -> None:
    moved = obeyed(twin, first, tap(-8), bank(4)).state
    found = twin.security(moved)
    assert found.lowest_v_pu[0, 1] == pytest.approx(_without_line(twin, moved), abs=1e-8)


def _without_line(twin: Twin, state: GridState) -> float:
    """The lowest voltage where LINE is out: MV, fed by the transformer alone."""
    model = twin.model
    flow = engine("pandapower", network_of(model, state, 0)).solve(
        state.flow.p_bus_mw, state.flow.q_bus_mvar, kind=model.layout.base_kind[None], v_set_pu=model.layout.v_set_pu[None],
        closed=np.array([[True, False]]),
    )  # fmt: skip
    return float(flow.v_pu[0, [HV, MV]].min())


# ------------------------------------------------------------------------------------------------- the operator


def test_orders_are_held_clipped_and_refused_with_their_reasons(twin: Twin, first: GridState) -> None:
    assert receipt(twin, first, tap(5)).outcome == "applied"
    beyond = receipt(twin, first, tap(40))
    assert (beyond.outcome, beyond.applied, beyond.why) == ("clipped", 16.0, "outside the range -16 … 16")
    for action in (tap(1.5), bank(0.2), Action("TAP", OLTC, {"steps": 1}), Action("SHUNT", OLTC, {"steps": 1})):
        assert receipt(twin, first, action).outcome == "refused", action
    both = Action("STORAGE", BATTERY, {"setpoint_mw": -3.0, "q_mvar": 9.0})
    told = receipt(twin, first, both)
    assert (told.outcome, told.applied) == ("clipped", -3.0)
    assert "q_mvar: outside the range -4 … 4 Mvar" in told.why
    _, receipts = twin.order(first, [Action("STORAGE", BATTERY, {"q_mvar": 1.0}), Action("STORAGE", BATTERY, {"setpoint_mw": 1.0})])
    assert [r.outcome for r in receipts] == ["applied", "applied"]
    _, receipts = twin.order(first, [both, Action("STORAGE", BATTERY, {"q_mvar": 1.0})])
    assert [r.outcome for r in receipts] == ["clipped", "refused"]


def test_vectors_and_actions_say_the_same(twin: Twin, first: GridState) -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        vector = draw.uniform(-1.0, 1.0, len(twin.model.controls.entries))
        devices, closed = vector_to_setpoints(twin.model.controls, vector[None], first.setpoints.devices, first.setpoints.closed)
        ordered, receipts = twin.order(first, vector_to_actions(twin.model.controls, vector))
        assert all(found.outcome != "refused" for found in receipts)
        for kind, values in devices.items():
            np.testing.assert_allclose(ordered.devices[kind], values, atol=1e-12)
        assert (closed == ordered.closed).all()
        assert float(devices["tap_changer"][0, 0]).is_integer()


def test_masks_are_what_can_be_followed_now() -> None:
    slow = equipped.twin(equipped.scenario(rows={"tap_changer": [{"name": OLTC, "branch": "TR", "operation_s": 400.0}]}))
    state = slow.first()
    masks = action_masks(slow.model.controls, situation(slow.model, state))
    assert masks[f"{OLTC}.position"].nonzero()[0].tolist() == [14, 15, 16, 17, 18]
    assert masks[f"{BANK}.steps"].all()
    assert set(masks) == {f"{OLTC}.position", f"{BANK}.steps", "TR.status", "LINE.status"}
    assert obeyed(slow, state, tap(9)).state.devices["tap_changer"].position.tolist() == [[2.0]]
    none = action_masks(slow.model.controls, situation(slow.model, state, may_move=()))
    assert not any(mask.any() for mask in none.values())


def test_a_view_shows_positions_and_ranges(twin: Twin, first: GridState) -> None:
    view = twin.observe(obeyed(twin, first, tap(4)).state)
    changer = view.devices[OLTC]
    assert changer.values["position"] == changer.values["ordered_position"] == 4.0
    assert changer.bounds == {"position": (-16.0, 16.0)}
    assert set(view.devices[BATTERY].bounds) == {"setpoint_mw", "q_mvar"}
    assert view.verbs["TAP"] == (OLTC,)
    assert view.verbs["SHUNT"] == (BANK,)
    assert twin.preview(first, [[tap(6)], [bank(2)]], 2).candidates[0].survives


def test_every_control_moves_the_grid() -> None:
    """What the doctor asks of a scenario."""
    cars = visits(*((name, "2030-01-03T00:15", "2030-01-03T08:00", 0.2) for name in POINTS))
    patient = Patient(equipped.twin(equipped.scenario(sessions=cars), seeds=(0, 1), cycles=8))
    assert limits.CHECK.examine(patient).problems == ()
    assert actions_change_flows.CHECK.examine(patient).problems == ()


def test_two_changers_of_one_transformer_are_refused() -> None:
    with pytest.raises(ConfigError, match="two tap changers"):
        equipped.scenario(rows={"tap_changer": [{"name": "T1", "branch": "TR"}, {"name": "T2", "branch": "TR"}]})
    with pytest.raises(ConfigError, match="no branch 'LANE'"):
        device_tables(equipped.feeder(), {"tap_changer": [{"name": "T1", "branch": "LANE"}]})
    with pytest.raises(ConfigError, match=r"no 'branch'"):
        device_tables(equipped.feeder(), {"tap_changer": [{"name": "T1", "bus": "MV"}]})


# ------------------------------------------------------------------------------------------------ reactive power


@pytest.mark.parametrize(
    ("p_mw", "q_mvar", "given"), [(0.0, 3.5, 3.5), (0.0, -9.0, -4.0), (-3.0, 4.0, np.sqrt(7.0)), (3.0, -4.0, -np.sqrt(7.0))]
)
def test_a_battery_gives_what_its_inverter_has_left(twin: Twin, first: GridState, p_mw: float, q_mvar: float, given: float) -> None:
    plain = obeyed(twin, first, Action("STORAGE", BATTERY, {"setpoint_mw": p_mw})).state.flow
    moved = obeyed(twin, first, Action("STORAGE", BATTERY, {"setpoint_mw": p_mw, "q_mvar": q_mvar})).state.flow
    assert moved.q_bus_mvar[0, MV] - plain.q_bus_mvar[0, MV] == pytest.approx(given)
    assert np.sign(moved.v_pu[0, MV] - plain.v_pu[0, MV]) == np.sign(given)


def test_a_plant_keeps_its_power_factor(twin: Twin, first: GridState) -> None:
    plain, moved = obeyed(twin, first), obeyed(twin, first, Action("CURTAIL", SUN, {"limit_mw": 1.0, "q_mvar": 2.0}))
    extra = moved.state.flow.q_bus_mvar[0, FAR] - plain.state.flow.q_bus_mvar[0, FAR]
    assert extra == pytest.approx(np.tan(np.arccos(0.9)))
    assert moved.state.devices["solar"].p_mw[0, 0] == 1.0


# -------------------------------------------------------------------------------------------- ties, cars, start-ups


@pytest.mark.parametrize(("p_mw", "usd", "beyond"), [(1.0, 15.0, 0.0), (-1.0, -11.25, 0.0), (2.0, 30.0, 0.5 / 1.5)])
def test_a_tie_buys_at_the_price_and_sells_below_it(twin: Twin, first: GridState, p_mw: float, usd: float, beyond: float) -> None:
    plain, moved = obeyed(twin, first), obeyed(twin, first, Action("REDISPATCH", TIE, {"target_mw": p_mw}))
    slack = (moved.outcomes.slack_p_mw - plain.outcomes.slack_p_mw)[0] * 40.0 * STEP_H
    assert (moved.outcomes.cost_usd - plain.outcomes.cost_usd)[0] == pytest.approx(usd + slack, abs=1e-6)
    assert moved.constraint_costs[0, 0, 3] == pytest.approx(beyond)


def held(twin: Twin, steps: int, *actions: Action) -> list[Transition]:
    state, moves = twin.first(), []
    setpoints = twin.order(state, actions)[0] if actions else state.setpoints
    for _ in range(steps):
        moves.append(twin.step(state, setpoints))
        state, setpoints = moves[-1].state, moves[-1].state.setpoints
    return moves


def test_cars_come_charge_and_leave() -> None:
    """One leaves full; the other wants more than its time has power for."""
    cars = visits((POINTS[0], "2030-01-03T00:30", "2030-01-03T03:00", 0.0552), (POINTS[1], "2030-01-03T00:20", "2030-01-03T01:00", 0.08))
    plain, moves = held(equipped.twin(), 14), held(equipped.twin(equipped.scenario(sessions=cars)), 14)
    power = np.array([-moved.state.devices["ev"].p_mw[0] for moved in moves])
    rows = np.arange(1, 15)
    assert (power[rows < 2] == 0.0).all()
    assert power[:, 0].sum() * STEP_H * 0.92 == pytest.approx(0.0552)
    assert power[1:3, 1].tolist() == [0.05, 0.05]
    assert not power[3:, 1].any()
    missed = 0.08 - 2 * 0.05 * STEP_H * 0.92
    left = moves[2]
    assert left.state.devices["ev"].missed_mwh[0].tolist() == pytest.approx([0.0, missed])
    assert left.constraint_costs[0, 0, 3] == pytest.approx(missed / 0.08)
    extra = sum(float(a.outcomes.cost_usd[0] - b.outcomes.cost_usd[0]) for a, b in zip(moves, plain, strict=True))
    fed = sum(float(a.outcomes.slack_p_mw[0] - b.outcomes.slack_p_mw[0]) for a, b in zip(moves, plain, strict=True)) * 40.0 * STEP_H
    assert extra == pytest.approx(missed * 300.0 + fed, abs=1e-6)


def test_nobody_knows_who_will_come() -> None:
    cars = visits((POINTS[0], "2030-01-03T01:00", "2030-01-03T05:00", 0.05))
    twin = equipped.twin(equipped.scenario(sessions=cars))
    state = twin.first()
    assert twin.observe(state).outlook[f"{POINTS[0]}.arriving_mwh"] == (0.0,) * 12
    assert not twin.preview(state, [], 8).nothing.trips
    ahead = twin.outlook(state, 8)
    column = twin.model.scenario.drivers().index(f"{POINTS[0]}.arriving_mwh")
    assert twin.world.table[state.row[0] : state.row[0] + 8, column].any()
    assert not ahead.table[1:, column].any()


def test_a_charging_order_is_positive_when_it_charges() -> None:
    cars = visits((POINTS[0], "2030-01-03T00:15", "2030-01-03T05:00", 0.05))
    moves = held(equipped.twin(equipped.scenario(sessions=cars)), 2, Action("STORAGE", POINTS[0], {"setpoint_mw": 0.02}))
    assert moves[1].state.devices["ev"].p_mw[0, 0] == pytest.approx(-0.02)


def test_sessions_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"(?s)ends before it begins.*MWh"):
        visits(("EV-1", "2030-01-03T02:00", "2030-01-03T01:00", 0.1), ("EV-2", "2030-01-03T02:00", "2030-01-03T03:00", 0.0))
    with pytest.raises(ConfigError, match="no charging point"):
        equipped.twin(equipped.scenario(sessions=visits(("EV-9", "2030-01-03T02:00", "2030-01-03T04:00", 0.1))))


def test_a_car_that_finds_the_point_taken_waits_until_it_is_free() -> None:
    cars = visits((POINTS[0], "2030-01-03T00:30", "2030-01-03T02:00", 0.02), (POINTS[0], "2030-01-03T01:00", "2030-01-03T03:00", 0.02))
    state = held(equipped.twin(equipped.scenario(sessions=cars)), 16)
    power = np.array([-moved.state.devices["ev"].p_mw[0, 0] for moved in state])
    assert power[:7].sum() * STEP_H * 0.92 == pytest.approx(0.02)
    assert power[7:12].sum() * STEP_H * 0.92 == pytest.approx(0.02)


def test_a_unit_starts_runs_and_stops_in_its_own_time() -> None:
    """Half an hour to start, half an hour to stop, in quarters of an hour."""
    twin = equipped.twin()
    start, stop = (twin.order(twin.first(), [Action("REDISPATCH", DIESEL, {"target_mw": mw})])[0] for mw in (3.0, 0.0))
    state, seen = twin.first(), []
    for cycle in range(10):
        moved = twin.step(state, start if cycle < 5 else stop)
        state = moved.state
        unit = state.devices["generator"]
        seen.append((float(unit.p_mw[0, 1]), bool(unit.on[0, 1]), float(unit.since_h[0, 1])))
    assert [p for p, _, _ in seen] == [0.0, 0.0, 3.0, 3.0, 3.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    assert [on for _, on, _ in seen] == [False, True, True, True, True, True, False, False, False, False]
    assert [since for _, _, since in seen[:3]] == [-0.25, 0.0, 0.25]
    assert [since for _, _, since in seen[5:8]] == [-0.25, 0.0, 0.25]


def test_its_start_and_stop_are_paid_once() -> None:
    twin = equipped.twin()
    start = twin.order(twin.first(), [Action("REDISPATCH", DIESEL, {"target_mw": 3.0})])[0]
    stop = twin.order(twin.first(), [Action("REDISPATCH", DIESEL, {"target_mw": 0.0})])[0]
    state, own = twin.first(), []
    for cycle in range(10):
        moved = twin.step(state, start if cycle < 5 else stop)
        own.append(float(moved.outcomes.cost_usd[0] - 40.0 * STEP_H * moved.outcomes.slack_p_mw[0]))
        state = moved.state
    run, least = (10.0 + 100.0 * 3.0) * STEP_H, (10.0 + 100.0) * STEP_H
    assert own == pytest.approx([0.0, 50.0, run, run, run, least, least + 5.0, 0.0, 0.0, 0.0], abs=1e-9)


def test_a_start_up_cannot_be_taken_back() -> None:
    twin = equipped.twin()
    start = twin.order(twin.first(), [Action("REDISPATCH", DIESEL, {"target_mw": 3.0})])[0]
    stop = twin.order(twin.first(), [Action("REDISPATCH", DIESEL, {"target_mw": 0.0})])[0]
    state = twin.step(twin.first(), start).state
    powers = []
    for _ in range(5):
        state = twin.step(state, stop).state
        powers.append(float(state.devices["generator"].p_mw[0, 1]))
    assert powers == [0.0, 1.0, 1.0, 0.0, 0.0]


def test_learners_see_and_move_it() -> None:
    cars = draw_sessions(POINTS, start=np.datetime64("2030-01-01"), days=10, seed=1)
    profiles = equipped.twin().world.profiles
    made = equipped.scenario(sessions=cars)
    weather = replace(profiles.scaled({name: (name, 1.0) for name in made.weather()}), name="steady")
    settings: dict[str, Any] = {"scenario": made, "profiles": weather, "cycle_minutes": 15.0, "cycles": 8}
    env = GridVectorEnv(3, **settings)
    assert {f"{OLTC}.position", f"{BANK}.steps", f"{BATTERY}.q_mvar", f"{SUN}.q_mvar", f"{DIESEL}.q_mvar"} <= set(env.action_names)
    shown, _ = env.reset(seed=0)
    place = env.observation_names.index(f"tap_changer.{OLTC}.position")
    assert shown[:, place].tolist() == [0.0] * 3
    action = np.zeros((3, len(env.action_names)), dtype=np.float32)
    action[1, env.action_names.index(f"{OLTC}.position")] = 0.5
    shown, *_ = env.step(action)
    assert shown[:, place].tolist() == [0.0, 0.5, 0.0]
    order = env.observation_names.index(f"tap_changer.{OLTC}.order")
    assert shown[:, order].tolist() == [0.0, 0.5, 0.0]
    assert f"storage.{BATTERY}.order_mvar" in env.observation_names
