"""`check_agent` passes the agents that ship and names what is wrong with others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from tests.agents.test_registry import ALONE

from gridpilot.testing import check_agent
from gridpilot.values import Action, Decision, View


@pytest.mark.parametrize("name", ALONE)
def test_agents_that_ship_are_agents(name: str) -> None:
    check_agent(name, cycles=6)


@dataclass
class Odd:
    """An agent that answers what it was made with."""

    answer: Any
    name: str = "odd"

    def decide(self, view: View) -> Decision:
        answer: Decision = self.answer(view) if callable(self.answer) else self.answer
        return answer


def vandal(view: View) -> Decision:
    summary: Any = view.summary
    summary["load_mw"] = 0.0
    return Decision()


def gambler(view: View, random: np.random.Generator = np.random.default_rng(0)) -> Decision:  # noqa: B008
    return Decision(assessment=str(random.random()))


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (Odd(Decision(), name=""), "needs a name"),
        (Odd(None), "expected a Decision"),
        (Odd(Decision(risk_level="FINE")), "risk level 'FINE'"),
        (Odd(Decision(actions=[])), "a tuple, found list"),  # type: ignore[arg-type]  # that is the fault
        (Odd(Decision(actions=(Action("EXPLODE", "B2-GAS", {}),))), "does not offer: EXPLODE B2-GAS"),
        (Odd(Decision(actions=(Action("REDISPATCH", "B9", {"target_mw": 1.0}),))), "does not offer: REDISPATCH B9"),
        (Odd(Decision(actions=(Action("REDISPATCH", "B2-GAS", {"mw": 1.0}),))), "does not offer: REDISPATCH B2-GAS"),
        (Odd(Decision(actions=(Action("REDISPATCH", "B2-GAS", {"target_mw": "all"}),))), "must be a finite number"),
        (Odd(Decision(actions=(Action("REDISPATCH", "B2-GAS", {"target_mw": (1, 2)}),))), "JSON face does not hold"),
        (Odd(Decision(invalid=True, actions=(Action("REDISPATCH", "B2-GAS", {"target_mw": 1.0}),))), "has no actions"),
        (Odd(vandal), "changed it at summary.load_mw"),
        (Odd(gambler), "decided otherwise on the same view: assessment"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_faults_are_named(agent: Odd, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_agent(agent, cycles=2)


def test_agents_of_chance_can_be_excused() -> None:
    check_agent(Odd(gambler), cycles=2, deterministic=False)


def test_orders_that_the_grid_forbids_are_the_agents_own_risk() -> None:
    """To ask for more than a unit has is clipped, not a fault of form."""
    check_agent(Odd(replace(Decision(), actions=(Action("REDISPATCH", "B2-GAS", {"target_mw": 1e6}),))), cycles=2)
