"""The sparse Jacobian of the AC power flow of one element, in polar coordinates.

With S = diag(V) conj(Y V) and V = |V| exp(jθ):

    ∂S/∂θ   = j diag(V) conj(diag(Y V) − Y diag(V))
    ∂S/∂|V| = diag(V) conj(Y diag(V / |V|)) + conj(diag(Y V)) diag(V / |V|)

Unknowns stand in this order: the angles of all energised buses but the slack ones, then the magnitudes of the energised PQ
buses, each by rising bus number. Rows are the same buses: active power first, then reactive power. Everything is per unit.

Source: R. D. Zimmerman, "AC power flows, generalized OPF costs and their derivatives using complex matrix notation",
MATPOWER Technical Note 2, sections 3 and 4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, csc_array, csr_array, diags_array

from gridpilot.values import PQ, SLACK, Bools, Codes, Floats, Ints

Complexes = NDArray[np.complex128]


class Unknowns(NamedTuple):
    """What a power flow solves for."""

    angle: Ints
    """Buses whose angle is unknown and whose active power is given."""
    magnitude: Ints
    """Buses whose magnitude is unknown and whose reactive power is given."""

    @property
    def size(self) -> int:
        return len(self.angle) + len(self.magnitude)

    def pick(self, complex_power: Complexes) -> Floats:
        """The rows of a power at all buses `[n]` that are given: `[size]`."""
        return np.concatenate([complex_power.real[self.angle], complex_power.imag[self.magnitude]])


def unknowns_of(kind: Codes, energised: Bools) -> Unknowns:
    """The unknowns of an element with the bus kinds `kind` `[n]`, of which `energised` `[n]` have a path to a slack bus."""
    return Unknowns(np.flatnonzero(energised & (kind != SLACK)), np.flatnonzero(energised & (kind == PQ)))


def currents(y: csr_array, v: Complexes) -> Complexes:
    """Currents into the grid at every bus in pu, of the same shape as the voltages `v` `[n]` or `[n, k]`."""
    return np.asarray(y @ v, dtype=np.complex128)


def power_derivatives(y: csr_array, v: Complexes) -> tuple[csr_array, csr_array]:
    """Of the complex power at every bus by angles (pu/rad) and by magnitudes (pu/pu), each `[n, n]`, all energised buses.

    `y` `[n, n]` is the bus admittance matrix, `v` `[n]` the voltages in pu; a dead bus has 0 pu.
    """
    current = currents(y, v)
    unit = np.where(v != 0, v / np.where(v != 0, np.abs(v), 1.0), 0.0)
    own, across = diags_array(current), diags_array(v)
    by_angle = 1j * across @ (own - y @ across).conj()
    by_magnitude = across @ (y @ diags_array(unit)).conj() + own.conj() @ diags_array(unit)
    return csr_array(by_angle), csr_array(by_magnitude)


def jacobian(derivatives: tuple[csr_array, csr_array], unknowns: Unknowns) -> csc_array:
    """Derivatives of the given powers by the unknowns `[size, size]`, of those of all powers by angles and by magnitudes."""
    by_angle, by_magnitude = derivatives
    a, m = unknowns.angle, unknowns.magnitude
    blocks = [
        [by_angle.real[a][:, a], by_magnitude.real[a][:, m]],
        [by_angle.imag[m][:, a], by_magnitude.imag[m][:, m]],
    ]
    return csc_array(block_array(blocks))
