"""What a language model can look up keeps up with its grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.operations.actors import Scripted

from gridpilot.agents import make_agent
from gridpilot.agents.llm.agent import LanguageAgent
from gridpilot.agents.llm.language_model import Asked, Question
from gridpilot.evaluation.informed import GridKnowledge, inform, informed
from gridpilot.operations import operate, run_cycles
from gridpilot.traces import Record
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Attempt, Decision


class Silent:
    """A model that holds everything."""

    model = "silent"

    def prepare(self, deadline_s: float) -> str:
        return "ready"

    def ask(self, question: Question, n: int, by_s: float) -> Asked:
        return Asked((Decision("Holding."),), (Attempt("answered", 1.0),))

    def say(self, messages: Sequence[Mapping[str, str]], by_s: float) -> str:
        return ""

    def close(self) -> None:
        """There is nothing to let go of."""


def reader() -> LanguageAgent:
    return LanguageAgent(Silent(), make_agent("do-nothing"))


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin("six-bus", seeds=(3,), cycles=3)


def titles(knowledge: GridKnowledge, question: str) -> list[str]:
    return [passage.title for passage in knowledge.search(question)]


def test_agents_that_do_not_read_are_left_alone(twin: Twin) -> None:
    scripted = Scripted()
    assert informed(scripted, twin) is scripted
    inform(scripted, twin.first())


def test_a_model_is_shown_what_concerns_its_grid(twin: Twin) -> None:
    agent = informed(reader(), twin)
    assert isinstance(agent, LanguageAgent)
    record = next(operate(twin, agent))
    assert record.decision.deliberation is not None
    assert len(record.decision.sources) > 0
    assert informed(agent, twin) is agent


def test_what_is_built_has_a_card_from_then_on() -> None:
    twin = make_twin("six-bus", seeds=(3,), growth=True)
    steps = np.unique(twin.model.layout.bus_from_step[twin.model.layout.bus_from_step > 0])
    assert len(steps), "the test needs a grid that grows"
    late = twin.model.scenario.network.bus_name[int(np.argmax(twin.model.layout.bus_from_step == steps[0]))]
    agent = informed(reader(), twin)
    assert isinstance(agent, LanguageAgent)
    knowledge = agent.retriever
    assert isinstance(knowledge, GridKnowledge)
    assert not [title for title in titles(knowledge, f"bus {late}") if late in title]
    for passed in run_cycles(twin, agent):
        if passed.transition.events.built.any():
            break
    assert [title for title in titles(knowledge, f"bus {late}") if late in title]


def quiet(twin: Twin) -> Record:
    return next(operate(twin, Scripted()))


def test_an_incident_can_be_looked_up_while_it_goes_on_and_afterwards(twin: Twin) -> None:
    calm, knowledge = quiet(twin), GridKnowledge(twin)
    outcomes = {**calm.moved.outcomes, "unserved_mwh": 2.5}
    dark = replace(calm, moved=replace(calm.moved, outcomes=outcomes, happenings=("LOAD_SHED: 30 MW at B1-CITY.",)))
    knowledge.log(calm)
    assert not [title for title in titles(knowledge, "own incident load shed") if title.startswith("Own incident")]
    knowledge.log(dark)
    assert "Own incident" in titles(knowledge, "own incident load shed B1-CITY")[0]
    knowledge.log(dark)
    knowledge.log(calm)
    found = [passage for passage in knowledge.search("own incident load shed B1-CITY") if passage.title.startswith("Own incident")]
    assert len(found) == 1
    assert "5.00 MWh not served in 2 cycles" in found[0].text
    assert GridKnowledge(twin, records=[calm, dark, dark]).search("own incident load shed B1-CITY")[0].title == found[0].title
