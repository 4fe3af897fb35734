"""A network with closed bus-bus switches, solved by an engine for the network in which they are fused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gridpilot.network.network import Network, fuse
from gridpilot.powerflow.group import Inputs
from gridpilot.powerflow.seam import as_inputs, every_row, refuse_switching
from gridpilot.values import FORMING, OFF, PQ, PV, SLACK, Bools, Codes, Floats, Flow, Ints, PowerFlow, ReactiveLimits

_NOT_BUILT = -1


_STRENGTH = np.zeros(5, dtype=np.int8)
"""Rank of a kind among the members of a merged bus, by its code."""
_STRENGTH[[PV, FORMING, SLACK]] = 1, 2, 3


class _Merged(NamedTuple):
    """Inputs of the fused network, and per fused bus the member that gives it its kind."""

    p_mw: Floats
    q_mvar: Floats
    kind: Codes
    v_set_pu: Floats
    leader: Ints
    limits: ReactiveLimits | None
    share: Floats | None


class Fused:
    """An engine around an engine: merges what stands at the ends of closed switches, and gives every end its result.

    The merged bus has the strongest kind of its members (SLACK, FORMING, PV, PQ; OFF where none is built) and the setpoint of
    the first member that has it, which also takes the injection that holding voltage or balance asks for. A branch
    that the switches bridge carries nothing.
    """

    def __init__(self, network: Network, build: Callable[[Network], PowerFlow]) -> None:
        """`build` makes the inner engine of the fused network."""
        self.network = network
        fused, self._index = fuse(network)
        self._engine = build(fused)
        self._heads = np.unique(self._index, return_index=True)[1]
        self._kept = self._index[network.branch_from] != self._index[network.branch_to]
        self.name = self._engine.name
        self.has_voltages = self._engine.has_voltages

    def solve(
        self, p_mw: Floats, q_mvar: Floats, *, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None = None,
        limits: ReactiveLimits | None = None, share: Floats | None = None, switch_closed: Bools | None = None,
    ) -> Flow:  # fmt: skip
        """See `PowerFlow.solve`. Members of a merged bus add up their limits and their shares in the balance."""
        refuse_switching(self.name, switch_closed)
        inputs = every_row(as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start, limits, share))
        merged = self._merge(inputs, limits is not None, share is not None)
        flow = self._engine.solve(
            merged.p_mw,
            merged.q_mvar,
            kind=merged.kind,
            v_set_pu=merged.v_set_pu,
            closed=inputs.closed[:, self._kept],
            start=None if start is None else self._fuse_start(start),
            limits=merged.limits,
            share=merged.share,
        )
        return self._spread(flow, inputs, merged)

    def _merge(self, inputs: Inputs, limited: bool, shared: bool) -> _Merged:
        batch, n = len(inputs.p_mw), len(self._heads)
        p, q, low, high, share = np.zeros((5, batch, n))
        v, leader = np.ones((batch, n)), np.zeros((batch, n), dtype=np.int64)
        rank, kind = np.full((batch, n), _NOT_BUILT, dtype=np.int8), np.full((batch, n), OFF, dtype=np.int8)
        for bus, head in enumerate(self._index):
            mine = inputs.kind[:, bus]
            built = mine != OFF
            stronger = built & (_STRENGTH[mine] > rank[:, head])
            rank[stronger, head], kind[stronger, head] = _STRENGTH[mine[stronger]], mine[stronger]
            v[stronger, head] = inputs.v_set_pu[stronger, bus]
            leader[stronger, head] = bus
            p[built, head] += inputs.p_mw[built, bus]
            q[built, head] += inputs.q_mvar[built, bus]
            if limited:
                # what a member does not regulate it gives as it is
                fixed = mine == PQ
                low[built, head] += np.where(fixed, inputs.q_mvar[:, bus], inputs.q_min_mvar[:, bus])[built]
                high[built, head] += np.where(fixed, inputs.q_mvar[:, bus], inputs.q_max_mvar[:, bus])[built]
            if shared:
                share[built, head] += inputs.share[built, bus]
        return _Merged(p, q, kind, v, leader, ReactiveLimits(low, high) if limited else None, share if shared else None)

    def _fuse_start(self, start: Flow) -> Flow:
        return replace(
            start,
            v_re_pu=start.v_re_pu[:, self._heads],
            v_im_pu=start.v_im_pu[:, self._heads],
            energised=start.energised[:, self._heads],
        )

    def _spread(self, flow: Flow, inputs: Inputs, merged: _Merged) -> Flow:
        energised = flow.energised[:, self._index] & (inputs.kind != OFF)
        solved = energised & flow.usable[:, None]

        def by_bus(values: Floats) -> Floats:
            return np.where(energised, values[:, self._index], 0.0)

        def by_branch(values: Floats) -> Floats:
            spread = np.zeros((len(values), self.network.n_branch))
            spread[:, self._kept] = values
            return spread

        return replace(
            flow,
            v_re_pu=by_bus(flow.v_re_pu),
            v_im_pu=by_bus(flow.v_im_pu),
            v_pu=by_bus(flow.v_pu),
            p_from_mw=by_branch(flow.p_from_mw),
            q_from_mvar=by_branch(flow.q_from_mvar),
            p_to_mw=by_branch(flow.p_to_mw),
            q_to_mvar=by_branch(flow.q_to_mvar),
            loading=by_branch(flow.loading),
            p_bus_mw=self._injections(np.where(solved, inputs.p_mw, 0.0), flow.p_bus_mw, self._balances(merged), merged.leader),
            q_bus_mvar=self._injections(
                np.where(solved, inputs.q_mvar, 0.0), flow.q_bus_mvar, ~np.isin(merged.kind, (PQ, OFF)), merged.leader
            ),
            energised=energised,
        )

    @staticmethod
    def _balances(merged: _Merged) -> Bools:
        """Merged buses whose active injection is not the given one."""
        holds: Bools = np.isin(merged.kind, (SLACK, FORMING))
        return holds if merged.share is None else holds | (merged.share > 0)

    def _injections(self, given: Floats, solved: Floats, free: Bools, leader: Ints) -> Floats:
        """The given ones, but for leaders of merged buses whose injection is free: what remains of the solved sum."""
        total = np.zeros(solved.shape)
        for bus, head in enumerate(self._index):
            total[:, head] += given[:, bus]
        injections = given.copy()
        element, head = np.nonzero(free)
        injections[element, leader[element, head]] += solved[element, head] - total[element, head]
        return injections
