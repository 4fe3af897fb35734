"""The factorisation pattern is a correct elimination, and the numeric one on it solves linear systems."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.frame import frame_of
from gridpilot.jit import bare, kernel
from gridpilot.network import Case, Network, make_network
from gridpilot.powerflow.common import keep_common, substitute_common
from gridpilot.powerflow.factor import eliminate, substitute
from gridpilot.powerflow.group import Group, new_group
from gridpilot.powerflow.lanes import store
from gridpilot.powerflow.symbolic import Pattern, analyse
from gridpilot.powerflow.ybus import kernel_admittances

Grids = Callable[[int], Case]
Floats = NDArray[np.float64]
seeds = st.integers(0, 10**6)
WIDTHS = 4, 8


@bare
def _solve(pattern: Pattern, group: Group, second: bool) -> None:
    store(group.singular, 0, eliminate(pattern, group, second, True))
    substitute(pattern, group.blocks, group.rhs, group.width)
    if second:
        substitute(pattern, group.blocks, group.second, group.width)


@bare
def _solve_again(pattern: Pattern, group: Group) -> None:
    """With the factors of the first lane."""
    keep_common(group)
    substitute_common(pattern, group)


_pattern, _narrow, _wide = frame_of(Pattern), frame_of(Group, 4), frame_of(Group, 8)


@kernel
def _solve_narrow(pattern: Pattern, group: Group, second: bool) -> None:
    _solve(_pattern(pattern), _narrow(group), second)


@kernel
def _solve_wide(pattern: Pattern, group: Group, second: bool) -> None:
    _solve(_pattern(pattern), _wide(group), second)


@kernel
def _solve_again_narrow(pattern: Pattern, group: Group) -> None:
    _solve_again(_pattern(pattern), _narrow(group))


@kernel
def _solve_again_wide(pattern: Pattern, group: Group) -> None:
    _solve_again(_pattern(pattern), _wide(group))


def solve(pattern: Pattern, group: Group, *, second: bool = False) -> None:
    """The solutions of a group's systems, in place of the right-hand sides."""
    (_solve_wide if len(group.lane) == 8 else _solve_narrow)(pattern, group, second)


def places(pattern: Pattern) -> list[tuple[int, int]]:
    """Row and column of every block."""
    n = len(pattern.bus)
    upper = [(k, int(pattern.column[e])) for k in range(n) for e in range(pattern.start[k], pattern.start[k + 1])]
    return [(k, k) for k in range(n)] + upper + [(j, i) for i, j in upper]


def blocks_of(pattern: Pattern, group: Group) -> Floats:
    """A group's blocks as `[block, 2, 2, lane]`, to be written."""
    return group.blocks.reshape(len(places(pattern)), 2, 2, len(group.lane))


def random_systems(network: Network, seed: int, width: int) -> tuple[Pattern, Group, Floats]:
    """A group with blocks and right-hand sides, and per lane the dense matrix they stand for; fill blocks are zero.

    The first four lanes are the same at every width.
    """
    pattern = analyse(network)
    group = new_group(pattern, kernel_admittances(network, pattern), width)
    draw, n, at = np.random.default_rng(seed), network.n_bus, places(pattern)
    blocks = draw.uniform(-1, 1, (len(at), 2, 2, 8))[..., :width]
    blocks[:n] += 4.0 * n * np.eye(2)[None, :, :, None]
    blocks[pattern.fill] = 0.0
    blocks_of(pattern, group)[:] = blocks
    group.rhs.reshape(-1, width)[:] = draw.uniform(-1, 1, (2 * n, 8))[:, :width]
    group.second.reshape(-1, width)[:] = draw.uniform(-1, 1, (2 * n, 8))[:, :width]
    dense = np.zeros((width, 2 * n, 2 * n))
    for block, (i, j) in zip(blocks, at, strict=True):
        dense[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = block.transpose(2, 0, 1)
    return pattern, group, dense


def dense_solution(dense: Floats, rhs: Floats) -> Floats:
    """Solutions `[2 n, lane]`."""
    width = len(dense)
    return np.asarray(np.linalg.solve(dense, rhs.reshape(-1, width).T[:, :, None])[:, :, 0].T, dtype=np.float64)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("second", [False, True])
@given(seed=seeds)
def test_factorisation_solves_what_a_dense_solver_solves(random_grid: Grids, width: int, second: bool, seed: int) -> None:
    pattern, group, dense = random_systems(random_grid(seed).network, seed, width)
    expected, untouched = dense_solution(dense, group.rhs), group.second.copy()
    expected_second = dense_solution(dense, group.second) if second else untouched.reshape(-1, width)
    solve(pattern, group, second=second)
    assert np.allclose(group.rhs.reshape(-1, width), expected, atol=1e-12)
    assert np.allclose(group.second.reshape(-1, width), expected_second, atol=1e-12)
    assert not group.singular.any()


@given(seed=seeds)
def test_a_lane_has_the_same_bits_at_every_width_and_beside_a_second_right_hand_side(random_grid: Grids, seed: int) -> None:
    network = random_grid(seed).network
    (pattern, narrow, _), (_, wide, _), (_, single, _) = (random_systems(network, seed, width) for width in (4, 8, 4))
    solve(pattern, narrow, second=True)
    solve(pattern, wide, second=True)
    solve(pattern, single)
    for name in ("rhs", "second"):
        assert np.array_equal(getattr(wide, name).reshape(-1, 8)[:, :4], getattr(narrow, name).reshape(-1, 4))
    assert np.array_equal(single.rhs, narrow.rhs)


@pytest.mark.parametrize("width", WIDTHS)
@given(seed=seeds)
def test_factors_in_common_give_the_bits_that_own_factors_give(random_grid: Grids, width: int, seed: int) -> None:
    pattern, group, _ = random_systems(random_grid(seed).network, seed, width)
    blocks_of(pattern, group)[:] = blocks_of(pattern, group)[..., :1]
    rhs = group.rhs.copy()
    solve(pattern, group)
    expected, group.rhs[:] = group.rhs.copy(), rhs
    (_solve_again_wide if width == 8 else _solve_again_narrow)(pattern, group)
    assert np.array_equal(group.rhs, expected)


@pytest.mark.parametrize("width", WIDTHS)
@given(seed=seeds, data=st.data())
def test_a_singular_lane_is_reported_and_leaves_its_neighbours_alone(
    random_grid: Grids, width: int, seed: int, data: st.DataObject
) -> None:
    network = random_grid(seed).network
    pattern, sound, _ = random_systems(network, seed, width)
    broken = random_systems(network, seed, width)[1]
    lane, k = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, network.n_bus - 1))
    # two equal rows, in every column: no pivot order would help
    for block, (i, _) in zip(blocks_of(pattern, broken), places(pattern), strict=True):
        if i == k:
            block[1, :, lane] = block[0, :, lane]
    solve(pattern, sound, second=True)
    solve(pattern, broken, second=True)
    others = np.arange(width) != lane
    for name in ("rhs", "second"):
        assert np.array_equal(getattr(sound, name).reshape(-1, width)[:, others], getattr(broken, name).reshape(-1, width)[:, others])
    assert broken.singular.tolist() == [float(at == lane) for at in range(width)]


def test_a_pivot_that_only_another_order_would_avoid_is_reported() -> None:
    # the first pivot is zero though the matrix is the identity with its buses exchanged
    network = make_network("pair", base_mva=1.0, buses=[{"name": "a", "kv": 1.0}, {"name": "b", "kv": 1.0}], branches=[LINE])
    pattern, group, _ = random_systems(network, 0, 4)
    blocks = blocks_of(pattern, group)
    for block, (i, j) in zip(blocks, places(pattern), strict=True):
        block[..., 1] = 0.0 if i == j else np.eye(2)
    solve(pattern, group)
    assert group.singular.tolist() == [0.0, 1.0, 0.0, 0.0]


LINE = {"name": "L", "a": "a", "b": "b", "x_pu": 0.1}


@given(seed=seeds)
def test_pattern_is_closed_under_elimination(random_grid: Grids, seed: int) -> None:
    network = random_grid(seed).network
    pattern = analyse(network)
    assert sorted(pattern.bus) == list(range(network.n_bus))
    assert np.array_equal(pattern.bus[pattern.place], np.arange(network.n_bus))
    at = places(pattern)
    later = [[j for i, j in at[len(pattern.bus) :] if i == k and j > k] for k in range(network.n_bus)]
    products = [(i, j) for group in later for i in group for j in group]
    assert [at[block] for block in pattern.target] == products
    branch_ends = {(int(pattern.place[a]), int(pattern.place[b])) for a, b in zip(network.branch_from, network.branch_to, strict=True)}
    assert {at[block] for block in pattern.entry_block} == branch_ends | {(b, a) for a, b in branch_ends}


@given(seed=seeds)
def test_every_branch_is_found_at_both_of_its_ends(random_grid: Grids, seed: int) -> None:
    network = random_grid(seed).network
    pattern = analyse(network)
    ends = {0: pattern.branch_from, 1: pattern.branch_to}
    seen = set()
    for k in range(network.n_bus):
        for x in range(pattern.end_start[k], pattern.end_start[k + 1]):
            m, side = int(pattern.end_branch[x]), int(pattern.end_side[x])
            assert ends[side][m] == k
            assert pattern.entry_column[pattern.end_entry[x]] == ends[1 - side][m]
            assert pattern.entry_start[k] <= pattern.end_entry[x] < pattern.entry_start[k + 1]
            seen.add((m, side))
    assert len(seen) == 2 * network.n_branch == len(pattern.end_branch)


def test_a_radial_grid_has_no_fill() -> None:
    buses = [{"name": str(k), "kv": 20.0} for k in range(40)]
    branches = [{"name": f"L{k}", "a": str(k), "b": str((k - 1) // 3), "x_pu": 0.1} for k in range(1, 40)]
    pattern = analyse(make_network("tree", base_mva=10.0, buses=buses, branches=branches))
    assert len(pattern.fill) == 0
    assert len(pattern.column) == 39
