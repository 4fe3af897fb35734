"""Agents by name, what all of them promise, and what they must not drag in."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.twin import small

from gridpilot.agents import agent_names, agent_options, make_agent, make_agents
from gridpilot.agents.llm.agent import LanguageAgent
from gridpilot.errors import ConfigError, UnknownNameError
from gridpilot.scenarios import ProtectionSettings
from gridpilot.testing import check_agent
from gridpilot.twin import make_twin

ALONE = tuple(name for name in agent_names() if name not in ("llm", "local"))
"""Agents that need nothing but a view: neither a server nor a model in a folder."""


@pytest.mark.parametrize("scenario", ["six_bus", "ieee14"])
@pytest.mark.parametrize("name", ALONE)
def test_every_agent_keeps_the_promises_of_agents(name: str, scenario: str) -> None:
    check_agent(name, scenario, cycles=8)


@pytest.mark.parametrize("name", ALONE)
def test_every_agent_gets_through_a_grid_in_the_dark(name: str) -> None:
    """A view of a collapsed grid, of an island, and of one that has just been cut apart by protection."""
    twin = small.twin(sun_mw=20.0)
    island = small.obeyed(twin, twin.first(), small.switch("AC", "open"), small.switch("BC", "open"))
    fallen = small.twin(demand_mw=3000.0, slack={"p_min_mw": -1e4, "p_max_mw": 1e4})
    down = small.held(fallen, fallen.first(), 1)[0]
    cascade = small.twin(ratings_mva=(500.0, 30.0, 60.0), protection=ProtectionSettings())
    cut = small.held(cascade, cascade.first(), 1)[0]
    for place, moved in ((twin, island), (fallen, down), (cascade, cut)):
        view = place.observe(moved.state, last=moved)
        decision = make_agent(name).decide(view)
        assert decision.assessment
        assert decision.risk_level in ("HIGH", "CRITICAL")


def test_names_are_forgiving_and_an_unknown_one_is_answered_with_the_valid_ones() -> None:
    assert make_agent("Do_Nothing").name == "do-nothing"
    with pytest.raises(UnknownNameError, match=r"do-nothing, .*nano, opf, planner, rules"):
        make_agent("plannr")


def test_do_nothing_does_nothing_and_says_how_it_stands() -> None:
    twin = small.twin(ratings_mva=(500.0, 48.0, 500.0))
    decision = make_agent("do-nothing").decide(twin.observe(twin.first()))
    assert decision.actions == ()
    assert decision.risk_level == "HIGH"
    quiet = make_twin("six_bus", start="2016-07-04")
    assert make_agent("do-nothing").decide(quiet.observe(quiet.first())).risk_level == "LOW"


def test_agents_are_made_without_the_grid_being_loaded() -> None:
    code = (
        "import sys; from gridpilot.agents import agent_names, make_agent\n"
        f"[make_agent(name) for name in agent_names() if name in {ALONE}]\n"
        "print(*[name for name in sys.modules if name.startswith(('gridpilot.network', 'gridpilot.powerflow', 'gridpilot.twin'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_options_go_to_those_who_have_them() -> None:
    pytest.importorskip("openai")
    assert "stand_in" in agent_options("llm")
    assert agent_options("planner") == ()
    rules, local = make_agents(["rules", "llm"], {"base_url": "http://localhost:1/v1", "model": "m", "candidates": 3})
    assert rules.name == "rules"
    assert isinstance(local, LanguageAgent)
    assert local.candidates == 3
    with pytest.raises(ConfigError, match="candidates: is no option of rules, opf"):
        make_agents(["rules", "opf"], {"candidates": 3})
    with pytest.raises(ConfigError, match="takes nothing behind a colon"):
        make_agent("rules:models/mine")
