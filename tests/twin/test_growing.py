"""A grid that grows while it is operated."""

from __future__ import annotations

import numpy as np
from tests.twin import small

from gridpilot.twin import make_twin


def test_what_is_not_built_yet_has_neither_voltage_nor_flow_nor_demand() -> None:
    twin = make_twin("six_bus", growth=True, seeds=(0,), cycle_minutes=15.0)
    layout = twin.model.layout
    for moved in small.held(twin, twin.first(), 96):
        state = moved.state
        assert np.array_equal(state.bus_active[0], state.step[0] >= layout.bus_from_step)
        assert np.array_equal(state.branch_active[0], state.step[0] >= layout.branch_from_step)
        unbuilt = ~state.bus_active[0]
        assert not state.flow.v_pu[0, unbuilt].any()
        assert not state.flow.energised[0, unbuilt].any()
        assert not state.flow.p_from_mw[0, ~state.branch_active[0]].any()
        assert not state.exogenous[0, unbuilt[layout.column_bus]].any()


def test_growth_is_told_in_the_step_in_which_it_happens_and_raises_demand() -> None:
    twin = make_twin("six_bus", growth=True, seeds=(0,), cycle_minutes=15.0)
    moves = small.held(twin, twin.first(), 96)
    built = [(k + 1, twin.model.scenario.network.bus_name[n]) for k, m in enumerate(moves) for n in m.events.built[0].nonzero()[0]]
    expected = [
        (int(at), name) for at, name in zip(twin.model.layout.bus_from_step, twin.model.scenario.network.bus_name, strict=True) if at
    ]
    assert built == expected
    assert len(built) == 8
    step, name = built[0]
    assert f"GROWTH: {name} was built." in twin.describe(moves[step - 1])
    new = twin.model.scenario.tables["load"].name.index(name)
    assert moves[step - 2].state.devices["load"].p_mw[0, new] == 0.0
    assert moves[step - 1].state.devices["load"].p_mw[0, new] < 0.0


def test_before_its_first_addition_a_growing_grid_is_the_grid_as_built() -> None:
    grown, plain = (make_twin("six_bus", growth=growth, seeds=(0,), start="2016-07-04", cycle_minutes=15.0) for growth in (True, False))
    early = int(min(step for step in grown.model.layout.bus_from_step if step)) - 1
    assert early > 0
    for one, other in zip(small.held(grown, grown.first(), early), small.held(plain, plain.first(), early), strict=True):
        n, m = other.state.flow.v_pu.shape[1], other.state.flow.loading.shape[1]
        assert np.allclose(one.state.flow.v_pu[:, :n], other.state.flow.v_pu, atol=1e-8)
        assert np.allclose(one.state.flow.p_from_mw[:, :m], other.state.flow.p_from_mw, atol=1e-5)


def test_what_is_not_built_yet_takes_no_orders() -> None:
    twin = make_twin("six_bus", growth=True, seeds=(0,), cycle_minutes=15.0)
    state = twin.first()
    line = next(
        name for name, step in zip(twin.model.scenario.network.branch_name, twin.model.layout.branch_from_step, strict=True) if step
    )
    _, (receipt,) = twin.order(state, [small.switch(line, "open")])
    assert receipt.outcome == "refused"
    assert "not built" in receipt.why
    assert not twin.observe(state).branches[line].values["built"]
