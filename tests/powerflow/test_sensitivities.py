"""Distribution factors predict what the DC engine computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.network import Case
from gridpilot.powerflow.dc import Dc
from gridpilot.powerflow.sensitivities import ptdf
from gridpilot.values import SLACK


@given(seed=st.integers(0, 10**6))
def test_factor_is_the_change_of_flow_per_megawatt(random_grid: Callable[[int], Case], batch: Callable[..., Any], seed: int) -> None:
    case = random_grid(seed)
    n = case.network.n_bus
    arguments = batch(case, np.ones((n + 1, n)))
    arguments["closed"][:] = np.random.default_rng(seed).random(case.network.n_branch) < 0.8
    arguments["p_mw"][1:] += np.eye(n)
    flow = Dc(case.network).solve(**arguments)
    factors = ptdf(case.network, closed=arguments["closed"][0], kind=arguments["kind"][0])
    assert factors.shape == (case.network.n_branch, n)
    assert np.allclose(factors.T, flow.p_from_mw[1:] - flow.p_from_mw[0], atol=1e-8)
    assert not factors[:, arguments["kind"][0] == SLACK].any()
    assert not factors[:, ~flow.energised[0]].any()
    assert not factors[~arguments["closed"][0]].any()
