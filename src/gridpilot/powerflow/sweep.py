"""`Sweep`: many power flows of one case whose loads and units vary."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import pairwise

import numpy as np

from gridpilot.network.case import Case
from gridpilot.powerflow import engine
from gridpilot.values import Floats, Flow


class Sweep:
    """Power flows of one case from what its loads take and its units make, each from the base case's solution.

    The results' memory may be written again by the next call.
    """

    def __init__(self, case: Case, batch: int, *, tolerance_pu: float = 1e-8, max_iterations: int = 20, threads: int = 1) -> None:
        self.case, self.batch = case, batch
        options = {"tolerance_pu": tolerance_pu, "max_iterations": max_iterations}
        self._engines = [engine("newton", case.network, **options) for _ in range(threads)]
        p, q = case.injections()
        kind, v_set = case.kinds()
        closed = case.network.branch_closed[None]
        self._base = self._engines[0].solve(p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=closed)

    def solve(self, load_p_mw: Floats, load_q_mvar: Floats, unit_p_mw: Floats) -> Flow:
        """Solve `[B, n_load]`, `[B, n_load]` and `[B, n_unit]`."""
        bounds = np.linspace(0, len(load_p_mw), len(self._engines) + 1).astype(int)
        parts = [slice(a, b) for a, b in pairwise(bounds)]

        def one(number: int) -> Flow:
            part = parts[number]
            return self._part(number, load_p_mw[part], load_q_mvar[part], unit_p_mw[part])

        if len(parts) == 1:
            return one(0)
        with ThreadPoolExecutor(len(parts)) as pool:
            flows = list(pool.map(one, range(len(parts))))
        return Flow(**{field.name: np.concatenate([getattr(flow, field.name) for flow in flows]) for field in fields(Flow)})

    def _part(self, number: int, load_p_mw: Floats, load_q_mvar: Floats, unit_p_mw: Floats) -> Flow:
        case, rows = self.case, len(load_p_mw)
        p, q = np.zeros((case.network.n_bus, rows)), np.zeros((case.network.n_bus, rows))
        live = case.units.in_service
        np.subtract.at(p, case.loads.bus, load_p_mw.T)
        np.subtract.at(q, case.loads.bus, load_q_mvar.T)
        np.add.at(p, case.units.bus[live], unit_p_mw.T[live])
        np.add.at(q, case.units.bus[live], case.units.q_mvar[live, None])
        kind, v_set = case.kinds()
        return self._engines[number].solve(
            p.T,
            q.T,
            kind=np.tile(kind, (rows, 1)),
            v_set_pu=np.tile(v_set, (rows, 1)),
            closed=np.tile(case.network.branch_closed, (rows, 1)),
            start=Flow(**{field.name: np.repeat(getattr(self._base, field.name), rows, axis=0) for field in fields(Flow)}),
        )
