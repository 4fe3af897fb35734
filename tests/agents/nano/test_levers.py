"""What may be moved, as words: every word is inside the bounds of its state, and orders survive the way there and back."""

from __future__ import annotations

import numpy as np
import pytest
from tests.twin import small

from gridpilot.agents import make_agent
from gridpilot.agents.nano.levers import CLOSE, HIGH, LOW, levers_of
from gridpilot.twin import make_twin
from gridpilot.values import Action, View


def view_of(scenario: str = "six_bus", cycles: int = 1, seed: int = 0) -> View:
    twin = make_twin(scenario, seeds=(seed,), cycles=40)
    state = small.held(twin, twin.first(), cycles)[-1].state
    return twin.observe(state)


@pytest.mark.parametrize("scenario", ["six_bus", "ieee14"])
def test_every_value_of_every_slot_is_an_order_inside_its_bounds(scenario: str) -> None:
    view = view_of(scenario)
    for lever in levers_of(view).by_word.values():
        for value in lever.values:
            action = lever.action(value)
            assert action.target in view.verbs[action.type]
            low, high = view.devices[action.target].bounds[lever.parameter]
            assert low - 1e-9 <= action.params[lever.parameter] <= high + 1e-9


@pytest.mark.parametrize("scenario", ["six_bus", "ieee14"])
def test_orders_of_the_optimiser_come_back_within_half_a_quantum(scenario: str) -> None:
    view = view_of(scenario)
    levers = levers_of(view)
    asked = {action.target: action for action in make_agent("opf").decide(view).actions}
    told = {action.target: action for action in levers.actions(levers.words(tuple(asked.values())))}
    assert told
    for name, action in told.items():
        [parameter] = action.params
        low, high = view.devices[name].bounds[parameter]
        assert action.params[parameter] == pytest.approx(np.clip(asked[name].params[parameter], low, high), abs=levers.quantum_mw / 2 + 0.1)


def test_slots_go_by_size_and_not_by_name_or_place() -> None:
    levers = levers_of(view_of("ieee14"))
    assert [levers.by_word[word].device for word in ("g1", "g2", "b1", "b2", "p1")] == ["GEN-02", "GEN-03", "BESS-09", "BESS-14", "WIND-03"]


def test_the_quantum_stays_when_a_unit_fails() -> None:
    view = view_of("ieee14")
    values = {**view.devices["GEN-02"].values, "in_service": False}
    broken = {**view.devices, "GEN-02": type(view.devices["GEN-02"])("GEN-02", "generator", values, {})}
    out = type(view)(**{name: getattr(view, name) for name in View.__slots__} | {"devices": broken})
    assert levers_of(out).quantum_mw == levers_of(view).quantum_mw
    assert levers_of(out).by_word["g1"].device == "GEN-03"


def test_what_stands_open_for_no_reason_can_be_closed() -> None:
    twin = small.twin()
    opened = small.obeyed(twin, twin.first(), small.switch("AC", "open")).state
    levers = levers_of(twin.observe(opened))
    assert levers.by_word["t1"].values == (CLOSE,)
    assert levers.actions(("t1", CLOSE)) == (Action("TOPOLOGY", "AC", {"status": "closed"}, "close what stands open"),)
    assert levers.words([small.switch("AC", "closed")]) == ("t1", CLOSE)


def test_ends_are_words_of_their_own() -> None:
    lever = levers_of(view_of()).by_word["b1"]
    assert (lever.value(-1e3), lever.value(1e3), lever.value(0.0)) == (LOW, HIGH, "0")


def test_what_changes_nothing_is_not_said() -> None:
    view = view_of()
    told = float(view.devices["BESS-SUBURB"].values["setpoint_mw"])
    assert levers_of(view).words([Action("STORAGE", "BESS-SUBURB", {"setpoint_mw": told + 0.1})]) == ()
