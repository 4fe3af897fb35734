"""A step is pure, repeatable, the same for every batch, and its books close."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.twin import small

from gridpilot.testing.compare import difference
from gridpilot.testing.powerflow import branch_powers
from gridpilot.traces.fingerprint import named_arrays
from gridpilot.twin import Twin, make_twin
from gridpilot.twin.arrays import pick
from gridpilot.values import REWARD_TERMS, Floats, GridState, Setpoints, Status, Transition

T = TypeVar("T")
PARTS = ("state", "setpoints", "reward_terms", "constraint_costs", "reward", "outcomes")
"""Of a transition, what has one row per element."""


def day(name: str, *, growth: bool = False, seeds: tuple[int, ...] = (0, 1, 2)) -> Twin:
    return make_twin(name, seeds=seeds, cycle_minutes=15.0, growth=growth)


def walk(twin: Twin, steps: int, *, keys: Sequence[int] = (0, 1, 2), size_mw: float = 30.0) -> list[Transition]:
    """Steps under random orders; those of an element follow from its key, whoever else is in the batch."""
    randoms = [np.random.default_rng(key) for key in keys]
    state, moves = twin.first(), []
    for _ in range(steps):
        alone = [small.jolted(only(state, b), random, size_mw) for b, random in enumerate(randoms)]
        devices = {kind: np.concatenate([orders.devices[kind] for orders in alone]) for kind in state.setpoints.devices}
        moves.append(twin.step(state, Setpoints(devices, np.concatenate([orders.closed for orders in alone]))))
        state = moves[-1].state
    return moves


def only(value: T, element: int) -> T:
    """One element of a value, as a batch of one."""
    return pick(value, np.array([element]))


def device_p_mw(twin: Twin, state: GridState) -> Floats:
    """What every device exchanges `[B, N]`."""
    return np.concatenate([state.devices[kind.name].p_mw for kind in twin.model.kinds], axis=1)


def left_over_mw(twin: Twin, state: GridState) -> Floats:
    """Power that devices bring to a bus and no branch or shunt takes away `[B, n]`, from voltages and π-sections alone."""
    network, flow = twin.model.scenario.network, state.flow
    closed = state.setpoints.closed & ~state.faulted & state.branch_active
    at_from, at_to = branch_powers(network, flow, closed)
    left = np.zeros(flow.v_pu.shape)
    np.add.at(left.T, twin.model.layout.bus, device_p_mw(twin, state).T)
    np.subtract.at(left.T, network.branch_from, at_from.real.T)
    np.subtract.at(left.T, network.branch_to, at_to.real.T)
    np.subtract.at(left.T, network.shunt_bus, (network.shunt_g_mw * flow.v_pu[:, network.shunt_bus] ** 2).T)
    return left


@pytest.mark.parametrize("growth", [False, True], ids=["as-built", "growing"])
@pytest.mark.parametrize("name", ["six_bus", "ieee14"])
def test_power_balances_at_every_bus_for_a_day(name: str, growth: bool) -> None:
    twin = day(name, growth=growth)
    moves = walk(twin, 96)
    assert max(moved.outcomes.balance_mw.max() for moved in moves) <= 1e-6
    assert max(np.abs(left_over_mw(twin, moved.state)).max() for moved in moves) <= 1e-6


def test_a_step_leaves_what_it_is_given_as_it_was() -> None:
    twin = day("six_bus")
    state = walk(twin, 5)[-1].state
    orders = small.jolted(state, np.random.default_rng(1))
    before = deepcopy((state, orders, twin.world.table, twin.world.schedule))
    twin.step(state, orders)
    twin.observe(state)
    twin.preview(state, [()], 3)
    assert difference(before, (state, orders, twin.world.table, twin.world.schedule)) == ""


@pytest.mark.parametrize("name", ["six_bus", "ieee14"])
def test_a_batch_does_what_its_elements_do_alone(name: str) -> None:
    seeds = (3, 1, 4, 5, 9)
    together = walk(day(name, seeds=seeds), 48, keys=seeds)
    for place in (0, 2, 4):
        alone = walk(day(name, seeds=seeds[place : place + 1]), 48, keys=seeds[place : place + 1])
        for moved, mine in zip(together, alone, strict=True):
            for part in PARTS:
                assert difference(only(getattr(moved, part), place), getattr(mine, part)) == "", part
            for mask in ("tripped", "shed_mw", "spilled_mw", "islanded", "collapsed", "built"):
                assert difference(only(getattr(moved.events, mask), place), getattr(mine.events, mask)) == "", mask


def test_the_same_twin_made_twice_goes_the_same_way() -> None:
    for moved, again in zip(walk(day("six_bus"), 24), walk(day("six_bus"), 24), strict=True):
        assert difference(moved, again) == ""


def test_another_seed_is_another_day_with_other_events() -> None:
    moves = walk(day("six_bus", seeds=(0, 1)), 96, keys=(7, 7))
    assert difference(only(moves[-1].state.exogenous, 0), only(moves[-1].state.exogenous, 1))
    struck = np.concatenate([moved.events.struck for moved in moves])
    assert len(struck[struck[:, 0] == 0]) > 0
    first, second = ([(k, *row[1:]) for k, m in enumerate(moves) for row in m.events.struck.tolist() if row[0] == b] for b in (0, 1))
    assert first != second


@given(key=st.integers(0, 2**32 - 1), size_mw=st.sampled_from([1.0, 50.0, 1e4]), name=st.sampled_from(["six_bus", "ieee14"]))
@settings(max_examples=12)
def test_whatever_is_ordered_every_number_is_finite_and_energy_is_never_below_zero(key: int, size_mw: float, name: str) -> None:
    moves = walk(day(name, seeds=(key % 1000,)), 40, keys=(key,), size_mw=size_mw)
    for moved in moves:
        bad = [path for path, array in named_arrays(moved.state) if array.dtype.kind == "f" and not np.isfinite(array).all()]
        assert not bad
        sums = moved.outcomes
        for field in fields(sums):
            assert np.isfinite(getattr(sums, field.name)).all(), field.name
        for value in (sums.demand_mwh, sums.unserved_mwh, sums.available_mwh, sums.curtailed_mwh, sums.co2_t):
            assert value.min() >= -1e-12
        assert (sums.unserved_mwh <= sums.demand_mwh + 1e-9).all()
        earned = REWARD_TERMS.index("cost")
        assert (np.delete(moved.reward_terms, earned, axis=2) <= 0.0).all()
        assert (moved.constraint_costs >= 0.0).all()


def test_orders_that_are_no_numbers_end_in_a_typed_state_not_in_nan() -> None:
    twin = day("six_bus", seeds=(0, 1))
    state = twin.first()
    devices = {kind: values.copy() for kind, values in state.setpoints.devices.items()}
    devices["storage"][0] = np.nan
    moved = twin.step(state, replace(state.setpoints, devices=devices))
    assert all(np.isfinite(array).all() for _, array in named_arrays(replace(moved.state, setpoints=state.setpoints)))
    assert moved.state.collapsed.tolist() == [True, False]
    assert moved.state.flow.status[1] == Status.OK
