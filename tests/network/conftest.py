"""The yardstick of the reader tests: Ybus from the π-model that `Network` documents, written apart from the package."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gridpilot.network import Network

Matrix = NDArray[np.complex128]


@pytest.fixture(scope="session")
def ybus() -> Callable[[Network], Matrix]:
    """Bus admittance matrix in pu `[n, n]`, dense, of a network whose switches have been fused."""
    return admittance_matrix


def admittance_matrix(network: Network) -> Matrix:
    y = np.zeros((network.n_bus, network.n_bus), dtype=np.complex128)
    for k in np.flatnonzero(network.branch_closed):
        a, b = network.branch_from[k], network.branch_to[k]
        series = 1 / complex(network.r_pu[k], network.x_pu[k])
        ratio = network.tap[k] * np.exp(1j * network.shift_rad[k])
        y[a, a] += (series + complex(network.g_from_pu[k], network.b_from_pu[k])) / abs(ratio) ** 2
        y[b, b] += series + complex(network.g_to_pu[k], network.b_to_pu[k])
        y[a, b] -= series / np.conj(ratio)
        y[b, a] -= series / ratio
    for bus, g_mw, b_mvar in zip(network.shunt_bus, network.shunt_g_mw, network.shunt_b_mvar, strict=True):
        y[bus, bus] += complex(g_mw, b_mvar) / network.base_mva
    return y
