"""Every action has its receipt, a refused one leaves the setpoints as they were, and signs are converted once."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.actions import APPLIED, CLIPPED, REFUSED, Controls, Orders, Situation, give_orders, verbs
from gridpilot.values import Action, Receipt


def one(controls: Controls, now: Situation, verb: str, target: str, params: dict[str, Any]) -> tuple[Receipt, Orders]:
    orders = give_orders([Action(verb, target, params)], controls, now)
    assert len(orders.receipts) == 1
    return orders.receipts[0], orders


def unchanged(orders: Orders, now: Situation) -> bool:
    same = all(orders.devices[kind].tobytes() == now.devices[kind].tobytes() for kind in now.devices)
    return same and bool((orders.closed == now.closed).all())


# ------------------------------------------------------------------------------------------------------- signs


@pytest.mark.parametrize(
    ("verb", "target", "params", "kind", "setpoint"),
    [
        ("REDISPATCH", "GAS", {"target_mw": 90.0}, "generator", 90.0),
        ("STORAGE", "BESS-SUBURB", {"setpoint_mw": -30.0}, "storage", 30.0),
        ("STORAGE", "BESS-SUBURB", {"setpoint_mw": 30.0}, "storage", -30.0),
        ("LOAD_SHAPE", "B4-SUBURB", {"delta_mw": -15.0}, "load", 15.0),
        ("LOAD_SHAPE", "B4-SUBURB", {"delta_mw": 15.0}, "load", -15.0),
        ("CURTAIL", "B3-WIND", {"limit_mw": 60}, "wind", 60.0),
        ("CURTAIL", "B0-SOLAR", {"limit_mw": np.float32(60.0)}, "solar", 60.0),
    ],
)
def test_an_order_becomes_an_injection(
    controls: Controls, now: Situation, verb: str, target: str, params: dict[str, Any], kind: str, setpoint: float
) -> None:
    receipt, orders = one(controls, now, verb, target, params)
    assert orders.devices[kind][0] == setpoint
    value = float(next(iter(params.values())))
    assert receipt == Receipt(verb, target, value, value, APPLIED)


@pytest.mark.parametrize(("status", "closed"), [("open", False), ("closed", True)])
def test_topology_moves_the_breaker(controls: Controls, now: Situation, status: str, closed: bool) -> None:
    for name, k in (("LN03", 0), ("LN25", 2)):
        receipt, orders = one(controls, now, "TOPOLOGY", name, {"status": status})
        assert orders.closed[k] == closed
        assert receipt.outcome == APPLIED
        assert receipt.applied == status
        assert bool(receipt.why) == (closed == now.closed[k])


# ---------------------------------------------------------------------------------------------------- clipping


def test_an_order_beyond_the_nameplate_is_clipped_to_it(controls: Controls, now: Situation) -> None:
    receipt, orders = one(controls, now, "STORAGE", "BESS-SUBURB", {"setpoint_mw": -80.0})
    assert (receipt.outcome, receipt.requested, receipt.applied) == (CLIPPED, -80.0, -50.0)
    assert "-50 … 50 MW" in receipt.why
    assert orders.devices["storage"][0] == 50.0


def test_what_cannot_be_had_this_cycle_stays_the_order(controls: Controls, now: Situation) -> None:
    ramped = replace(now, low={**now.low, "generator": np.array([80.0, 0.0])}, high={**now.high, "generator": np.array([140.0, 0.0])})
    receipt, orders = one(controls, ramped, "REDISPATCH", "GAS", {"target_mw": 200.0})
    assert (receipt.outcome, receipt.applied) == (CLIPPED, 140.0)
    assert "200 MW stays the order" in receipt.why
    assert orders.devices["generator"][0] == 200.0


def test_an_empty_battery_says_that_it_gives_nothing(controls: Controls, now: Situation) -> None:
    empty = replace(now, high={**now.high, "storage": np.zeros(1)})
    receipt, _ = one(controls, empty, "STORAGE", "BESS-SUBURB", {"setpoint_mw": -30.0})
    assert (receipt.outcome, receipt.applied) == (CLIPPED, 0.0)


@pytest.mark.parametrize(("asked", "applied"), [(15.0, 0.0), (25.0, 40.0), (40.0, 40.0), (0.0, 0.0), (70.0, 70.0)])
def test_a_unit_runs_at_its_minimum_or_not_at_all(controls: Controls, now: Situation, asked: float, applied: float) -> None:
    receipt, _ = one(controls, replace(now, least={"generator": np.array([40.0, 0.0])}), "REDISPATCH", "GAS", {"target_mw": asked})
    assert receipt.applied == applied
    assert receipt.outcome == (APPLIED if asked == applied else CLIPPED)


# ----------------------------------------------------------------------------------------------------- refusal


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (
            Action("EXPLODE", "GAS", {"target_mw": 1.0}),
            "unknown verb 'EXPLODE'; valid: CURTAIL, LOAD_SHAPE, REDISPATCH, SHUNT, STORAGE, TAP, TOPOLOGY",
        ),
        (Action("redispatch", "GAS", {"target_mw": 1.0}), "unknown verb"),
        (Action("REDISPATCH", "GASS", {"target_mw": 1.0}), "unknown target 'GASS' for REDISPATCH; valid: GAS"),
        (Action("REDISPATCH", "COAL", {"target_mw": 1.0}), "unknown target 'COAL'"),
        (Action("STORAGE", "GAS", {"setpoint_mw": 1.0}), "unknown target 'GAS' for STORAGE"),
        (Action("REDISPATCH", "GAS", {"setpoint_mw": 1.0}), "exactly the parameter 'target_mw'; found: setpoint_mw"),
        (Action("REDISPATCH", "GAS", {"target_mw": 1.0, "ramp": 2.0}), "found: ramp, target_mw"),
        (Action("REDISPATCH", "GAS", {}), "found: none"),
        (Action("REDISPATCH", "GAS", {"target_mw": "90"}), "finite number of MW, found '90'"),
        (Action("REDISPATCH", "GAS", {"target_mw": True}), "finite number of MW, found True"),
        (Action("REDISPATCH", "GAS", {"target_mw": None}), "finite number of MW, found None"),
        (Action("REDISPATCH", "GAS", {"target_mw": [90.0]}), "finite number of MW"),
        (Action("REDISPATCH", "GAS", {"target_mw": nan}), "finite number of MW, found nan"),
        (Action("REDISPATCH", "GAS", {"target_mw": -inf}), "finite number of MW, found -inf"),
        (Action("REDISPATCH", "GAS", {"target_mw": 10**400}), "finite number of MW, found 1000"),
        (Action("TOPOLOGY", "LN03", {"status": "Closed"}), "status must be 'open' or 'closed', found 'Closed'"),
        (Action("TOPOLOGY", "LN03", {"status": True}), "status must be"),
        (Action("TOPOLOGY", "LN99", {"status": "open"}), "unknown target 'LN99' for TOPOLOGY; valid: LN03, LN14, LN25"),
    ],
)
def test_what_is_wrong_is_refused_with_a_reason(controls: Controls, now: Situation, action: Action, why: str) -> None:
    orders = give_orders([action], controls, now)
    (receipt,) = orders.receipts
    assert (receipt.type, receipt.target, receipt.outcome, receipt.applied) == (action.type, action.target, REFUSED, None)
    assert why in receipt.why
    assert len(receipt.why) < 200
    assert unchanged(orders, now)


FLAGS = np.array([True, False, False])


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"faulted": FLAGS}, "closed", "faulted"),
        ({"lockout_h": FLAGS * 0.25}, "closed", "locked the branch out for another 15 min"),
        ({"branch_active": ~FLAGS}, "open", "not built yet"),
        ({"branch_active": ~FLAGS}, "closed", "not built yet"),
    ],
)
def test_a_branch_that_cannot_be_moved_stays(controls: Controls, now: Situation, changes: dict[str, Any], status: str, why: str) -> None:
    situation = replace(now, closed=np.array([False, True, True]), **changes)
    receipt, orders = one(controls, situation, "TOPOLOGY", "LN03", {"status": status})
    assert receipt.outcome == REFUSED
    assert why in receipt.why
    assert unchanged(orders, situation)


@pytest.mark.parametrize("changes", [{"faulted": FLAGS}, {"lockout_h": FLAGS * 0.25}])
def test_a_branch_that_is_out_may_still_be_ordered_open(controls: Controls, now: Situation, changes: dict[str, Any]) -> None:
    receipt, orders = one(controls, replace(now, **changes), "TOPOLOGY", "LN03", {"status": "open"})
    assert receipt.outcome == APPLIED
    assert not orders.closed[0]


def test_a_device_that_is_not_there_takes_no_order(controls: Controls, now: Situation) -> None:
    gone = replace(now, present={**now.present, "wind": np.zeros(1, dtype=np.bool_)})
    receipt, orders = one(controls, gone, "CURTAIL", "B3-WIND", {"limit_mw": 10.0})
    assert (receipt.outcome, receipt.why) == (REFUSED, "the device is out of service or not built yet")
    assert unchanged(orders, gone)


def test_a_role_moves_only_what_it_has_authority_over(controls: Controls, now: Situation) -> None:
    role = replace(now, may_move={"BESS-SUBURB"})
    orders = give_orders(
        [Action("STORAGE", "BESS-SUBURB", {"setpoint_mw": 5.0}), Action("CURTAIL", "B3-WIND", {"limit_mw": 5.0})], controls, role
    )
    assert [receipt.outcome for receipt in orders.receipts] == [APPLIED, REFUSED]
    assert "no authority over B3-WIND" in orders.receipts[1].why
    assert orders.devices["wind"][0] == 180.0


def test_of_two_orders_to_one_component_the_first_stands(controls: Controls, now: Situation) -> None:
    orders = give_orders([Action("REDISPATCH", "GAS", {"target_mw": mw}) for mw in (90.0, 200.0)], controls, now)
    assert [receipt.outcome for receipt in orders.receipts] == [APPLIED, REFUSED]
    assert "ordered twice" in orders.receipts[1].why
    assert orders.devices["generator"][0] == 90.0


def test_an_order_that_was_refused_does_not_stand_in_the_way_of_the_next(controls: Controls, now: Situation) -> None:
    faulted = replace(now, faulted=FLAGS)
    orders = give_orders([Action("TOPOLOGY", "LN03", {"status": status}) for status in ("closed", "open")], controls, faulted)
    assert [receipt.outcome for receipt in orders.receipts] == [REFUSED, APPLIED]


# -------------------------------------------------------------------------------------------------- properties

TARGETS = ("GAS", "COAL", "BESS-SUBURB", "B4-SUBURB", "B0-SOLAR", "B3-WIND", "LN03", "LN14", "nobody")
PARAMETERS = ("target_mw", "setpoint_mw", "delta_mw", "limit_mw", "status", "nothing")
VALUES = st.one_of(st.floats(), st.integers(), st.text(max_size=3), st.sampled_from(["open", "closed"]), st.none(), st.booleans())
ANY_ACTION = st.builds(
    Action,
    st.sampled_from([*verbs(), "EXPLODE"]),
    st.sampled_from(TARGETS),
    st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=2),
)


@given(st.lists(ANY_ACTION, max_size=12))
def test_nothing_is_dropped_and_refusals_move_nothing(controls: Controls, now: Situation, actions: list[Action]) -> None:
    orders = give_orders(actions, controls, now)
    assert [(r.type, r.target) for r in orders.receipts] == [(a.type, a.target) for a in actions]
    for receipt in orders.receipts:
        assert receipt.outcome in (APPLIED, CLIPPED, REFUSED)
        assert (receipt.applied is None) == (receipt.outcome == REFUSED)
        assert receipt.why or receipt.outcome == APPLIED
    followed = [a for a, r in zip(actions, orders.receipts, strict=True) if r.outcome != REFUSED]
    again = give_orders(followed, controls, now)
    assert all(orders.devices[kind].tobytes() == again.devices[kind].tobytes() for kind in now.devices)
    assert (orders.closed == again.closed).all()


@given(st.lists(ANY_ACTION, max_size=12))
def test_setpoints_stay_inside_the_nameplate_and_the_situation_as_it_was(controls: Controls, now: Situation, actions: list[Action]) -> None:
    before = {kind: values.copy() for kind, values in now.devices.items()}
    orders = give_orders(actions, controls, now)
    for entry in controls.entries:
        if not entry.verb.moves_branches:
            assert entry.low <= entry.verb.sign * orders.devices[entry.kind][entry.index] <= entry.high
    assert all((before[kind] == now.devices[kind]).all() for kind in before)
    assert now.closed.tolist() == [True, True, False]
