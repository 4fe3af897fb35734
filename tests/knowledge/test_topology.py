"""Cards say what the network and the power flow say, and only what has changed is indexed again."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.knowledge import Document, Index
from gridpilot.knowledge.topology import Survey, refresh_topology, survey, topology_cards, topology_key
from gridpilot.powerflow import engine
from gridpilot.twin import Twin, make_twin
from gridpilot.twin.security import operating_points

GRIDS = ("six_bus", "ieee14")


def cards(grid: Survey) -> dict[str, Document]:
    return {card.id: card for card in topology_cards(grid)}


def card(grid: Survey, kind: str, name: str) -> str:
    return cards(grid)[f"topology/{grid.scenario.name}/{kind}/{name}"].text


def effects(text: str, before: str) -> dict[str, float]:
    """Names with numbers, from the sentence that begins so."""
    (sentence,) = [line for line in re.split(r"\.(?:\n|$)", text) if before in line]
    return {name: float(number) for name, number in re.findall(r"([\w-]+) ([+-]\d+\.\d+)", sentence)}


@pytest.mark.parametrize("name", GRIDS)
def test_one_card_per_bus_branch_and_device_and_one_of_the_grid(surveys: dict[str, Survey], name: str) -> None:
    grid = surveys[name]
    devices = [device for table in grid.scenario.tables.values() for device in table.name]
    expected = {f"topology/{name}/grid"}
    expected |= {f"topology/{name}/bus/{bus}" for bus in grid.network.bus_name}
    expected |= {f"topology/{name}/branch/{branch}" for branch in grid.network.branch_name}
    expected |= {f"topology/{name}/device/{device}" for device in devices}
    assert set(cards(grid)) == expected


@pytest.mark.parametrize("name", GRIDS)
def test_ratings_and_neighbours_are_those_of_the_network(surveys: dict[str, Survey], name: str) -> None:
    grid, network = surveys[name], surveys[name].network
    for k, branch in enumerate(network.branch_name):
        ends = [network.bus_name[int(bus)] for bus in (network.branch_from[k], network.branch_to[k])]
        assert f"Its rating is {network.rating_mva[k]:g} MVA" in card(grid, "branch", branch)
        for near, far in (ends, ends[::-1]):
            assert f"{branch} to {far} ({network.rating_mva[k]:g} MVA)" in card(grid, "bus", near)
    for bus, name_of_bus in enumerate(network.bus_name):
        joined = re.findall(r"([\w-]+) to [\w-]+ \(", card(grid, "bus", name_of_bus))
        meeting = (network.branch_from == bus) | (network.branch_to == bus)
        assert sorted(joined) == sorted(branch for branch, here in zip(network.branch_name, meeting, strict=True) if here)


@pytest.mark.parametrize("name", GRIDS)
def test_effects_are_those_of_a_dc_flow_with_one_megawatt_more(twins: dict[str, Twin], surveys: dict[str, Survey], name: str) -> None:
    grid, twin = surveys[name], twins[name]
    network, points = grid.network, operating_points(twin.model, twin.first())
    dc = engine("dc", network)
    fixed: dict[str, Any] = {"kind": points.kind, "v_set_pu": points.v_set_pu, "closed": points.closed}
    base = dc.solve(points.p_mw, points.q_mvar, **fixed)
    for table in grid.scenario.tables.values():
        for device, bus in zip(table.name, table.bus.tolist(), strict=True):
            more = points.p_mw.copy()
            more[0, bus] += 1.0
            moved = dc.solve(more, points.q_mvar, **fixed).p_from_mw[0] - base.p_from_mw[0]
            told = effects(card(grid, "device", device), "per MW that it injects")
            assert all(moved[network.branch(branch)] == pytest.approx(effect, abs=0.006) for branch, effect in told.items())
            strongest = np.sort(np.abs(moved))[::-1][: len(told)]
            assert sorted((abs(effect) for effect in told.values()), reverse=True) == pytest.approx(strongest.tolist(), abs=0.006)


@pytest.mark.parametrize("name", GRIDS)
def test_a_lost_branch_sends_its_flow_where_the_card_says(twins: dict[str, Twin], surveys: dict[str, Survey], name: str) -> None:
    grid, twin = surveys[name], twins[name]
    network, points = grid.network, operating_points(twin.model, twin.first())
    dc = engine("dc", network)
    base = dc.solve(points.p_mw, points.q_mvar, kind=points.kind, v_set_pu=points.v_set_pu, closed=points.closed)
    for k, branch in enumerate(network.branch_name):
        text = card(grid, "branch", branch)
        if "cuts off" in text:
            continue
        closed = points.closed.copy()
        closed[0, k] = False
        after = dc.solve(points.p_mw, points.q_mvar, kind=points.kind, v_set_pu=points.v_set_pu, closed=closed)
        for other, share in effects(text, "If it is lost").items():
            at = network.branch(other)
            assert after.p_from_mw[0, at] - base.p_from_mw[0, at] == pytest.approx(share * base.p_from_mw[0, k], abs=0.3)


@pytest.mark.parametrize("name", GRIDS)
def test_n_minus_one_is_that_of_the_ac_power_flow(twins: dict[str, Twin], surveys: dict[str, Survey], name: str) -> None:
    grid, twin = surveys[name], twins[name]
    network, points = grid.network, operating_points(twin.model, twin.first())
    newton = engine("newton", network)
    for k, branch in enumerate(network.branch_name):
        closed = points.closed.copy()
        closed[0, k] = False
        flow = newton.solve(points.p_mw, points.q_mvar, kind=points.kind, v_set_pu=points.v_set_pu, closed=closed)
        text = card(grid, "branch", branch)
        found = re.search(
            r"after its loss:(?: [\d.]+ MW of load cut off,)? ([\w-]+) is loaded most, to (\d+)%, lowest voltage ([\d.]+)", text
        )
        assert found is not None, text
        assert flow.loading[0].max() == pytest.approx(float(found[2]) / 100, abs=0.0051)
        assert flow.loading[0, network.branch(found[1])] == pytest.approx(flow.loading[0].max(), abs=1e-6)
        assert flow.v_pu[0, flow.energised[0]].min() == pytest.approx(float(found[3]), abs=6e-4)


def test_a_radial_bus_is_cut_off_by_its_only_branch(surveys: dict[str, Survey]) -> None:
    assert "loses its supply with TR07-08" in card(surveys["ieee14"], "bus", "BUS-08")
    assert "cuts off BUS-08" in card(surveys["ieee14"], "branch", "TR07-08")
    assert "no single outage takes its supply" in card(surveys["ieee14"], "bus", "BUS-09")


def test_ranges_of_orders_are_those_of_the_controls(surveys: dict[str, Survey]) -> None:
    grid = surveys["six_bus"]
    assert "STORAGE setpoint_mw from -50 to 50" in card(grid, "device", "BESS-SUBURB")
    assert "it takes none" in card(grid, "device", "B5-COAL")
    assert "It is the slack unit" in card(grid, "device", "B5-COAL")


def test_nothing_is_made_again_while_nothing_is_built(twins: dict[str, Twin]) -> None:
    twin = twins["six_bus"]
    state = twin.first()
    with Index() as index:
        assert refresh_topology(index, twin, state) is not None
        assert refresh_topology(index, twin, state) is None
        faulted = replace(state, faulted=np.ones_like(state.faulted))
        assert topology_key(twin, faulted) == topology_key(twin, state)
        assert refresh_topology(index, twin, faulted) is None


def test_when_the_grid_grows_its_cards_follow_and_far_ones_are_kept() -> None:
    twin = make_twin("six_bus", growth=True, start="2016-07-04", cycle_minutes=60.0)
    state = twin.first()
    later = state
    while later.bus_active.sum() == state.bus_active.sum():
        later = twin.step(later, later.setpoints).state
    with Index() as index, Index() as fresh:
        before = refresh_topology(index, twin, state)
        assert before is not None
        names = {document.id for document in index.documents()}
        assert not any("/G1-HARBOUR" in name for name in names)
        changes = refresh_topology(index, twin, later)
        assert changes is not None
        refresh_topology(fresh, twin, later)
        assert index.documents() == fresh.documents()
        assert "topology/six_bus/bus/G1-HARBOUR" in {document.id for document in index.documents()}
        assert changes.added > 0
        assert changes.kept > 0
        assert changes.removed == 0


def test_a_grid_without_a_dc_meaning_has_cards_without_factors(surveys: dict[str, Survey]) -> None:
    grid = replace(surveys["six_bus"], factors=None)
    assert all("Linear sensitivities do not exist" in found.text for id_, found in cards(grid).items() if "/grid" not in id_)


def test_the_key_follows_ratings_and_names(twins: dict[str, Twin]) -> None:
    twin = twins["six_bus"]
    scenario = twin.model.scenario
    rated = replace(scenario.network, rating_mva=scenario.network.rating_mva * 1.1)
    other = replace(twin, model=replace(twin.model, scenario=replace(scenario, network=rated)))
    assert topology_key(other, twin.first()) != topology_key(twin, twin.first())


def test_a_survey_is_of_its_own_element() -> None:
    twin = make_twin("six_bus", start="2016-07-04", seeds=(0, 1))
    alone = make_twin("six_bus", start="2016-07-04", seeds=(0,))
    assert topology_cards(survey(twin, twin.first(), element=0)) == topology_cards(survey(alone, alone.first()))
