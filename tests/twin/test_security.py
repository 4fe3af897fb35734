"""N-1 of the twin's states: asked at the point that the twin solved, and equal to what a step with the fault would see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridpilot.twin import Twin, make_twin
from gridpilot.twin.security import load_mw, operating_points
from gridpilot.values import Action, GridState


@pytest.fixture(scope="module", params=["six-bus", "ieee14"])
def twin(request: pytest.FixtureRequest) -> Twin:
    return make_twin(request.param, seeds=(1, 2, 3), cycles=24)


@pytest.fixture(scope="module")
def state(twin: Twin) -> GridState:
    """Hours into the day: in some elements a disturbance is on, in one a branch is open and a unit is out."""
    state = twin.first()
    closed, outage = state.setpoints.closed.copy(), state.outage.copy()
    closed[1, 2], outage[2, 0] = False, True
    state = replace(state, outage=outage)
    setpoints = replace(state.setpoints, closed=closed)
    for _ in range(8):
        moved = twin.step(state, setpoints)
        state, setpoints = moved.state, moved.setpoints
    return state


def test_the_point_asked_again_is_the_flow_of_the_step(twin: Twin, state: GridState) -> None:
    points = operating_points(twin.model, state)
    again = twin.model.engine.solve(
        points.p_mw, points.q_mvar, kind=points.kind, v_set_pu=points.v_set_pu, closed=points.closed, start=points.base
    )
    assert again.usable.all()
    assert not again.iterations.any()
    assert np.abs(again.v_re_pu - state.flow.v_re_pu).max() <= 1e-12
    assert np.allclose(again.loading, state.flow.loading, atol=1e-9)


def test_every_branch_in_service_is_an_outage_of_its_element(twin: Twin, state: GridState) -> None:
    found = twin.security(state)
    lost = [branch for (branch,) in found.outages.branches]
    assert lost == np.flatnonzero((state.setpoints.closed & ~state.faulted).any(axis=0)).tolist()
    assert not found.effective[1, lost.index(2)]
    assert found.effective[0].all() == (~state.faulted[0][lost]).all()


def test_islanded_load_is_what_the_loads_draw_whatever_is_generated_there(twin: Twin, state: GridState) -> None:
    drawn = -state.devices["load"].p_mw.sum(axis=1)
    assert np.allclose(twin.load_mw(state), drawn)
    buses = load_mw(twin.model, state)
    where = twin.model.scenario.tables["load"].bus
    assert np.allclose(buses[:, where].sum(axis=1), drawn)
    assert (buses >= 0.0).all()


def test_an_outage_is_what_a_step_with_the_fault_solves(twin: Twin, state: GridState) -> None:
    found = twin.security(state)
    for k, (branch,) in enumerate(found.outages.branches):
        faulted = state.faulted.copy()
        faulted[:, branch] = True
        points = operating_points(twin.model, replace(state, faulted=faulted))
        flow = twin.model.engine.solve(points.p_mw, points.q_mvar, kind=points.kind, v_set_pu=points.v_set_pu, closed=points.closed)
        assert np.array_equal(found.usable[:, k], flow.usable)
        solved = flow.usable
        assert np.allclose(found.worst_loading[solved, k], flow.loading.max(axis=1)[solved], atol=1e-8)


def test_the_next_states_are_those_of_a_preview(twin: Twin) -> None:
    state = twin.first()
    name = twin.model.scenario.network.branch_name[3]
    opened = (Action("TOPOLOGY", name, {"status": "open"}),)
    after, preview = twin.next_states(state, [opened]), twin.preview(state, [opened], 1)
    assert after.setpoints.closed[:, 3].tolist() == [True, False]
    assert after.flow.loading.max(axis=1).tolist() == [preview.nothing.max_loading, preview.candidates[0].max_loading]
