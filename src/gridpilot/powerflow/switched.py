"""Any engine with bus-bus switches that move: the elements of each combination of positions are solved by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gridpilot.network.network import Network
from gridpilot.powerflow.seam import as_inputs, batch_of, elements_of, every_row, in_order, positions
from gridpilot.values import Bools, Codes, Floats, Flow, PowerFlow, ReactiveLimits


class Switched:
    """An engine made of one engine per combination of positions, which are kept."""

    def __init__(self, network: Network, build: Callable[[Network], PowerFlow]) -> None:
        """`build` makes the engine of a network whose switches stay where they are."""
        self.network, self._build = network, build
        self._engines: dict[bytes, PowerFlow] = {}
        now = self._engine(network.switch_closed)
        self.name, self.has_voltages = now.name, now.has_voltages

    def _engine(self, switch_closed: Bools) -> PowerFlow:
        key = switch_closed.tobytes()
        if key not in self._engines:
            self._engines[key] = self._build(replace(self.network, switch_closed=switch_closed.copy()))
        return self._engines[key]

    def solve(
        self, p_mw: Floats, q_mvar: Floats, *, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None = None,
        limits: ReactiveLimits | None = None, share: Floats | None = None, switch_closed: Bools | None = None,
        tap: Floats | None = None, bank_mvar: Floats | None = None,
    ) -> Flow:  # fmt: skip
        """See `PowerFlow.solve`."""
        inputs = as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start, limits, share, tap, bank_mvar)
        now = positions(self.network, switch_closed, batch_of(inputs))
        batch = max(batch_of(inputs), len(now))
        full = every_row(inputs, batch)
        combinations, which = np.unique(np.repeat(now, batch // len(now), axis=0), axis=0, return_inverse=True)
        rows = [np.flatnonzero(which.ravel() == c) for c in range(len(combinations))]
        flows = [
            self._engine(combination).solve(
                full.p_mw[mine],
                full.q_mvar[mine],
                kind=full.kind[mine],
                v_set_pu=full.v_set_pu[mine],
                closed=full.closed[mine],
                start=None if start is None else elements_of(start, mine),
                limits=None if limits is None else ReactiveLimits(full.q_min_mvar[mine], full.q_max_mvar[mine]),
                share=None if share is None else full.share[mine],
                tap=None if tap is None else full.tap[mine],
                bank_mvar=None if bank_mvar is None else full.bank_mvar[mine],
            )
            for combination, mine in zip(combinations, rows, strict=True)
        ]
        return in_order(flows, np.concatenate(rows))
