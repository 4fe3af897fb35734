"""`Sweep`: many power flows of one case whose loads and units vary, without a copy or a new array per call.

    sweep = Sweep(case, 1024)
    flow = sweep.solve(load_p_mw, load_q_mvar, unit_p_mw)      # [B, n_load], [B, n_load], [B, n_unit]

Every element starts from the solution of the case itself, so that all have their first Newton step's Jacobian in common.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from gridpilot.errors import PhysicsError, Problem
from gridpilot.frame import Frame, frame_at
from gridpilot.jit import bare, kernel
from gridpilot.network.case import Case
from gridpilot.powerflow.batch import new_queue
from gridpilot.powerflow.group import Inputs
from gridpilot.powerflow.holding import Holding, held_inputs, solve_held
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.seam import as_flow, as_inputs, new_outputs
from gridpilot.values import Floats, Flow, Ints


class _Places(NamedTuple):
    """Buses of loads and of units in service, which of the table's units those are, and what does not vary, by bus."""

    load_bus: Ints
    unit_bus: Ints
    unit: Ints
    fixed_q_mvar: Floats
    n: int
    n_unit: int


_places = frame_at(_Places)
_PIECE = 64
"""Elements whose injections are summed at a time, so that they are still in the cache when they are solved for."""


@bare
def _inject(places: _Places, first: int, last: int, load_p: Floats, load_q: Floats, unit_p: Floats, inputs: Inputs) -> None:
    """Sum the elements `first … last` of loads and units to buses."""
    n, loads = places.n, len(places.load_bus)
    for b in range(first, last):
        for bus in range(n):
            inputs.p_mw[b * n + bus], inputs.q_mvar[b * n + bus] = 0.0, places.fixed_q_mvar[bus]
        for k in range(loads):
            at = b * n + places.load_bus[k]
            inputs.p_mw[at] -= load_p[b, k]
            inputs.q_mvar[at] -= load_q[b, k]
        for k in range(len(places.unit_bus)):
            inputs.p_mw[b * n + places.unit_bus[k]] += unit_p[b, places.unit[k]]


@kernel
def _sweep(held: int, at: int, first: int, last: int, load_p: Floats, load_q: Floats, unit_p: Floats) -> int:
    faults = 0
    for piece in range(first, last, _PIECE):
        end = min(piece + _PIECE, last)
        _inject(_places(at), piece, end, load_p, load_q, unit_p, held_inputs(held))
        faults += solve_held(held, piece - first, end - piece, True)
    return faults


class Sweep:
    """Many power flows of one case. The results' memory is its own, and is written again by the next call."""

    def __init__(
        self, case: Case, batch: int, *, tolerance_pu: float = 1e-8, max_iterations: int = 20, loading: str = "power", threads: int = 1
    ) -> None:
        """`batch` elements at a time, on so many threads; the options are those of the engine `newton`.

        Raises `ConfigError` for an option out of range, and `PhysicsError` for closed bus-bus switches or a case that has no
        solution to start from.
        """
        engine = Newton(case.network, tolerance_pu=tolerance_pu, max_iterations=max_iterations, loading=loading, threads=threads)
        self.case, self._engine = case, engine
        kind, v_set = case.kinds()
        p, q = case.injections()
        closed = case.network.branch_closed[None]
        base = engine.solve(p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=closed)
        if not base.usable[0]:
            raise PhysicsError(f"Case {case.network.name!r} itself has no power flow solution: its status is {base.status[0]}.")
        room = np.zeros((2, batch, case.network.n_bus))
        self._inputs = as_inputs(case.network, room[0], room[1], kind[None], v_set[None], closed, base)
        self._outputs = new_outputs(batch, case.network.n_bus, case.network.n_branch)
        self._flow = as_flow(self._outputs)
        self._shapes = (batch, len(case.loads.bus)), (batch, len(case.loads.bus)), (batch, len(case.units.bus))
        self._places = Frame(_places_of(case))
        self._parts = [_Part(self, rows) for rows in np.array_split(np.arange(batch), threads) if len(rows)]
        self._pool = ThreadPoolExecutor(threads) if len(self._parts) > 1 else None

    def solve(self, load_p_mw: Floats, load_q_mvar: Floats, unit_p_mw: Floats) -> Flow:
        """Consumption of the case's loads `[B, n_load]` and injection of its units `[B, n_unit]`; units out of service
        are not read. Units hold their voltages, loads and the reactive power of other units stand as in the case.

        Raises `PhysicsError` for wrong shapes.
        """
        load_p, load_q, unit_p = _floats(load_p_mw), _floats(load_q_mvar), _floats(unit_p_mw)
        if (load_p.shape, load_q.shape, unit_p.shape) != self._shapes:
            raise self._wrong_shapes(load_p, load_q, unit_p)
        if self._pool is None:
            faults = self._parts[0].solve(load_p, load_q, unit_p)
        else:
            faults = sum(self._pool.map(lambda part: part.solve(load_p, load_q, unit_p), self._parts))
        if faults:
            self._engine.rescue(self._inputs, self._outputs)
        return self._flow

    def _wrong_shapes(self, *given: Floats) -> PhysicsError:
        problems = [
            Problem(name, f"has shape {values.shape}, expected {shape}")
            for name, values, shape in zip(("load_p_mw", "load_q_mvar", "unit_p_mw"), given, self._shapes, strict=True)
            if values.shape != shape
        ]
        return PhysicsError("The arrays do not fit the sweep.", problems)


class _Part:
    """The rows of one thread, with its scratch and the addresses of everything."""

    def __init__(self, sweep: Sweep, rows: Ints) -> None:
        engine = sweep._engine
        self._holding = Holding(engine.new_scratch(engine.width(len(rows))), sweep._inputs, new_queue(rows), sweep._outputs)
        self._where = self._holding.address, sweep._places.address, int(rows[0]), int(rows[-1]) + 1

    def solve(self, load_p_mw: Floats, load_q_mvar: Floats, unit_p_mw: Floats) -> int:
        return _sweep(*self._where, load_p_mw, load_q_mvar, unit_p_mw)


def _floats(values: Floats) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)


def _places_of(case: Case) -> _Places:
    units = case.units
    live = np.flatnonzero(units.in_service)
    q = np.zeros(case.network.n_bus)
    np.add.at(q, units.bus[live], units.q_mvar[live])
    return _Places(case.loads.bus.copy(), units.bus[live], live, q, case.network.n_bus, len(units.bus))
