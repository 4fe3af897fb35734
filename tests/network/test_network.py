"""A network is a value: what it refuses, and what `grow`, `trip` and `fuse` promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.errors import CaseError, UnknownNameError
from gridpilot.network import Network, fuse, grow, make_case, make_network, trip

Matrix = NDArray[np.complex128]
NAMES = tuple("abcdefgh")


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A ring with chords, shunts and bus-bus switches."""
    n = draw(st.integers(3, 8))
    names = NAMES[:n]
    pairs = [(names[k], names[(k + 1) % n]) for k in range(n)]
    ends = st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda pair: pair[0] != pair[1])
    pairs += draw(st.lists(ends, max_size=4))
    sizes = st.floats(0.01, 1.0)
    branches = [
        {"name": f"L{k}", "a": a, "b": b, "r_pu": draw(sizes) / 10, "x_pu": draw(sizes), "b_pu": draw(sizes), "closed": draw(st.booleans())}
        | {"tap": draw(st.floats(0.9, 1.1)), "shift_deg": draw(st.floats(-30, 30))}
        for k, (a, b) in enumerate(pairs)
    ]
    switches = [
        {"name": f"S{k}", "a": a, "b": b, "closed": draw(st.booleans())} for k, (a, b) in enumerate(draw(st.lists(ends, max_size=4)))
    ]
    shunts = [{"name": "C", "bus": names[0], "g_mw": 1.0, "b_mvar": draw(sizes)}]
    return make_network(
        "drawn", base_mva=100, buses=[{"name": b, "kv": 20} for b in names], branches=branches, shunts=shunts, switches=switches
    )


def two_buses(**branch: Any) -> Network:
    row = {"name": "L", "a": "a", "b": "b", "r_pu": 0.01, "x_pu": 0.1} | branch
    return make_network("two", base_mva=100, buses=[{"name": "a", "kv": 20}, {"name": "b", "kv": 20}], branches=[row])


def same(one: Network, other: Network) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(Network)]
    return all(
        np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else np.all(a == b) for a, b in pairs
    )


def test_arrays_of_a_network_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        two_buses().x_pu[0] = 1.0


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="a, b"):
        two_buses().bus("c")
    with pytest.raises(UnknownNameError, match="Valid: L"):
        two_buses().branch("M")


def test_every_wrong_value_is_told_at_once() -> None:
    good = two_buses()
    with pytest.raises(CaseError) as caught:
        replace(
            good, base_mva=0.0, r_pu=np.zeros(1), x_pu=np.zeros(1), tap=np.zeros(1), rating_mva=-np.ones(1), branch_to=np.zeros(1, int),
            bus_kv=np.array([20.0, -1.0]),
        )  # fmt: skip
    text = str(caught.value)
    assert len(caught.value.problems) == 6
    for said in ("base_mva", "series impedance", "tap ratio", "rating", "same bus", "bus b: nominal voltage"):
        assert said in text


def test_wrong_lengths_and_repeated_names_are_told_at_once() -> None:
    with pytest.raises(CaseError) as caught:
        replace(two_buses(), bus_name=("a", "a"), r_pu=np.zeros(2))
    assert {problem.where for problem in caught.value.problems} == {"bus_name", "r_pu"}


def test_rows_at_unknown_buses_are_told_at_once() -> None:
    with pytest.raises(CaseError) as caught:
        make_network(
            "lost",
            base_mva=100,
            buses=[{"name": "a", "kv": 20}],
            branches=[{"name": "L", "a": "a", "b": "x", "r_pu": 0, "x_pu": 1}],
            shunts=[{"name": "C", "bus": "y"}],
            switches=[{"name": "S", "a": "z", "b": "a"}],
        )
    assert [problem.where for problem in caught.value.problems] == ["branch L", "shunt C", "switch S"]


def test_charging_may_differ_between_the_ends() -> None:
    network = two_buses(b_pu=0.4, b_to_pu=0.1, g_from_pu=0.02)
    assert (network.b_from_pu[0], network.b_to_pu[0]) == (0.2, 0.1)
    assert (network.g_from_pu[0], network.g_to_pu[0]) == (0.02, 0.0)


def test_a_case_names_every_row_at_an_unknown_bus_and_asks_for_a_slack() -> None:
    with pytest.raises(CaseError) as caught:
        make_case(
            two_buses(),
            loads=[{"name": "mill", "bus": "x"}, {"name": "mill", "bus": "a"}],
            units=[{"name": "G", "bus": "y"}],
            slacks=[],
        )
    assert [problem.where for problem in caught.value.problems] == ["load mill", "load mill", "unit G", "slack"]


@given(networks(), st.data())
def test_tripping_opens_those_branches_and_nothing_else(network: Network, data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(network.branch_name)))
    after = trip(network, *names)
    expected = [closed and name not in names for name, closed in zip(network.branch_name, network.branch_closed, strict=True)]
    assert after.branch_closed.tolist() == expected
    assert same(replace(after, branch_closed=network.branch_closed), network)


def test_tripping_a_branch_that_is_not_there_lists_the_branches() -> None:
    with pytest.raises(UnknownNameError, match="Valid: L"):
        trip(two_buses(), "M")


@given(networks())
def test_tripping_is_taking_the_branch_out_of_the_admittances(ybus: Callable[[Network], Matrix], network: Network) -> None:
    name = network.branch_name[0]
    keep = np.arange(1, network.n_branch)
    rest = replace(network, branch_name=network.branch_name[1:], **{c: getattr(network, c)[keep] for c in _BRANCH_COLUMNS})
    assert np.array_equal(ybus(trip(network, name)), ybus(rest))


_BRANCH_COLUMNS = (
    *("branch_kind", "branch_from", "branch_to", "r_pu", "x_pu", "g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu"),
    *("tap", "shift_rad", "rating_mva", "angle_min_rad", "angle_max_rad", "branch_closed"),
)


def addition(base_mva: float = 100.0, branch: str = "new line", bus: str = "suburb") -> Network:
    return make_network(
        "addition",
        base_mva=base_mva,
        buses=[{"name": bus, "kv": 20}, {"name": "c", "kv": 20}],
        branches=[{"name": branch, "a": "c", "b": bus, "r_pu": 0.02, "x_pu": 0.2}],
        shunts=[{"name": "C2", "bus": bus, "b_mvar": 3.0}],
    )


@given(networks())
def test_growth_keeps_every_old_index_and_admittance(ybus: Callable[[Network], Matrix], network: Network) -> None:
    after = grow(network, addition())
    assert after.bus_name == (*network.bus_name, "suburb")
    assert after.branch_name[: network.n_branch] == network.branch_name
    new, c = after.bus("suburb"), network.bus("c")
    old = np.arange(network.n_bus)
    difference = ybus(after)[np.ix_(old, old)] - ybus(network)
    assert difference[c, c] == pytest.approx(1 / complex(0.02, 0.2))
    difference[c, c] = 0
    assert np.abs(difference).max() <= 1e-12
    assert ybus(after)[new, new] == pytest.approx(1 / complex(0.02, 0.2) + 0.03j)


def test_growth_refuses_another_base_and_a_taken_name() -> None:
    with pytest.raises(CaseError, match="base 10"):
        grow(two_buses(), addition(base_mva=10))
    with pytest.raises(CaseError, match="'L'"):
        grow(two_buses(), addition(branch="L"))


@given(networks())
def test_fusing_is_forcing_equal_voltages(ybus: Callable[[Network], Matrix], network: Network) -> None:
    """With C mapping fused to old buses, Y_fused = Cᵀ Y C: ideal switches force v_old = C v_fused."""
    fused, index = fuse(network)
    join = np.zeros((network.n_bus, fused.n_bus))
    join[np.arange(network.n_bus), index] = 1
    shorted = index[network.branch_from] == index[network.branch_to]
    without = trip(network, *(name for name, out in zip(network.branch_name, shorted, strict=True) if out))
    assert np.abs(ybus(fused) - join.T @ ybus(without) @ join).max() <= 1e-9


@given(networks())
def test_fusing_joins_the_ends_of_closed_switches_only(network: Network) -> None:
    fused, index = fuse(network)
    ends = index[network.switch_a], index[network.switch_b]
    assert np.all(ends[0][network.switch_closed] == ends[1][network.switch_closed])
    groups = network.n_bus - fused.n_bus
    assert groups <= network.switch_closed.sum()
    assert len(fused.switch_name) == (~network.switch_closed).sum()
    assert [fused.bus_name[index[k]] for k in range(network.n_bus)] == [network.bus_name[np.flatnonzero(index == i)[0]] for i in index]


@given(networks())
def test_fusing_twice_changes_nothing_more(network: Network) -> None:
    fused, _ = fuse(network)
    again, index = fuse(fused)
    assert index.tolist() == list(range(fused.n_bus))
    assert same(again, fused)
