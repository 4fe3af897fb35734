"""A network with closed bus-bus switches, solved by an engine for the network in which they are fused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gridpilot.network.network import Network, fuse
from gridpilot.powerflow.group import Inputs
from gridpilot.powerflow.merging import merge, spread
from gridpilot.powerflow.seam import as_inputs, refuse_switching
from gridpilot.powerflow.stations import heads
from gridpilot.values import Bools, Codes, Floats, Flow, PowerFlow, ReactiveLimits

_BY_BUS = ("v_re_pu", "v_im_pu", "v_pu", "p_bus_mw", "q_bus_mvar", "energised")
_BY_BRANCH = ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "loading")


class Fused:
    """An engine around an engine: merges what stands at the ends of closed switches, and gives every end its result.

    `gridpilot.powerflow.merging` says what the merged bus is. A branch that the switches bridge carries nothing.
    """

    def __init__(self, network: Network, build: Callable[[Network], PowerFlow]) -> None:
        """`build` makes the inner engine of the fused network."""
        self.network = network
        fused, self._index = fuse(network)
        self._engine = build(fused)
        self._head = heads(network, network.switch_closed[None])
        self._kept = self._index[network.branch_from] != self._index[network.branch_to]
        standing = np.arange(network.n_bus) == self._head[0]
        self._heads = np.flatnonzero(standing)
        self._merged = np.flatnonzero(np.isin(self._head[0], self._head[0, ~standing]))
        self.name = self._engine.name
        self.has_voltages = self._engine.has_voltages

    def solve(
        self, p_mw: Floats, q_mvar: Floats, *, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None = None,
        limits: ReactiveLimits | None = None, share: Floats | None = None, switch_closed: Bools | None = None,
        tap: Floats | None = None, bank_mvar: Floats | None = None,
    ) -> Flow:  # fmt: skip
        """See `PowerFlow.solve`. Members of a merged bus add up their limits, their banks and their shares in the balance."""
        refuse_switching(self.name, switch_closed)
        given = as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start, limits, share, tap, bank_mvar)
        merged, merger = merge(given, self._head, self._merged)
        flow = self._solve_fused(merged, start, limits is not None, share is not None)
        return spread(self._by_old_index(flow), given, merged, merger)

    def _solve_fused(self, merged: Inputs, start: Flow | None, limited: bool, shared: bool) -> Flow:
        at = self._heads
        return self._engine.solve(
            merged.p_mw[:, at],
            merged.q_mvar[:, at],
            kind=merged.kind[:, at],
            v_set_pu=merged.v_set_pu[:, at],
            closed=merged.closed[:, self._kept],
            start=None if start is None else replace(start, v_re_pu=start.v_re_pu[:, at], v_im_pu=start.v_im_pu[:, at]),
            limits=ReactiveLimits(merged.q_min_mvar[:, at], merged.q_max_mvar[:, at]) if limited else None,
            share=merged.share[:, at] if shared else None,
            tap=merged.tap[:, self._kept] if len(merged.tap) else None,
            bank_mvar=self._added_up(merged.bank_mvar) if len(merged.bank_mvar) else None,
        )

    def _added_up(self, bank_mvar: Floats) -> Floats:
        """Banks of the fused buses."""
        total = np.zeros((len(bank_mvar), len(self._heads)))
        np.add.at(total.T, self._index, bank_mvar.T)
        return total

    def _by_old_index(self, flow: Flow) -> Flow:
        """The flow in the columns of the network before it was fused."""
        columns: dict[str, Any] = {name: getattr(flow, name)[:, self._index] for name in _BY_BUS}
        for name in _BY_BRANCH:
            columns[name] = np.zeros((len(flow.status), self.network.n_branch))
            columns[name][:, self._kept] = getattr(flow, name)
        return replace(flow, **columns)
