"""Newton-Raphson for one element with a pivoting factorisation: for the few grids that the batched engine cannot factorise.

The batched engine factorises in a fixed order without numerical pivoting. Where a pivot is nearly zero in that order
(series capacitors, near-zero impedances) its step is worthless although the equations are sound. Here SuperLU chooses the
pivots, and a step is halved as long as the mismatch grows.

Sources: J. W. Demmel et al., "A supernodal approach to sparse partial pivoting", SIAM J. Matrix Anal. 20 (1999), for
SuperLU; J. E. Dennis, R. B. Schnabel, "Numerical Methods for Unconstrained Optimization", ch. 6, for the halving.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import splu

from gridpilot.network.network import Network
from gridpilot.powerflow.jacobian import Unknowns, currents, jacobian, power_derivatives, unknowns_of
from gridpilot.powerflow.ybus import bus_admittances
from gridpilot.values import PV, SLACK, Bools, Codes, Floats

Complexes = NDArray[np.complex128]

_SMALLEST_STEP = 2.0**-10
_LARGEST_STEP_PU = 0.5
"""Of a Newton step, in rad or pu; a longer one is shortened: beyond it the linearisation means nothing."""
_LEAST_START_PU, _LARGEST_START_PU = 0.1, 10.0
"""Start magnitudes outside are none: a bus that was not energised has 0."""


class Rescued(NamedTuple):
    """How it ended."""

    v: Complexes
    """Voltages in pu `[n]`; 0 at buses that are not energised. Meaningless unless `converged`."""
    residual_pu: float
    """Largest mismatch of a given power."""
    iterations: int
    """Newton steps taken."""
    converged: bool


def rescue(
    network: Network,
    p_mw: Floats,
    q_mvar: Floats,
    kind: Codes,
    v_set_pu: Floats,
    closed: Bools,
    energised: Bools,
    v_start: Complexes,
    tolerance_pu: float,
    max_iterations: int,
) -> Rescued:
    """Solve the power flow of one element from `v_start` `[n]`.

    `p_mw`, `q_mvar`, `kind`, `v_set_pu`, `energised` are `[n]`, `closed` `[m]`, as in `PowerFlow.solve`. A slack bus stands
    at its setpoint and angle 0, a PV bus keeps its setpoint exactly. Numbers that are not finite end it without a
    solution, as a singular Jacobian does.
    """
    on = closed & energised[network.branch_from] & energised[network.branch_to]
    y = bus_admittances(network, on)
    unknowns = unknowns_of(kind, energised)
    given = np.asarray((p_mw + 1j * q_mvar) / network.base_mva, dtype=np.complex128)
    v = _start(v_start, kind, v_set_pu, energised)
    mismatch = _mismatch(y, v, given, unknowns)
    taken = 0
    while _worst(mismatch) >= tolerance_pu and taken < max_iterations:
        step = _newton_step(y, v, mismatch, unknowns)
        if step is None:
            break
        v, mismatch, better = _descend(y, v, mismatch, step, given, unknowns)
        taken += 1
        if not better:
            break
    worst = _worst(mismatch)
    return Rescued(v, worst, taken, bool(worst < tolerance_pu))


def _start(v_start: Complexes, kind: Codes, v_set_pu: Floats, energised: Bools) -> Complexes:
    """The start with given magnitudes at buses that hold theirs, nominal voltage where it has none, 0 at dead buses."""
    magnitude = np.abs(v_start)
    usable = (magnitude > _LEAST_START_PU) & (magnitude < _LARGEST_START_PU)
    unit = np.where(usable & (kind != SLACK), v_start / np.where(usable, magnitude, 1.0), 1.0)
    held = (kind == PV) | (kind == SLACK)
    magnitude = np.where(held, v_set_pu, np.where(usable, magnitude, 1.0))
    return np.asarray(np.where(energised, magnitude * unit, 0.0), dtype=np.complex128)


def _mismatch(y: csr_array, v: Complexes, given: Complexes, unknowns: Unknowns) -> Floats:
    return unknowns.pick(given - v * np.conj(currents(y, v)))


def _worst(mismatch: Floats) -> float:
    worst = float(np.abs(mismatch).max(initial=0.0))
    return worst if np.isfinite(worst) else float("inf")


def _newton_step(y: csr_array, v: Complexes, mismatch: Floats, unknowns: Unknowns) -> Floats | None:
    """Changes of the unknowns, or None where the Jacobian is singular or not finite."""
    matrix = jacobian(power_derivatives(y, v), unknowns)
    if not (np.isfinite(matrix.data).all() and np.isfinite(mismatch).all()):
        return None
    try:
        factors = splu(matrix)
    except RuntimeError:  # SuperLU: the factor is exactly singular
        return None
    step = factors.solve(mismatch)
    longest = np.abs(step).max(initial=0.0)
    if not np.isfinite(longest):
        return None
    return np.asarray(step * min(1.0, _LARGEST_STEP_PU / max(longest, _LARGEST_STEP_PU)), dtype=np.float64)


def _descend(
    y: csr_array, v: Complexes, mismatch: Floats, step: Floats, given: Complexes, unknowns: Unknowns
) -> tuple[Complexes, Floats, bool]:
    """The point along a step where the mismatch is smaller, and whether there is one."""
    before, share = np.linalg.norm(mismatch), 1.0
    while share >= _SMALLEST_STEP:
        moved = _moved(v, share * step, unknowns)
        after = _mismatch(y, moved, given, unknowns)
        if np.linalg.norm(after) < before:
            return moved, after, True
        share /= 2.0
    return v, mismatch, False


def _moved(v: Complexes, step: Floats, unknowns: Unknowns) -> Complexes:
    magnitude, turn = np.abs(v), np.zeros(len(v))
    turn[unknowns.angle] = step[: len(unknowns.angle)]
    magnitude[unknowns.magnitude] += step[len(unknowns.angle) :]
    unit = np.where(v != 0, v / np.where(v != 0, np.abs(v), 1.0), 0.0)
    return np.asarray(magnitude * unit * np.exp(1j * turn), dtype=np.complex128)
