"""What a schedule does to the grid, and that the grid comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.twin import small

from gridpilot.disturbances import GENERATOR_OUTAGE, LINE_TRIP, LOAD_SPIKE, Threat
from gridpilot.values import Action, Transition


def after(threat: Threat, steps: int = 16, **parts: Any) -> list[Transition]:
    """Quarters of an hour under one disturbance; entry k ends at (k + 1) / 4 h."""
    twin = small.twin(threats=[threat], **parts)
    return small.held(twin, twin.first(), steps)


def test_opening_a_line_sends_its_flow_over_the_others_and_closing_brings_it_back() -> None:
    twin = small.twin()
    first = small.held(twin, twin.first(), 1)[0].state
    opened = small.obeyed(twin, first, small.switch("AC", "open")).state
    assert first.flow.p_from_mw[0, small.AC] > 20.0
    assert opened.flow.p_from_mw[0, small.AC] == 0.0
    # C now gets everything over BC.
    assert -opened.flow.p_to_mw[0, small.BC] == pytest.approx(100.0, abs=1e-6)
    again = small.held(twin, opened, 1)[0].state
    assert again.flow.p_from_mw[0, small.AC] == 0.0, "an order stands until it is changed"
    closed = small.obeyed(twin, again, small.switch("AC", "closed")).state
    assert np.allclose(closed.flow.p_from_mw, first.flow.p_from_mw, atol=1e-6)


def test_a_line_trip_lasts_until_the_restoration() -> None:
    moves = after(Threat(LINE_TRIP, ("AC",), between_h=(1.0, 1.0), lasting_h=(1.5, 1.5)))
    faulted = [bool(moved.state.faulted[0, small.AC]) for moved in moves]
    assert faulted == [False] * 3 + [True] * 6 + [False] * 7
    for moved, out in zip(moves, faulted, strict=True):
        assert (moved.state.flow.p_from_mw[0, small.AC] == 0.0) == out
        assert moved.state.setpoints.closed[0, small.AC], "the order to be closed stands, so that the repaired line carries again"
        assert not moved.state.protection.tripped.any()


def test_a_faulted_line_cannot_be_closed() -> None:
    twin = small.twin(threats=[Threat(LINE_TRIP, ("AC",), between_h=(0.25, 0.25), lasting_h=(2.0, 2.0))])
    state = small.held(twin, twin.first(), 1)[0].state
    _, (receipt,) = twin.order(state, [small.switch("AC", "closed")])
    assert receipt.outcome == "refused"
    assert "faulted" in receipt.why


def test_a_load_spike_multiplies_the_demand_while_it_lasts() -> None:
    moves = after(Threat(LOAD_SPIKE, (small.LOAD,), between_h=(1.0, 1.0), lasting_h=(0.5, 0.5), magnitude=(1.3, 1.3)), steps=8)
    drawn = [-float(moved.state.devices["load"].p_mw[0, 0]) for moved in moves]
    assert drawn == pytest.approx([100.0] * 3 + [130.0] * 2 + [100.0] * 3)


def test_a_generator_outage_takes_the_power_and_the_voltage_control_away() -> None:
    threat = Threat(GENERATOR_OUTAGE, (small.UNIT,), between_h=(1.0, 1.0), lasting_h=(0.5, 0.5))
    moves = after(threat, steps=8, unit={"v_set_pu": 1.04, "ramp_mw_per_min": 100.0})
    gives = [float(moved.state.devices["generator"].p_mw[0, 1]) for moved in moves]
    volts = [float(moved.state.flow.v_pu[0, small.B]) for moved in moves]
    assert gives == pytest.approx([40.0] * 3 + [0.0] * 2 + [40.0] * 3)
    assert volts[0] == pytest.approx(1.04, abs=1e-9)
    assert max(volts[3:5]) < 1.02, "nothing holds the voltage of B"
    assert volts[5] == pytest.approx(1.04, abs=1e-9)


def test_a_unit_that_is_out_takes_no_orders() -> None:
    twin = small.twin(threats=[Threat(GENERATOR_OUTAGE, (small.UNIT,), between_h=(0.25, 0.25), lasting_h=(2.0, 2.0))])
    state = small.held(twin, twin.first(), 1)[0].state
    _, (receipt,) = twin.order(state, [Action("REDISPATCH", small.UNIT, {"target_mw": 50.0})])
    assert receipt.outcome == "refused"
    assert state.flow.q_bus_mvar[0, small.B] == pytest.approx(0.0, abs=1e-6), "nor does it give reactive power"


def test_what_happens_is_said_in_sentences() -> None:
    twin = small.twin(threats=[Threat(LINE_TRIP, ("AC",), between_h=(0.25, 0.25), lasting_h=(0.25, 0.25))])
    begins, ends, quiet = small.held(twin, twin.first(), 3)
    assert twin.describe(begins) == ("LINE_TRIP: AC is out by a fault.",)
    assert twin.describe(ends) == ("RESTORATION: AC is back to normal.",)
    assert twin.describe(quiet) == ()


def test_an_element_is_told_its_own_events_only() -> None:
    twin = small.twin(threats=[Threat(LINE_TRIP, ("AB", "AC", "BC"), (0.25, 0.25), (1.0, 1.0))], seeds=range(6))
    (moved,) = small.held(twin, twin.first(), 1)
    told = [twin.describe(moved, element=element) for element in range(6)]
    hit = [small.LINES[int(moved.state.faulted[element].argmax())] for element in range(6)]
    assert told == [(f"LINE_TRIP: {name} is out by a fault.",) for name in hit]
    assert len(set(hit)) > 1


def test_an_element_is_hit_by_its_own_disturbances_only() -> None:
    threat = Threat(LINE_TRIP, ("AB", "AC", "BC"), between_h=(0.25, 3.0), lasting_h=(1.0, 1.0))
    seeds = (0, 1, 2, 3, 4, 5)
    together = small.twin(threats=[threat], seeds=seeds)
    batch = [moved.state.faulted for moved in small.held(together, together.first(), 16)]
    for place, seed in enumerate(seeds):
        alone = small.twin(threats=[threat], seeds=(seed,))
        mine = [moved.state.faulted[0] for moved in small.held(alone, alone.first(), 16)]
        assert np.array_equal([faulted[place] for faulted in batch], mine)
    assert len({np.array([faulted[place] for faulted in batch]).tobytes() for place in range(len(seeds))}) > 1
