"""lightsim2grid as a reference: a C++ Newton-Raphson, one element after the other.

Every element gets a grid of its own, made from the network without the way over another package's tables: branches
without ratio and shift become power lines, the others transformers, and what is out of service is left out. A
transformer there has the same shunt admittance at both ends; what the from end has beyond the to end stands beside it
as a shunt element.

It takes one slack bus per element: several would share the imbalance there instead of fixing their angles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import MissingExtraError, PhysicsError, Problem
from gridpilot.network.network import Network
from gridpilot.powerflow.adjusted import solve_adjusted
from gridpilot.powerflow.group import LOWEST_VOLTAGE_PU, Inputs, Outputs
from gridpilot.powerflow.seam import as_inputs, check_fused, refuse_extras, refuse_switching, solve_each, with_roles
from gridpilot.values import PQ, SLACK, Bools, Codes, Floats, Flow, Ints, ReactiveLimits, Status

try:
    from lightsim2grid.algorithm import AlgorithmType
    from lightsim2grid.lightsim2grid_cpp import LSGrid
except ImportError as error:
    raise MissingExtraError("lightsim2grid", "bench", "The power flow engine 'lightsim2grid'") from error


Complexes = NDArray[np.complex128]


class Consumers(NamedTuple):
    """What takes a fixed power, `[k]` each."""

    bus: Ints
    p_mw: Floats
    q_mvar: Floats


class Holders(NamedTuple):
    """What holds the voltage of its bus, `[k]` each; a slack also its angle."""

    bus: Ints
    p_mw: Floats
    v_pu: Floats
    slack: Bools


class LightSim2Grid:
    """The reference engine in C++."""

    name = "lightsim2grid"
    has_voltages = True

    def __init__(self, network: Network, *, tolerance_pu: float = 1e-8, max_iterations: int = 20) -> None:
        """Raises `PhysicsError` where bus-bus switches are closed."""
        check_fused(network)
        self.network = network
        self._tolerance_mva = tolerance_pu * network.base_mva
        self._max_iterations = max_iterations
        self._is_trafo = tapped(network)

    def solve(
        self, p_mw: Floats, q_mvar: Floats, *, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None = None,
        limits: ReactiveLimits | None = None, share: Floats | None = None, switch_closed: Bools | None = None,
        tap: Floats | None = None, bank_mvar: Floats | None = None,
    ) -> Flow:  # fmt: skip
        """See `PowerFlow.solve`. Raises `PhysicsError` also where an element has more than one slack bus.

        Without a usable start an element begins at the angles of lightsim2grid's DC power flow.
        """
        refuse_extras(self.name, limits, share)
        refuse_switching(self.name, switch_closed)
        given = as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start, tap=tap, bank_mvar=bank_mvar)
        if tap is not None or bank_mvar is not None:
            return solve_adjusted(self.network, self._rebuilt, given, start)
        inputs = with_roles(self.network, given)
        _check_slacks(self.network, inputs)
        return solve_each(self.network, inputs, lambda inputs, out, b: self._solve_element(inputs, out, b, start))

    def _rebuilt(self, network: Network) -> LightSim2Grid:
        """This engine for a network at other positions."""
        return LightSim2Grid(network, tolerance_pu=self._tolerance_mva / network.base_mva, max_iterations=self._max_iterations)

    def _solve_element(self, inputs: Inputs, out: Outputs, b: int, start: Flow | None) -> None:
        energised = out.energised[b]
        if not energised.any():
            out.residual[b] = 0.0
            return
        on = inputs.closed[b] & energised[self.network.branch_from] & energised[self.network.branch_to]
        takes, holds = np.flatnonzero(energised & (inputs.kind[b] == PQ)), np.flatnonzero(energised & (inputs.kind[b] != PQ))
        grid = build_grid(
            self.network,
            on=on,
            live=energised,
            consumers=Consumers(takes, -inputs.p_mw[b, takes], -inputs.q_mvar[b, takes]),
            holders=Holders(holds, inputs.p_mw[b, holds], inputs.v_set_pu[b, holds], inputs.kind[b, holds] == SLACK),
        )
        row = 0 if start is None or len(start.status) == 1 else b
        voltage = self._run(grid, None if start is None or not start.usable[row] else _turned(start, row, inputs.kind[b]))
        if not len(voltage):
            out.status[b] = Status.DIVERGED
        elif np.abs(voltage[energised]).min() < LOWEST_VOLTAGE_PU:
            out.status[b] = Status.LOW_VOLTAGE
        else:
            self._read(grid, np.where(energised, voltage, 0.0), on, out, b)
            out.p_bus[b, takes], out.q_bus[b, takes] = inputs.p_mw[b, takes], inputs.q_mvar[b, takes]
            out.p_bus[b, holds], out.q_bus[b, holds] = grid.get_gen_res()[:2]

    def _run(self, grid: Any, start: Complexes | None) -> Any:
        """Complex voltages `[n]`, or nothing where none were found."""
        flat, limits = np.ones(self.network.n_bus, dtype=np.complex128), (self._max_iterations, self._tolerance_mva)
        begin = grid.dc_pf(flat.copy(), *limits) if start is None else start
        return grid.ac_pf(begin if len(begin) else flat, *limits)

    def _read(self, grid: Any, voltage: Any, on: Bools, out: Outputs, b: int) -> None:
        out.v_re[b], out.v_im[b], out.v[b] = voltage.real, voltage.imag, np.abs(voltage)
        lines, trafos = on & ~self._is_trafo, on & self._is_trafo
        for p, q, line, trafo in (
            (out.p_from, out.q_from, grid.get_line_res1(), grid.get_trafo_res1()),
            (out.p_to, out.q_to, grid.get_line_res2(), grid.get_trafo_res2()),
        ):
            p[b, lines], q[b, lines] = line[:2]
            p[b, trafos], q[b, trafos] = trafo[:2]
        network, square = self.network, out.v[b] ** 2
        beside_mva = beside_trafos(network).conj() * network.base_mva * square[network.branch_from]
        out.p_from[b] += np.where(on, beside_mva.real, 0.0)
        out.q_from[b] += np.where(on, beside_mva.imag, 0.0)
        larger = np.maximum(np.hypot(out.p_from[b], out.q_from[b]), np.hypot(out.p_to[b], out.q_to[b]))
        out.loading[b] = larger / network.rating_mva
        out.losses[b] = (out.p_from[b] + out.p_to[b]).sum() + (network.shunt_g_mw * square[network.shunt_bus]).sum()
        out.residual[b] = self._tolerance_mva  # it says no more than that it is below
        out.iterations[b] = grid.get_algo().get_nb_iter()


def _turned(start: Flow, b: int, kind: Codes) -> Complexes:
    """Voltages of a flow `[n]` to begin from: with angle 0 at the slack bus, which keeps its angle, and no dead bus."""
    voltage = start.v_re_pu[b] + 1j * start.v_im_pu[b]
    alive: Complexes = np.where(voltage == 0.0, 1.0, voltage)
    turned: Complexes = alive * np.exp(-1j * np.angle(alive[kind == SLACK][0]))
    return turned


def _check_slacks(network: Network, inputs: Inputs) -> None:
    several = np.flatnonzero((inputs.kind == SLACK).sum(axis=1) > 1)
    if len(several):
        problems = [Problem(f"element {b}", f"has {(inputs.kind[b] == SLACK).sum()} slack buses, expected one") for b in several]
        hint = "Take the engine 'newton': lightsim2grid would let several slacks share the imbalance."
        raise PhysicsError(f"lightsim2grid cannot solve this on {network.name!r}.", problems, hint=hint)


# ------------------------------------------------------------------------------------------------------- grid


def tapped(network: Network) -> Bools:
    """Branches that are transformers to lightsim2grid `[m]`; in its order they come after the others."""
    has: Bools = (network.tap != 1.0) | (network.shift_rad != 0.0)
    return has


def build_grid(network: Network, *, on: Bools, live: Bools, consumers: Consumers, holders: Holders) -> Any:
    """A grid of lightsim2grid with the branches `on` `[m]` and the shunts at buses that are `live` `[n]`.

    Its buses are the network's, its power lines and transformers the branches that are on, each in the network's order.
    """
    trafo = tapped(network)
    lines, trafos = np.flatnonzero(on & ~trafo), np.flatnonzero(on & trafo)
    grid = LSGrid()
    grid.set_sn_mva(network.base_mva)
    grid.init_bus(network.n_bus, 1, network.bus_kv.copy(), len(lines), len(trafos))
    _add_lines(grid, network, lines)
    _add_trafos(grid, network, trafos)
    _add_shunts(grid, network, live, trafos)
    grid.init_loads(consumers.p_mw, consumers.q_mvar, _whole(consumers.bus))
    count = len(holders.bus)
    no_limit = np.full(count, 1e9)
    grid.init_generators_full(
        holders.p_mw, holders.v_pu, np.zeros(count), [True] * count, -no_limit, no_limit, _whole(holders.bus)
    )  # fmt: skip
    for k in np.flatnonzero(holders.slack):
        grid.add_gen_slackbus(int(k), 1.0)
    _choose_fastest(grid)
    return grid


def _add_lines(grid: Any, network: Network, k: Ints) -> None:
    grid.init_powerlines_full(
        network.r_pu[k],
        network.x_pu[k],
        network.g_from_pu[k] + 1j * network.b_from_pu[k],
        network.g_to_pu[k] + 1j * network.b_to_pu[k],
        _whole(network.branch_from[k]),
        _whole(network.branch_to[k]),
    )


def _add_trafos(grid: Any, network: Network, k: Ints) -> None:
    grid.init_trafo(
        network.r_pu[k],
        network.x_pu[k],
        2.0 * _shared(network)[k],
        network.tap[k],
        np.rad2deg(network.shift_rad[k]),
        [True] * len(k),
        _whole(network.branch_from[k]),
        _whole(network.branch_to[k]),
        True,
    )


def _add_shunts(grid: Any, network: Network, live: Bools, trafos: Ints) -> None:
    own = live[network.shunt_bus]
    beside_mva = beside_trafos(network)[trafos] * network.base_mva
    grid.init_shunt(
        np.concatenate([network.shunt_g_mw[own], beside_mva.real]),
        -np.concatenate([network.shunt_b_mvar[own], beside_mva.imag]),
        _whole(np.concatenate([network.shunt_bus[own], network.branch_from[trafos]])),
    )


def _shared(network: Network) -> Complexes:
    """The shunt admittance that both ends of a transformer get there: the one of its to end, in pu `[m]`."""
    return network.g_to_pu + 1j * network.b_to_pu


def beside_trafos(network: Network) -> Complexes:
    """What the from end of a transformer has beyond that, seen from outside of the ratio, in pu `[m]`; 0 for a line."""
    excess: Complexes = np.where(tapped(network), network.g_from_pu + 1j * network.b_from_pu - _shared(network), 0.0)
    return excess / network.tap**2


def _choose_fastest(grid: Any) -> None:
    """KLU where this build has it, as lightsim2grid's own readers choose."""
    known = grid.available_default_algorithms()
    for algorithm in (AlgorithmType.NR_KLU, AlgorithmType.DC_KLU):
        if algorithm in known:
            grid.change_algorithm(algorithm)


def _whole(bus: Ints) -> Any:
    return bus.astype(np.int32)
