"""`check_scenario` passes what is sound and says what is wrong with what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.disturbances import LINE_TRIP, Threat
from gridpilot.profiles import Profiles, load_profiles
from gridpilot.scenarios import Scenario, Source, load_scenario, scenario_titles
from gridpilot.testing import scenarios as checks
from gridpilot.testing.scenarios import check_scenario
from gridpilot.twin.twin import make_twin

SIX = load_scenario("six_bus")
REAL = load_profiles("simbench")
JUDGING = SIX.sources["simbench"].judging


def source(**changes: Any) -> dict[str, Source]:
    """The shipped source of the six-bus scenario with changes."""
    return {"simbench": replace(SIX.sources["simbench"], **changes)}


def driver(name: str, column: str) -> dict[str, Source]:
    return source(columns={**SIX.sources["simbench"].columns, name: (column, 1.0)})


def parameters(kind: str, **changes: Any) -> dict[str, Any]:
    table = SIX.tables[kind]
    return {**SIX.tables, kind: replace(table, parameters=table.parameters._replace(**changes))}


def shifted(column: str, by: float) -> Profiles:
    """The real profiles with one column moved."""
    values = REAL.values.copy()
    values[:, REAL.column(column)] += by
    return replace(REAL, values=values)


@pytest.mark.parametrize("name", sorted(scenario_titles()))
@pytest.mark.parametrize("growth", [False, True])
def test_every_scenario_passes(name: str, growth: bool) -> None:
    check_scenario(load_scenario(name, growth=growth, seed=11), REAL)


def test_without_profiles_it_takes_those_that_are_here() -> None:
    check_scenario(replace(SIX, sources=source()))


BROKEN: list[tuple[Scenario, str]] = [
    (replace(SIX, sources=driver("B1-CITY.p_mw", "load_moon_pu")), "B1-CITY.p_mw reads column 'load_moon_pu', which simbench does not"),
    (replace(SIX, sources=source(judging=("2016-06-01", "2016-12-29"))), "have days in common"),
    (replace(SIX, sources=source(judging=(JUDGING[1], JUDGING[0]))), r"judging dates of simbench end .* before they begin"),
    (replace(SIX, sources=source(judging=("2031-01-01", "2031-12-31"))), "no episode of 24 h fits into the judging dates"),
    (replace(SIX, threats=(Threat(LINE_TRIP, ("LN99",), (1.0, 2.0), (1.0, 2.0)),)), "hits 'LN99', which the scenario does not have"),
    (replace(SIX, threats=(Threat(LINE_TRIP, ("LN01",), (30.0, 31.0), (1.0, 2.0)),)), "outside the episode of 24 h"),
    (replace(SIX, tables=parameters("wind", p_max_mw=np.array([np.inf]))), r"control B3-WIND.limit_mw has the range 0.0 … inf"),
    (replace(SIX, tables=parameters("storage", wear_usd_per_mwh=np.array([np.nan]))), "parameter wear_usd_per_mwh of a storage is not a"),
    (replace(SIX, network=replace(SIX.network, bus_v_min_pu=np.full(6, 1.06))), "bus B0-SOLAR has the voltage band 1.06 … 1.05 pu"),
    (replace(SIX, network=replace(SIX.network, x_pu=SIX.network.x_pu * 50)), "has no power flow when an episode begins"),
    (replace(SIX, sources={"moon": SIX.sources["simbench"]}), "source 'moon' is no name that load_profiles knows"),
    (replace(SIX, sources={}), "none of its sources .* can be loaded here"),
    (replace(SIX, episode_h=0.01), "cannot be compiled: A cycle of 5 min does not divide"),
]


@pytest.mark.parametrize(("scenario", "sentence"), BROKEN, ids=[sentence[:40] for _, sentence in BROKEN])
def test_a_broken_scenario_is_told(scenario: Scenario, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_scenario(scenario)


def test_profiles_that_the_scenario_cannot_read_are_told() -> None:
    with pytest.raises(AssertionError, match="does not know how to read profiles 'synthetic'"):
        check_scenario(SIX, load_profiles("synthetic", days=3))


def test_a_negative_load_is_told() -> None:
    column = SIX.sources["simbench"].columns["B1-CITY.p_mw"][0]
    with pytest.raises(AssertionError, match=r"driver B1-CITY.p_mw goes down to -.* it cannot be below 0"):
        check_scenario(SIX, shifted(column, -1.0))


def test_a_world_that_stands_still_is_told() -> None:
    still = replace(REAL, values=np.ones_like(REAL.values) * 0.5)
    with pytest.raises(AssertionError, match="no driver moves"):
        check_scenario(SIX, still)


# ------------------------------------------------------------------------- a twin that is broken, not a scenario


def broken_twin(change: Callable[[Any], Any]) -> Callable[..., Any]:
    """`make_twin` whose steps are changed afterwards."""

    class Broken:
        def __init__(self, twin: Any) -> None:
            self.model, self.first, self.observe, self.twin = twin.model, twin.first, twin.observe, twin

        def step(self, state: Any, setpoints: Any) -> Any:
            return change(self.twin.step(state, setpoints))

    return lambda *args, **options: Broken(make_twin(*args, **options))


def changed_state(**changes: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of some fields of the state that a step returns."""
    return lambda moved: replace(moved, state=replace(moved.state, **{key: new(moved.state) for key, new in changes.items()}))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: replace(t, outcomes=replace(t.outcomes, balance_mw=t.outcomes.balance_mw + 0.1)), "power balance is off by 0.1 MW"),
        (lambda t: replace(t, reward=t.reward * np.nan), "transition.reward holds a value that is not finite"),
        (changed_state(step=lambda s: s.step - 1), "time does not advance"),
        (changed_state(bus_active=lambda s: np.ones_like(s.bus_active)), "a bus is in service before its time"),
        (changed_state(branch_active=lambda s: np.ones_like(s.branch_active)), "a branch is in service before its time"),
        (changed_state(flow=lambda s: replace(s.flow, v_pu=np.ones_like(s.flow.v_pu))), "not built yet has voltage or flow"),
        (changed_state(exogenous=lambda s: np.ones_like(s.exogenous)), "not built yet has demand or weather"),
    ],
)
def test_a_broken_step_is_told(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any], sentence: str) -> None:
    monkeypatch.setattr(checks, "make_twin", broken_twin(change))
    with pytest.raises(AssertionError, match=sentence):
        check_scenario(load_scenario("six_bus", growth=True), REAL)
