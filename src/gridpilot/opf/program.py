"""A sparse linear program, solved by HiGHS through SciPy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from gridpilot.opf.verdict import Verdict
from gridpilot.values import Floats

_SOLVE: Any = linprog  # its stubs know dense matrices only
_VERDICTS = {0: Verdict.OPTIMAL, 2: Verdict.INFEASIBLE, 3: Verdict.UNBOUNDED}
"""By the status of `linprog`; 1 (limit of time or iterations) and 4 (numerical trouble) are `UNFINISHED`."""


class Solution(NamedTuple):
    """What a program led to; the numbers mean something where the verdict is OPTIMAL."""

    verdict: Verdict
    x: Floats
    value: float
    price: Floats
    """How much the value rises per unit of the right side of every equation."""


def solve_program(objective: Floats, *, above: csr_array, limit: Floats, equations: csr_array, right: Floats, bounds: Floats) -> Solution:
    """Minimise `objective · x` where `above · x ≤ limit`, `equations · x = right`, and `x` inside `bounds` `[unknowns, 2]`."""
    found = _SOLVE(objective, A_ub=above, b_ub=limit, A_eq=equations, b_eq=right, bounds=bounds, method="highs")
    verdict = _VERDICTS.get(found.status, Verdict.UNFINISHED)
    if verdict is not Verdict.OPTIMAL:
        return Solution(verdict, np.zeros(len(objective)), 0.0, np.zeros(len(right)))
    return Solution(verdict, found.x, float(found.fun), found.eqlin.marginals)
