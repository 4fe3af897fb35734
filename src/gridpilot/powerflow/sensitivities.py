"""Sensitivities: what a change at a bus does to the grid, around one operating point.

DC: how much of a megawatt injected at a bus flows over each branch (`ptdf`). AC: what injections and voltage setpoints do to
voltages, flows, loading and losses (`ac_sensitivities`).

With the branch susceptances b = 1 / (x · tap), C the branch-bus incidence and B = Cᵀ diag(b) C, the power transfer
distribution factors are diag(b) C B⁻¹, the slack's row and column left out of B.

Source: A. J. Wood, B. F. Wollenberg, "Power Generation, Operation and Control", ch. 7 (generation shift factors).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import SuperLU, splu

from gridpilot.errors import PhysicsError, Problem
from gridpilot.network.network import Network
from gridpilot.powerflow.islands import energised_buses
from gridpilot.powerflow.jacobian import Unknowns, currents, jacobian, power_derivatives, unknowns_of
from gridpilot.powerflow.ybus import branch_admittances, bus_admittances
from gridpilot.values import PQ, SLACK, Bools, Codes, Floats, Flow, Ints, Status

Complexes = NDArray[np.complex128]


class DcSystem(NamedTuple):
    """The factorised DC equations of one topology."""

    free: Ints
    """Buses whose angle is unknown: energised, and not slack."""
    on: Bools
    """Branches in service with both ends energised `[m]`."""
    susceptance: Floats
    """b of every branch in pu, 0 where it is out `[m]`."""
    flow_matrix: csc_array
    """From angles to branch flows in pu `[m, n]`: diag(b) C."""
    factors: SuperLU | None
    """Of B on the free buses; None where there are none."""


def check_reactances(network: Network) -> None:
    """Raises `PhysicsError` where a branch has no reactance, for which DC equations have no meaning."""
    bad = np.flatnonzero(network.x_pu == 0)
    if len(bad):
        problems = [Problem(f"branch {network.branch_name[k]}", "has x_pu = 0, expected another value") for k in bad]
        raise PhysicsError(f"Network {network.name!r} has no DC approximation.", problems, hint="Use the AC engine `newton`.")


def dc_system(network: Network, *, closed: Bools, energised: Bools, kind: Codes) -> DcSystem:
    """The DC equations with the branches `closed` `[m]` and the buses `energised` `[n]`, of which SLACK ones are given.

    Raises `RuntimeError` (of SuperLU) where series capacitors make the matrix singular.
    """
    on = closed & energised[network.branch_from] & energised[network.branch_to]
    susceptance = np.where(on, 1.0 / (network.x_pu * network.tap), 0.0)
    m, rows = network.n_branch, np.arange(network.n_branch)
    ends = np.concatenate([network.branch_from, network.branch_to])
    signs = np.repeat([1.0, -1.0], m)
    incidence = csc_array((signs, (np.concatenate([rows, rows]), ends)), shape=(m, network.n_bus))
    flow_matrix = csc_array(diags_array(susceptance) @ incidence)
    free = np.flatnonzero(energised & (kind != SLACK))
    factors = splu(csc_array((incidence.T @ flow_matrix)[free][:, free])) if len(free) else None
    return DcSystem(free, on, susceptance, flow_matrix, factors)


def ptdf(network: Network, *, closed: Bools, kind: Codes) -> Floats:
    """Power transfer distribution factors `[m, n]`: MW at the from end of a branch per MW injected at a bus.

    `closed` `[m]`, `kind` `[n]`. The slack bus takes the injection out again; several share it as the grid has it.
    Zero for open branches and for buses that are not energised. Raises `PhysicsError` for a branch without reactance.
    """
    check_reactances(network)
    energised = energised_buses(network, closed=closed[None], kind=kind[None])[0]
    system = dc_system(network, closed=closed, energised=energised, kind=kind)
    factors = np.zeros((network.n_branch, network.n_bus))
    if system.factors is not None:
        # B is symmetric: solving for the rows of diag(b) C needs no transpose
        factors[:, system.free] = system.factors.solve(system.flow_matrix[:, system.free].toarray().T).T
    return factors


# --------------------------------------------------------------------------------------------------------------- AC


class Response(NamedTuple):
    """What changes per unit of a change at a bus, the operating point linearised; the last axis is the bus `[…, n]`.

    Signs are those of `Flow`: power into the branch at either end, injection into the grid.
    """

    v_pu: Floats
    """Voltage magnitudes `[n, n]`."""
    angle_rad: Floats
    """Voltage angles `[n, n]`."""
    p_from_mw: Floats
    q_from_mvar: Floats
    p_to_mw: Floats
    q_to_mvar: Floats
    """Power into both ends of the branches `[m, n]`."""
    loading: Floats
    """Of the end that loads the branch more, by apparent power over rating `[m, n]`; 0 without a rating or without flow."""
    p_bus_mw: Floats
    q_bus_mvar: Floats
    """Injection as solved `[n, n]`: that of the slack bus and of the buses which hold their voltage follows."""
    losses_mw: Floats
    """Branch and shunt losses `[n]`."""


class AcSensitivities(NamedTuple):
    """First-order effect of what can be changed at a bus on everything that follows."""

    to_p: Response
    """Per MW injected, which the slack bus takes; 0 at the slack bus itself and at dead buses."""
    to_q: Response
    """Per Mvar injected; 0 at buses that hold their voltage (their unit takes it) and at dead buses."""
    to_v_set: Response
    """Per pu of the voltage setpoint; 0 at PQ buses and at dead buses."""


def ac_sensitivities(network: Network, flow: Flow, *, kind: Codes, closed: Bools, element: int = 0) -> AcSensitivities:
    """First-order changes around one solved element of `flow`, from its factorised Jacobian.

    `kind` `[n]` and `closed` `[m]` are those that the element was solved with. Raises `PhysicsError` where its status is
    not usable or the Jacobian is singular (the grid then stands at its limit of voltage stability).
    Source: A. J. Wood, B. F. Wollenberg, G. B. Sheblé, "Power Generation, Operation, and Control", 3rd ed., ch. 7.
    """
    if not flow.usable[element]:
        status = Status(int(flow.status[element]))
        raise PhysicsError(f"Element {element} has no operating point to linearise. {status.sentence}")
    v = np.asarray(flow.v_re_pu[element] + 1j * flow.v_im_pu[element], dtype=np.complex128)
    live = flow.energised[element]
    on = closed & live[network.branch_from] & live[network.branch_to]
    y = bus_admittances(network, on)
    unknowns = unknowns_of(kind, live)
    derivatives = power_derivatives(y, v)
    held = np.flatnonzero(live & (kind != PQ))
    changes = np.zeros((unknowns.size, 3 * network.n_bus))
    first = len(unknowns.angle)
    changes[np.arange(first), unknowns.angle] = 1.0 / network.base_mva
    changes[first + np.arange(len(unknowns.magnitude)), network.n_bus + unknowns.magnitude] = 1.0 / network.base_mva
    moved = derivatives[1][:, held].toarray()
    changes[:, 2 * network.n_bus + held] = -np.concatenate([moved.real[unknowns.angle], moved.imag[unknowns.magnitude]])
    angle, magnitude = _state_changes(network.n_bus, jacobian(derivatives, unknowns), unknowns, changes)
    magnitude[held, 2 * network.n_bus + held] = 1.0
    columns = np.split(np.arange(3 * network.n_bus), 3)
    return AcSensitivities(*(_response(network, flow, element, on, y, v, angle[:, own], magnitude[:, own]) for own in columns))


def _state_changes(n: int, matrix: csc_array, unknowns: Unknowns, changes: Floats) -> tuple[Floats, Floats]:
    """Angles in rad and magnitudes in pu at all buses, each `[n, k]`, for `k` right-hand sides."""
    angle, magnitude = np.zeros((n, changes.shape[1])), np.zeros((n, changes.shape[1]))
    if unknowns.size == 0:
        return angle, magnitude
    try:
        solved = splu(matrix).solve(changes)
    except RuntimeError as error:  # SuperLU: the factor is exactly singular
        raise PhysicsError("The Jacobian is singular: the grid stands at its limit of voltage stability.") from error
    angle[unknowns.angle] = solved[: len(unknowns.angle)]
    magnitude[unknowns.magnitude] = solved[len(unknowns.angle) :]
    return angle, magnitude


def _response(
    network: Network, flow: Flow, element: int, on: Bools, y: csr_array, v: Complexes, angle: Floats, magnitude: Floats
) -> Response:
    """What follows from changes of angles and magnitudes `[n, k]`."""
    unit = np.where(v != 0, v / np.where(v != 0, np.abs(v), 1.0), 0.0)
    change = 1j * v[:, None] * angle + unit[:, None] * magnitude
    base = network.base_mva
    at_bus = base * (change * np.conj(currents(y, v))[:, None] + v[:, None] * np.conj(currents(y, change)))
    ends = _branch_changes(network, on, v, change)
    p_f, q_f = flow.p_from_mw[element], flow.q_from_mvar[element]
    p_t, q_t = flow.p_to_mw[element], flow.q_to_mvar[element]
    from_s, to_s = np.hypot(p_f, q_f), np.hypot(p_t, q_t)
    larger = from_s >= to_s
    apparent = np.where(larger, from_s, to_s)
    weight = np.where(apparent > 0, 1.0 / (np.where(apparent > 0, apparent, 1.0) * network.rating_mva), 0.0)
    p, q = np.where(larger, p_f, p_t) * weight, np.where(larger, q_f, q_t) * weight
    heavier = np.where(larger[:, None], ends[0], ends[1])
    return Response(
        v_pu=magnitude,
        angle_rad=angle,
        p_from_mw=ends[0].real,
        q_from_mvar=ends[0].imag,
        p_to_mw=ends[1].real,
        q_to_mvar=ends[1].imag,
        loading=p[:, None] * heavier.real + q[:, None] * heavier.imag,
        p_bus_mw=at_bus.real,
        q_bus_mvar=at_bus.imag,
        losses_mw=at_bus.real.sum(axis=0),
    )


def _branch_changes(network: Network, on: Bools, v: Complexes, change: Complexes) -> tuple[Complexes, Complexes]:
    """Complex power into the from and to ends in MVA `[m, k]` for changes of complex voltages `[n, k]`."""
    entry = branch_admittances(network)
    f, t = network.branch_from, network.branch_to
    found = []
    for own, other, near, far in ((entry.ff, entry.ft, f, t), (entry.tt, entry.tf, t, f)):
        current = own * v[near] + other * v[far]
        step = own[:, None] * change[near] + other[:, None] * change[far]
        power = change[near] * np.conj(current)[:, None] + v[near][:, None] * np.conj(step)
        found.append(np.where(on[:, None], network.base_mva * power, 0.0))
    return found[0], found[1]
