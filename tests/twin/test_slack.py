"""What holds the balance when the slack unit is at its limit: load is shed, or renewables are spilled."""

from __future__ import annotations

import numpy as np
import pytest
from tests.twin import small

from gridpilot.scenarios import ProtectionSettings
from gridpilot.values import REWARD_TERMS, Setpoints

TOLERANCE_MW = 0.1


def test_load_is_shed_until_the_slack_unit_is_inside_its_limits_and_booked_as_not_served() -> None:
    twin = small.twin(demand_mw=150.0, slack={"p_min_mw": 0.0, "p_max_mw": 80.0})
    (moved,) = small.held(twin, twin.first(), 1)
    shed = float(moved.events.shed_mw[0])
    assert moved.outcomes.slack_p_mw[0] <= 80.0 + TOLERANCE_MW
    assert shed == pytest.approx(150.0 - 80.0 - 40.0, abs=2.0), "what both units cannot give, but for losses"
    assert moved.outcomes.unserved_mwh[0] == pytest.approx(shed * small.STEP_H, rel=1e-9)
    assert moved.outcomes.demand_mwh[0] == pytest.approx(150.0 * small.STEP_H)
    assert moved.state.devices["load"].p_mw[0, 0] == pytest.approx(-(150.0 - shed))
    assert moved.outcomes.balance_mw[0] < 1e-6
    assert twin.describe(moved)[0].startswith("LOAD_SHED")


def test_renewables_are_spilled_until_the_slack_unit_is_inside_its_limits_and_booked_as_curtailed() -> None:
    twin = small.twin(demand_mw=100.0, sun_mw=60.0, wind_mw=30.0, slack={"p_min_mw": 20.0, "p_max_mw": 200.0})
    (moved,) = small.held(twin, twin.first(), 1)
    spilled = float(moved.events.spilled_mw[0])
    assert moved.outcomes.slack_p_mw[0] >= 20.0 - TOLERANCE_MW
    assert spilled == pytest.approx(60.0 + 30.0 + 40.0 + 20.0 - 100.0, abs=2.0)
    assert moved.outcomes.curtailed_mwh[0] == pytest.approx(spilled * small.STEP_H, rel=1e-9)
    assert moved.outcomes.unserved_mwh[0] == 0.0
    gives = [float(moved.state.devices[kind].p_mw[0, 0]) for kind in ("solar", "wind")]
    assert gives[0] / gives[1] == pytest.approx(2.0), "every plant gives the same share"
    assert twin.describe(moved)[0].startswith("RENEWABLE_SPILL")


def test_losses_that_fall_while_renewables_are_spilled_are_covered_too() -> None:
    twin = small.twin(demand_mw=50.0, sun_mw=200.0, wind_mw=200.0, slack={"p_min_mw": 0.0, "p_max_mw": 200.0})
    (moved,) = small.held(twin, twin.first(), 1)
    assert moved.outcomes.slack_p_mw[0] >= -TOLERANCE_MW
    assert moved.outcomes.curtailed_mwh[0] == pytest.approx(moved.events.spilled_mw[0] * small.STEP_H)


def test_what_is_shed_before_and_after_a_line_opens_adds_up() -> None:
    """100 MW are missing; then BC and AB open above their hard limit and take the unit's 100 MW away."""
    twin = small.twin(
        demand_mw=300.0,
        ratings_mva=(60.0, 500.0, 60.0),
        slack={"p_min_mw": 0.0, "p_max_mw": 100.0},
        unit={"initial_mw": 100.0},
        protection=ProtectionSettings(),
    )
    (moved,) = small.held(twin, twin.first(), 1)
    assert moved.events.tripped[0].tolist() == [True, False, True]
    assert moved.events.shed_mw[0] == pytest.approx(200.0, abs=5.0)
    assert moved.outcomes.unserved_mwh[0] == pytest.approx(moved.events.shed_mw[0] * small.STEP_H)


def test_inside_its_limits_the_slack_unit_moves_nobody() -> None:
    twin = small.twin(sun_mw=30.0, slack={"p_min_mw": 0.0, "p_max_mw": 100.0})
    (moved,) = small.held(twin, twin.first(), 1)
    assert moved.events.shed_mw[0] == moved.events.spilled_mw[0] == 0.0
    assert moved.outcomes.unserved_mwh[0] == moved.outcomes.curtailed_mwh[0] == 0.0


def test_shedding_costs_reward_and_is_not_for_free_beside_serving() -> None:
    short, enough = (small.twin(demand_mw=150.0, slack={"p_min_mw": 0.0, "p_max_mw": most}) for most in (80.0, 300.0))
    rewards = [small.held(twin, twin.first(), 1)[0].reward[0] for twin in (short, enough)]
    assert rewards[0] < rewards[1]


def test_where_nothing_is_left_to_spill_the_slack_unit_stays_beyond_and_the_books_say_so() -> None:
    twin = small.twin(demand_mw=20.0, slack={"p_min_mw": 0.0, "p_max_mw": 100.0})
    (moved,) = small.held(twin, twin.first(), 1)
    assert moved.outcomes.slack_p_mw[0] == pytest.approx(-20.0, abs=1.0)
    assert moved.reward_terms[0, 0, REWARD_TERMS.index("imbalance")] < 0.0
    assert not moved.state.collapsed[0]


def test_an_element_that_sheds_leaves_its_neighbours_alone() -> None:
    made = small.scenario(slack={"p_min_mw": 0.0, "p_max_mw": 80.0})
    twin = small.twin(made, demand_mw=100.0, seeds=(0, 1))
    state = twin.first()
    devices = {kind: values.copy() for kind, values in state.setpoints.devices.items()}
    devices["generator"][0, 1] = 0.0
    moved = twin.step(state, Setpoints(devices, state.setpoints.closed))
    assert moved.events.shed_mw[0] > 10.0
    assert moved.events.shed_mw[1] == 0.0
    alone = small.twin(made, demand_mw=100.0)
    quiet = small.held(alone, alone.first(), 1)[0]
    assert np.array_equal(moved.state.flow.v_re_pu[1], quiet.state.flow.v_re_pu[0])
