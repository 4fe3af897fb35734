"""Branch and bus admittances of a network's π-sections.

With the series admittance y = 1 / (r + jx), the end admittances y_f, y_t and the ratio a = tap · exp(j·shift):

    i_from = (y + y_f) / |a|² · v_from  −  y / conj(a) · v_to
    i_to   = −y / a · v_from            +  (y + y_t) · v_to

Source: R. D. Zimmerman, C. E. Murillo-Sánchez, MATPOWER User's Manual, eq. 3.2 (there y_f = y_t = j·b/2).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from gridpilot.jit import inner
from gridpilot.network.network import Network
from gridpilot.powerflow.lanes import WIDTH, load, select, splat, store
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.values import Bools, Floats

Complexes = NDArray[np.complex128]


def _complex(real: Floats, imaginary: Floats) -> Complexes:
    return np.asarray(real + 1j * imaginary, dtype=np.complex128)


class BranchAdmittances(NamedTuple):
    """The four entries each branch has in the bus admittance matrix, complex, in pu `[m]`."""

    ff: Complexes
    ft: Complexes
    tf: Complexes
    tt: Complexes


def branch_admittances(network: Network) -> BranchAdmittances:
    """The entries of every branch as if closed."""
    series = 1.0 / _complex(network.r_pu, network.x_pu)
    ratio = network.tap * np.exp(_complex(0.0 * network.shift_rad, network.shift_rad))
    return BranchAdmittances(
        ff=(series + _complex(network.g_from_pu, network.b_from_pu)) / network.tap**2,
        ft=-series / np.conj(ratio),
        tf=-series / ratio,
        tt=series + _complex(network.g_to_pu, network.b_to_pu),
    )


def bus_shunts(network: Network) -> Complexes:
    """Shunt admittance at every bus in pu `[n]`."""
    each = _complex(network.shunt_g_mw, network.shunt_b_mvar) / network.base_mva
    total = np.zeros(network.n_bus, dtype=np.complex128)
    np.add.at(total, network.shunt_bus, each)
    return total


def bus_admittances(network: Network, closed: Bools) -> csr_array:
    """The bus admittance matrix in pu `[n, n]` with the branches `closed` `[m]` in service."""
    y = branch_admittances(network)
    a, b, k = network.branch_from[closed], network.branch_to[closed], np.arange(network.n_bus)
    rows, columns = np.concatenate([a, a, b, b, k]), np.concatenate([a, b, a, b, k])
    values = np.concatenate([y.ff[closed], y.ft[closed], y.tf[closed], y.tt[closed], bus_shunts(network)])
    return csr_array(coo_array((values, (rows, columns)), shape=(network.n_bus, network.n_bus)))


class Admittances(NamedTuple):
    """What the kernels read of a network, per unit; branches in the network's order, buses by place."""

    branch: Floats
    """Real and imaginary part of ff, ft, tf, tt `[m, 8]`."""
    shunt_g: Floats
    shunt_b: Floats
    """Bus shunts by place `[n]`."""
    rating: Floats
    """Branch rating `[m]`; `inf` for none."""
    dc_b: Floats
    dc_shift: Floats
    """Susceptance and phase shift of a branch in the DC approximation `[m]`."""


def kernel_admittances(network: Network, pattern: Pattern) -> Admittances:
    """The admittances of a network in the order of a pattern."""
    parts = [part for entry in branch_admittances(network) for part in (entry.real, entry.imag)]
    shunts = bus_shunts(network)[pattern.bus]
    return Admittances(
        branch=np.ascontiguousarray(np.column_stack(parts)).reshape(network.n_branch, 8),
        shunt_g=shunts.real.copy(),
        shunt_b=shunts.imag.copy(),
        rating=network.rating_mva / network.base_mva,
        # |z| instead of x: positive whatever the branch is, so that the DC start can always be solved for
        dc_b=1.0 / (np.hypot(network.r_pu, network.x_pu) * network.tap),
        dc_shift=network.shift_rad.copy(),
    )


class LaneAdmittances(NamedTuple):
    """Bus admittance matrix of four elements: diagonal by place, off-diagonal by the pattern's entries."""

    g_diagonal: Floats
    b_diagonal: Floats
    g: Floats
    b: Floats


@inner
def assemble(pattern: Pattern, admittances: Admittances, on: Floats, y: LaneAdmittances) -> None:
    """Write the admittances of four elements, in each of which the branches of the mask `on` are in service.

    They are summed anew from the branches, never corrected, so that an open branch leaves no rounding behind.
    """
    branch = admittances.branch
    zero = splat(0.0)
    for k in range(pattern.bus.shape[0]):
        store(y.g_diagonal, k * WIDTH, splat(admittances.shunt_g[k]))
        store(y.b_diagonal, k * WIDTH, splat(admittances.shunt_b[k]))
    for e in range(pattern.entry_column.shape[0]):
        store(y.g, e * WIDTH, zero)
        store(y.b, e * WIDTH, zero)
    for m in range(branch.shape[0]):
        mask = load(on, m * WIDTH)
        f, t = pattern.branch_from[m] * WIDTH, pattern.branch_to[m] * WIDTH
        ft, tf = pattern.branch_ft[m] * WIDTH, pattern.branch_tf[m] * WIDTH
        store(y.g_diagonal, f, load(y.g_diagonal, f) + select(mask, splat(branch[m, 0]), zero))
        store(y.b_diagonal, f, load(y.b_diagonal, f) + select(mask, splat(branch[m, 1]), zero))
        store(y.g, ft, load(y.g, ft) + select(mask, splat(branch[m, 2]), zero))
        store(y.b, ft, load(y.b, ft) + select(mask, splat(branch[m, 3]), zero))
        store(y.g, tf, load(y.g, tf) + select(mask, splat(branch[m, 4]), zero))
        store(y.b, tf, load(y.b, tf) + select(mask, splat(branch[m, 5]), zero))
        store(y.g_diagonal, t, load(y.g_diagonal, t) + select(mask, splat(branch[m, 6]), zero))
        store(y.b_diagonal, t, load(y.b_diagonal, t) + select(mask, splat(branch[m, 7]), zero))
