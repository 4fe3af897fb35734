"""The AC engine: Newton-Raphson on batches, compiled.

What is where: `lanes` the SIMD vector, `symbolic` the ordering and schedule, `factor` the numeric factorisation,
`iteration` the Newton loop; `topology`, `gather` and `branch_flow` fill a group of elements and read it out, `limits` and
`share` are reactive limits and the distributed slack, `adjustments` taps and capacitor banks, `start` finds a start and
`batch` gives every element its turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from gridpilot.errors import ConfigError
from gridpilot.frame import Frame
from gridpilot.network.network import Network
from gridpilot.powerflow.batch import new_queue
from gridpilot.powerflow.fallback import rescue_rows
from gridpilot.powerflow.group import Inputs, Outputs, Settings, new_group
from gridpilot.powerflow.holding import NARROW, WIDE, Scratch, solve_arrays
from gridpilot.powerflow.islands import Ends
from gridpilot.powerflow.merging import merge, spread
from gridpilot.powerflow.seam import as_flow, as_inputs, batch_of, check_fused, new_outputs, positions, refuse_switching
from gridpilot.powerflow.stations import heads
from gridpilot.powerflow.symbolic import analyse
from gridpilot.powerflow.ybus import kernel_admittances
from gridpilot.values import Bools, Codes, Floats, Flow, Ints, ReactiveLimits

_LARGEST_WIDE = 1000
"""Buses up to which a group of wide registers fits the second-level cache of 1 MiB."""
_LEAST_PER_THREAD = 64
"""Elements below which a thread costs more than it takes off another."""


class Newton:
    """The AC engine: one network's pattern and admittances, and `solve`.

    Elements do not influence each other: a batch gives the same bits as a loop over it, in any order and on any number of
    threads. An element that the compiled factorisation, which does not pivot, gives up on because of its pivots is
    solved by SciPy's sparse LU; `Flow.rescued` tells which.
    """

    name = "newton"
    has_voltages = True

    def __init__(
        self, network: Network, *, tolerance_pu: float = 1e-8, max_iterations: int = 20, loading: str = "power", threads: int = 1,
        switching: bool = False,
    ) -> None:  # fmt: skip
        """`loading` is `power` (apparent power over rating) or `current` (current over that of the rating at 1 pu). With
        `switching` every element may have its own positions of bus-bus switches.

        Raises `ConfigError` for a setting out of range and, without `switching`, `PhysicsError` where bus-bus switches are closed.
        """
        _check_settings(tolerance_pu, max_iterations, loading, threads)
        if not switching:
            check_fused(network)
        self.network = network
        self.settings = Settings(float(network.base_mva), float(tolerance_pu), int(max_iterations), int(loading == "current"))
        self._threads, self._switching = threads, switching
        pattern = analyse(network, switching=switching)
        admittances = kernel_admittances(network, pattern)
        ends = Ends(network.branch_from.copy(), network.branch_to.copy(), network.n_bus)
        self._frames = Frame(pattern), Frame(admittances), Frame(ends), Frame(self.settings)
        self._idle: dict[int, list[Scratch]] = {NARROW: [], WIDE: []}

    def __reduce__(self) -> tuple[Any, ...]:
        # addresses mean nothing in another process, where the engine is made again
        loading = "current" if self.settings.by_current else "power"
        return _restore, (self.network, self.settings.tolerance_pu, self.settings.max_iterations, loading, self._threads, self._switching)

    def solve(
        self,
        p_mw: Floats,
        q_mvar: Floats,
        *,
        kind: Codes,
        v_set_pu: Floats,
        closed: Bools,
        start: Flow | None = None,
        limits: ReactiveLimits | None = None,
        share: Floats | None = None,
        switch_closed: Bools | None = None,
        tap: Floats | None = None,
        bank_mvar: Floats | None = None,
    ) -> Flow:
        """See `PowerFlow.solve`.

        A cold start has the angles of a DC power flow. What a warm start does not solve is tried cold, and what that does
        not solve from 1 pu with damped steps.
        """
        inputs = as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start, limits, share, tap, bank_mvar)
        if self._switching:
            return self._solve_switched(inputs, switch_closed)
        refuse_switching(self.name, switch_closed)
        return self._solve(inputs)

    def _solve(self, inputs: Inputs) -> Flow:
        out = new_outputs(batch_of(inputs), self.network.n_bus, self.network.n_branch)
        self.solve_into(inputs, out)
        return as_flow(out)

    def _solve_switched(self, inputs: Inputs, switch_closed: Bools | None) -> Flow:
        """Solve for the heads of merged buses, and give every bus what is its own."""
        closed = positions(self.network, switch_closed, batch_of(inputs))
        merged, merger = merge(inputs, heads(self.network, closed), self._frames[0].value.member)
        return spread(self._solve(merged), inputs, merged, merger)

    def solve_into(self, inputs: Inputs, out: Outputs) -> None:
        """Solve a batch of checked inputs into memory that the caller owns."""
        rows = np.arange(len(out.status))
        threads = min(self._threads, len(rows) // _LEAST_PER_THREAD)
        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                faults = sum(pool.map(lambda part: self._solve_rows(inputs, part, out), np.array_split(rows, threads)))
        else:
            faults = self._solve_rows(inputs, rows, out)
        if faults:
            self.rescue(inputs, out)

    def rescue(self, inputs: Inputs, out: Outputs) -> None:
        """Solve the elements that the pivots were at fault for by SciPy's sparse LU."""
        rescue_rows(self.network, self.settings, inputs, out, self._read_out)

    def _read_out(self, one: Inputs, out: Outputs) -> None:
        self._solve_rows(one, np.arange(1), out)

    def width(self, count: int) -> int:
        """Lanes that so many elements are solved with: those of a large network in wide registers would leave the cache."""
        return WIDE if count > NARROW and self.network.n_bus <= _LARGEST_WIDE else NARROW

    def _solve_rows(self, inputs: Inputs, rows: Ints, out: Outputs) -> int:
        with self._scratch(self.width(len(rows))) as scratch:
            return solve_arrays(scratch.addresses, inputs, new_queue(rows), out)

    def new_scratch(self, width: int) -> Scratch:
        """A group of so many lanes for somebody's own."""
        return Scratch(self._frames, new_group(self._frames[0].value, self._frames[1].value, width))

    @contextmanager
    def _scratch(self, width: int) -> Iterator[Scratch]:
        """Scratch that nobody else solves on meanwhile; it keeps its last topology for the next call."""
        idle = self._idle[width]
        try:
            mine = idle.pop()
        except IndexError:
            mine = self.new_scratch(width)
        try:
            yield mine
        finally:
            idle.append(mine)


def _restore(network: Network, tolerance_pu: float, max_iterations: int, loading: str, threads: int, switching: bool) -> Newton:
    """The engine in another process, where it is made again."""
    return Newton(network, tolerance_pu=tolerance_pu, max_iterations=max_iterations, loading=loading, threads=threads, switching=switching)


def _check_settings(tolerance_pu: float, max_iterations: int, loading: str, threads: int) -> None:
    if not 0.0 < tolerance_pu < 1.0:
        raise ConfigError(f"tolerance_pu is {tolerance_pu}, expected a number between 0 and 1, such as 1e-8.")
    if max_iterations < 1:
        raise ConfigError(f"max_iterations is {max_iterations}, expected at least 1.")
    if loading not in ("power", "current"):
        raise ConfigError(f"loading is {loading!r}, expected 'power' or 'current'.")
    if threads < 1:
        raise ConfigError(f"threads is {threads}, expected at least 1.")
