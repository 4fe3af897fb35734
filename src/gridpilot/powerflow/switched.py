"""Any engine with bus-bus switches that move: the elements of each combination of positions are solved by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from gridpilot.network.network import Network
from gridpilot.powerflow.seam import as_inputs, batch_of, every_row, positions
from gridpilot.values import Bools, Codes, Floats, Flow, Ints, PowerFlow, ReactiveLimits


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
    ) -> Flow:  # fmt: skip
        """See `PowerFlow.solve`."""
        inputs = as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start, limits, share)
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
                start=None if start is None else _elements(start, mine),
                limits=None if limits is None else ReactiveLimits(full.q_min_mvar[mine], full.q_max_mvar[mine]),
                share=None if share is None else full.share[mine],
            )
            for combination, mine in zip(combinations, rows, strict=True)
        ]
        return _in_order(flows, np.concatenate(rows))


def _elements(flow: Flow, rows: Ints) -> Flow:
    """These elements of a flow; one element may stand for all."""
    if len(flow.status) == 1:
        return flow
    return Flow(**{field.name: getattr(flow, field.name)[rows] for field in fields(Flow)})


def _in_order(flows: list[Flow], rows: Ints) -> Flow:
    """Flows of parts of a batch as one, of which `rows` says where each element belongs."""
    back = np.argsort(rows)
    whole: dict[str, Any] = {field.name: np.concatenate([getattr(flow, field.name) for flow in flows])[back] for field in fields(Flow)}
    return Flow(**whole)
