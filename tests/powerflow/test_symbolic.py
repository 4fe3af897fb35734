"""The factorisation pattern is a correct elimination, and the numeric one on it solves linear systems."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.jit import kernel
from gridpilot.network import Case, make_network
from gridpilot.powerflow.factor import eliminate, substitute
from gridpilot.powerflow.lanes import WIDTH
from gridpilot.powerflow.symbolic import Pattern, analyse

Grids = Callable[[int], Case]
Floats = NDArray[np.float64]
seeds = st.integers(0, 10**6)


@kernel
def solve(pattern: Pattern, blocks: Floats, rhs: Floats) -> None:
    eliminate(pattern, blocks, rhs)
    substitute(pattern, blocks, rhs)


def places(pattern: Pattern) -> list[tuple[int, int]]:
    """Row and column of every block."""
    n = len(pattern.bus)
    upper = [(k, int(pattern.column[e])) for k in range(n) for e in range(pattern.start[k], pattern.start[k + 1])]
    return [(k, k) for k in range(n)] + upper + [(j, i) for i, j in upper]


def random_systems(pattern: Pattern, seed: int) -> tuple[Floats, Floats, Floats]:
    """Blocks, right-hand sides and, per lane, the dense matrix they stand for; fill blocks are zero."""
    draw, n, at = np.random.default_rng(seed), len(pattern.bus), places(pattern)
    blocks = draw.uniform(-1, 1, (len(at), 2, 2, WIDTH))
    blocks[:n] += 4.0 * n * np.eye(2)[None, :, :, None]
    blocks[pattern.fill] = 0.0
    dense = np.zeros((WIDTH, 2 * n, 2 * n))
    for block, (i, j) in zip(blocks, at, strict=True):
        dense[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = block.transpose(2, 0, 1)
    return blocks, draw.uniform(-1, 1, (2 * n, WIDTH)), dense


@given(seed=seeds)
def test_factorisation_solves_what_a_dense_solver_solves(random_grid: Grids, seed: int) -> None:
    pattern = analyse(random_grid(seed).network)
    blocks, rhs, dense = random_systems(pattern, seed)
    expected = np.linalg.solve(dense, rhs.T[:, :, None])[:, :, 0].T
    solve(pattern, blocks.reshape(-1), rhs.reshape(-1))
    assert np.allclose(rhs, expected, atol=1e-12)


def test_a_singular_lane_leaves_its_neighbours_alone(random_grid: Grids) -> None:
    pattern = analyse(random_grid(3).network)
    blocks, rhs, _ = random_systems(pattern, 3)
    sound, broken = (blocks.copy(), rhs.copy()), (blocks.copy(), rhs.copy())
    broken[0][..., 2] = 0.0
    solve(pattern, sound[0].reshape(-1), sound[1].reshape(-1))
    solve(pattern, broken[0].reshape(-1), broken[1].reshape(-1))
    others = [0, 1, 3]
    assert np.array_equal(sound[1][:, others], broken[1][:, others])
    assert not np.isfinite(broken[1][:, 2]).all()


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


def test_a_radial_grid_has_no_fill() -> None:
    buses = [{"name": str(k), "kv": 20.0} for k in range(40)]
    branches = [{"name": f"L{k}", "a": str(k), "b": str((k - 1) // 3), "x_pu": 0.1} for k in range(1, 40)]
    pattern = analyse(make_network("tree", base_mva=10.0, buses=buses, branches=branches))
    assert len(pattern.fill) == 0
    assert len(pattern.column) == 39
