"""The text for a view: what it says is true, it names nothing, and it reads alike on a grid of another size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.twin import small

from gridpilot.agents.nano.levers import levers_of
from gridpilot.agents.nano.prompt import LEADS, Ahead, prompt
from gridpilot.agents.nano.vocabulary import UNKNOWN, Vocabulary, all_words, chat
from gridpilot.scenarios import load_scenario
from gridpilot.twin import Twin, make_twin
from gridpilot.twin.step import step
from gridpilot.values import View


def text_of(view: View) -> str:
    return prompt(view, levers_of(view))


def lines(view: View) -> dict[str, list[int]]:
    """The numbers after the first word of every line; of the first line after every word."""
    found: dict[str, list[int]] = {}
    said = ""
    for word in text_of(view).split():
        if word.lstrip("-").isdigit():
            found[said].append(int(word))
        else:
            said = word
            found.setdefault(said, [])
    return found


@pytest.mark.parametrize("scenario", ["six_bus", "ieee14", "three_microgrids"])
def test_every_word_is_known_and_no_name_is_among_them(scenario: str) -> None:
    twin = make_twin(scenario, cycles=30)
    vocabulary = Vocabulary(all_words())
    for moved in small.held(twin, twin.first(), 20)[::5]:
        view = twin.observe(moved.state)
        text = chat(text_of(view))
        assert vocabulary.token[UNKNOWN] not in vocabulary.encode(text)
        assert not [name for name in (*view.devices, *view.branches, *view.buses) if len(name) > 2 and name in text]


def test_numbers_are_those_of_the_view() -> None:
    twin = make_twin("six_bus", cycles=10)
    view = twin.observe(small.held(twin, twin.first(), 3)[-1].state)
    said, step = lines(view), levers_of(view).quantum_mw
    assert said["now"] == [round((view.summary["slack_mw"] - view.summary["slack_schedule_mw"]) / step)]
    gas = view.devices["B2-GAS"].values
    assert said["g1"][0] == round(float(gas["p_mw"]) / step)
    battery = view.devices["BESS-SUBURB"].values
    assert said["b1"][1] == round(100 * (float(battery["energy_mwh"]) - 5.0) / 95.0)


def test_what_is_ahead_is_what_holding_then_leads_to() -> None:
    """On quiet days without a surplus: what the slack unit gives in half an hour on the outlook, but for losses."""
    twin = make_twin(load_scenario("six_bus").without_disturbances(), start="2016-07-04", cycles=200)
    state = next(moved.state for moved in small.held(twin, twin.first(), 150)[60:] if not moved.events.spilled_mw.any())
    view = twin.observe(state)
    lead, ahead = LEADS.index(6), Ahead(view)
    now = view.summary["demand_mw"] - view.summary["renewable_mw"]
    assert ahead.slack_mw[lead] - view.summary["slack_mw"] == pytest.approx(view.outlook["net_mw"][5] - now, abs=1e-6)
    outlook = twin.outlook(state, 6)
    moved = replace(state, row=np.zeros(1, dtype=np.int64))
    for _ in range(6):
        moved = step(twin.model, outlook, moved, moved.setpoints).state
    slack_mw = float(moved.devices["generator"].p_mw[0, twin.model.scenario.slack_unit])
    assert ahead.slack_mw[lead] == pytest.approx(slack_mw, abs=2.0)


def hot() -> Twin:
    return small.twin(small.scenario(ratings_mva=(500.0, 48.0, 500.0), slack={"initial_mw": 60.0}))


def test_a_hot_branch_is_told_with_what_its_relief_takes() -> None:
    twin = hot()
    view = twin.observe(twin.first())
    levers = levers_of(view)
    [line] = [line.split() for line in text_of(view).splitlines() if line.startswith("hot")]
    assert int(line[1]) == round(100 * (1 - float(view.branches["AC"].values["loading"])))
    effects = dict(zip(line[3::2], map(int, line[4::2]), strict=True))
    assert effects["b1"] < 0, "power injected at C relieves the line to C"
    assert effects["b1"] == round(-100 * 5 * levers.quantum_mw / 48.0 * 2 / 3)


def test_a_quiet_grid_has_no_limits_to_tell() -> None:
    twin = small.twin()
    assert not {"hot", "low", "high"} & set(text_of(twin.observe(twin.first())).split())


def test_a_grid_twice_as_large_reads_alike() -> None:
    """All powers times two is the same text: quanta grow with what can be moved."""
    view = hot().observe(hot().first())
    levers = levers_of(view)
    devices = {
        name: replace(
            one,
            values={key: 2 * value if key.endswith(("_mw", "_mwh", "_mvar")) else value for key, value in one.values.items()},
            bounds={key: (2 * low, 2 * high) for key, (low, high) in one.bounds.items()},
        )
        for name, one in view.devices.items()
    }
    branches = {
        name: replace(
            one, values={key: 2 * value if key.endswith(("_mw", "_mvar", "_mva")) else value for key, value in one.values.items()}
        )
        for name, one in view.branches.items()
    }
    large = replace(
        view,
        devices=devices,
        branches=branches,
        summary={key: 2 * value if key.endswith("_mw") else value for key, value in view.summary.items()},
        outlook={key: tuple(2 * np.array(values)) for key, values in view.outlook.items()},
    )
    assert levers_of(large).quantum_mw == pytest.approx(2 * levers.quantum_mw)
    assert text_of(large) == text_of(view)


def test_a_dark_grid_can_be_told() -> None:
    fallen = small.twin(demand_mw=3000.0, slack={"p_min_mw": -1e4, "p_max_mw": 1e4})
    down = small.held(fallen, fallen.first(), 1)[0]
    assert text_of(fallen.observe(down.state))
