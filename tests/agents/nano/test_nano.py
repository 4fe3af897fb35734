"""The agent: it comes with the package, runs on the base installation, and operates better than nobody."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from tests.twin import small

from gridpilot.agents import make_agent
from gridpilot.agents.nano import SHIPPED, Nano
from gridpilot.agents.nano.model import WEIGHTS
from gridpilot.errors import ConfigError
from gridpilot.evaluation import evaluate
from gridpilot.operations import operate
from gridpilot.testing import check_agent
from gridpilot.traces import Header, create_log, read_trace
from gridpilot.twin import make_twin
from gridpilot.values import RISK_LEVELS, View


def morning(step: int = 100) -> View:
    twin = make_twin("six_bus", cycles=step + 1)
    return twin.observe(small.held(twin, twin.first(), step)[-1].state)


def test_it_operates_half_a_day_better_than_nobody_without_an_invalid_reply() -> None:
    found = evaluate("six_bus", ["do-nothing", "nano"], seeds=[0], cycles=144).cards
    assert found["nano"].reward.mean > found["do-nothing"].reward.mean
    assert found["nano"].invalid == found["nano"].clipped == 0


def test_of_eight_candidates_none_is_better_than_the_one_it_takes() -> None:
    agent, view = Nano(candidates=8), morning()
    weighed = agent.weigh(view)
    decision = agent.decide(view)
    assert len(weighed.weighed) == 9
    assert weighed.chosen.score == max(one.score for one in weighed.weighed if one.safe)
    assert decision.actions == (weighed.chosen.decision.actions if weighed.chosen.decision else ())
    assert agent.candidates_for(view)[0] == replace(Nano(candidates=1).decide(view), deliberation=None)
    thought = decision.deliberation
    assert thought is not None
    assert [row.actions for row in thought.candidates] == [one.candidate.actions for one in weighed.weighed]
    assert (thought.kept, thought.decided_by) == (weighed.best, "nano")


def test_a_trace_says_which_weights_decided_and_what_else_was_weighed(tmp_path: Path) -> None:
    twin, agent, path = make_twin("six_bus", cycles=2), Nano(candidates=3), tmp_path / "trace.jsonl"
    with create_log(path, Header("six_bus", "simbench", "nano", cycles=2)) as log:
        list(operate(twin, agent, log=log))
    for record in read_trace(path).records:
        assert record.model == agent.model == f"nano-{sha256((SHIPPED / WEIGHTS).read_bytes()).hexdigest()[:8]}"
        assert record.decision.deliberation is not None
        assert len(record.decision.deliberation.candidates) == 4


def test_with_candidates_it_keeps_the_promises_of_agents() -> None:
    check_agent(Nano(candidates=4), "six_bus", cycles=6)


def test_names_play_no_part() -> None:
    """The same grid under other names is told and answered alike."""
    view = morning()
    names = {name: f"X{k}" for k, name in enumerate([*view.devices, *(b for b in view.branches if b not in view.devices)])}
    renamed = replace(
        view,
        devices={names[name]: replace(one, name=names[name]) for name, one in view.devices.items()},
        verbs={verb: tuple(names[name] for name in targets) for verb, targets in view.verbs.items()},
        sensitivity={names[name]: row for name, row in view.sensitivity.items()},
        voltage_sensitivity={names[name]: row for name, row in view.voltage_sensitivity.items()},
        outlook={f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}" if "." in key else key: v for key, v in view.outlook.items()},
    )
    plain, other = Nano(candidates=1).decide(view), Nano(candidates=1).decide(renamed)
    assert plain.thinking == other.thinking
    assert [(names[a.target], dict(a.params)) for a in plain.actions] == [(a.target, dict(a.params)) for a in other.actions]


def test_the_risk_is_never_told_lower_than_the_present_shows() -> None:
    twin = small.twin(ratings_mva=(500.0, 40.0, 500.0))
    decision = Nano().decide(twin.observe(twin.first()))
    assert RISK_LEVELS.index(decision.risk_level) >= RISK_LEVELS.index("HIGH")


def test_without_a_preview_it_gives_its_greedy_reply() -> None:
    view = morning(1)
    assert Nano(candidates=8).decide(replace(view, preview=None)) == Nano(candidates=1).decide(view)


def test_settings_that_make_no_sense_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        make_agent("nano", candidates=0, temperature=0.0)
    assert [problem.where for problem in caught.value.problems] == ["candidates", "temperature"]


def test_another_model_is_named_behind_a_colon(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(SHIPPED, other)
    assert make_agent(f"nano:{other}") == Nano(folder=other, name="nano-other")
    (other / WEIGHTS).unlink()
    with pytest.raises(ConfigError, match=r"has no model.safetensors; make one with: gridpilot nano build"):
        make_agent(f"nano:{other}")


def test_it_needs_nothing_but_the_base_installation() -> None:
    code = (
        "import sys\nfrom gridpilot.agents import make_agent\nmake_agent('nano').network\n"
        "print(*{'torch', 'transformers', 'tokenizers', 'safetensors'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_weights_are_small_and_come_with_their_card() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 20e6
    card = (SHIPPED / "README.md").read_text(encoding="utf-8")
    assert all(f"## {part}" in card for part in ("Data", "Metrics", "Limits"))
