"""The generated distribution grid is radial, always the same, and strong enough for what it is sized for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridpilot.errors import ConfigError
from gridpilot.network import distribution_grid, write_case
from gridpilot.network.distribution import end_names


@pytest.mark.parametrize("ends", [1, 3, 10, 11, 100, 101])
def test_it_is_one_tree_with_every_end_in_it(ends: int) -> None:
    network = distribution_grid(ends).network
    assert network.n_branch == network.n_bus - 1
    graph = coo_array((np.ones(network.n_branch), (network.branch_from, network.branch_to)), shape=(network.n_bus, network.n_bus))
    assert connected_components(graph, directed=False)[0] == 1
    degree = np.bincount(np.concatenate([network.branch_from, network.branch_to]))
    assert [degree[network.bus(name)] for name in end_names(ends)] == [1] * ends
    assert np.isfinite(network.rating_mva).all()


def test_it_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_case(distribution_grid(23), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_no_grid_without_an_end() -> None:
    with pytest.raises(ConfigError, match="one lateral or more, not 0"):
        distribution_grid(0)
