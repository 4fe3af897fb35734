"""A step in one kernel and a step around an engine that kernels cannot call are one: the same rounds, the same bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.twin import small

from gridpilot.scenarios import ProtectionSettings, Scenario, load_scenario
from gridpilot.testing.compare import difference
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Floats, Flow, PowerFlow, Transition

RELAYS = ProtectionSettings(overload_delay_h=0.2, hard_limit=0.9, lockout_h=0.5, crew_h=0.4)


class Opaque:
    """An engine around an engine: the twin sees nothing but the seam. It counts the power flows that it is asked for."""

    name = "opaque"
    has_voltages = True

    def __init__(self, engine: PowerFlow) -> None:
        self.engine = engine
        self.solved: list[int] = []

    def solve(self, p_mw: Floats, q_mvar: Floats, **arguments: Any) -> Flow:
        """What the engine inside finds."""
        self.solved.append(len(p_mw))
        return self.engine.solve(p_mw, q_mvar, **arguments)


def outside(twin: Twin) -> tuple[Twin, Opaque]:
    """The same twin, whose engine is not known to be compiled."""
    engine = Opaque(twin.model.engine)
    return replace(twin, model=replace(twin.model, engine=engine)), engine


def rolled(twin: Twin, steps: int, size_mw: float) -> list[Transition]:
    """Steps under random orders, with a breaker thrown now and then."""
    random, state, moves = np.random.default_rng(4), twin.first(), []
    for _ in range(steps):
        moves.append(twin.step(state, small.jolted(state, random, size_mw)))
        state = moves[-1].state
    return moves


def happened(moves: list[Transition]) -> dict[str, bool]:
    """What a run has seen."""
    events: dict[str, Any] = {
        name: [getattr(moved.events, name) for moved in moves] for name in ("tripped", "shed_mw", "spilled_mw", "islanded", "collapsed")
    }
    return {name: bool(np.any(values)) for name, values in events.items()} | {"struck": any(len(moved.events.struck) for moved in moves)}


@pytest.mark.parametrize(
    ("scenario", "growth", "sees"),
    [
        (load_scenario("six_bus"), False, ("spilled_mw", "islanded", "struck")),
        (replace(load_scenario("ieee14"), protection=RELAYS), False, ("tripped", "spilled_mw", "islanded", "collapsed", "struck")),
        (load_scenario("six_bus", growth=True), True, ("spilled_mw", "struck")),
    ],
    ids=["six_bus", "fragile", "growing"],
)
def test_long_runs_are_equal_bit_for_bit(scenario: Scenario, growth: bool, sees: tuple[str, ...]) -> None:
    twin = make_twin(scenario, seeds=range(5), cycle_minutes=15.0)
    other, engine = outside(twin)
    one, two = rolled(twin, 90, 20.0), rolled(other, 90, 20.0)
    assert difference(twin.first(), other.first()) == ""
    for k, (mine, theirs) in enumerate(zip(one, two, strict=True)):
        assert difference(mine, theirs) == "", k
    found = happened(one)
    assert all(found[name] for name in sees), found
    assert any(events.built.any() for events in (moved.events for moved in one)) == growth
    assert len(engine.solved) > 90 + 20, "some elements were solved again, the others were not"
    assert min(engine.solved) < max(engine.solved) == 5


def test_shedding_and_collapse_are_equal_bit_for_bit() -> None:
    short = small.twin(demand_mw=250.0, slack={"p_min_mw": 0.0, "p_max_mw": 80.0}, seeds=(0, 1, 2))
    heavy = small.twin(demand_mw=2500.0, seeds=(0, 1))
    for twin, sees in ((short, "shed_mw"), (heavy, "collapsed")):
        other, _ = outside(twin)
        one, two = rolled(twin, 12, 40.0), rolled(other, 12, 40.0)
        assert difference(one, two) == ""
        assert happened(one)[sees] or one[0].state.collapsed.all()


def test_more_elements_than_a_piece_are_the_loop_over_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory is stepped piece by piece; nobody notices where one ends."""
    whole = rolled(make_twin("six_bus", seeds=range(7), cycles=12), 6, 20.0)
    monkeypatch.setattr("gridpilot.twin.memory.PIECE", 3)
    pieces = rolled(make_twin("six_bus", seeds=range(7), cycles=12), 6, 20.0)
    assert difference(whole, pieces) == ""
