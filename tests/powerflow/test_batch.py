"""Results of the AC engine do not depend on what is solved beside them, on their place, or on the start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.network import Case
from gridpilot.powerflow.newton import Newton
from gridpilot.values import OFF, SLACK, Flow, Status

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
Identical = Callable[..., None]
Complexes = NDArray[np.complex128]
seeds = st.integers(0, 10**6)


def voltage(flow: Flow) -> Complexes:
    return np.asarray(flow.v_re_pu + 1j * flow.v_im_pu)


def values(flow: Flow) -> dict[str, NDArray[Any]]:
    return {field.name: getattr(flow, field.name) for field in fields(flow)}


def rows(arguments: dict[str, Any], which: Any) -> dict[str, Any]:
    return {name: value[which] for name, value in arguments.items()}


def mixed_batch(case: Case, batch: Batch, seed: int, size: int) -> dict[str, Any]:
    """Elements of every sort: usual, overloaded, with NaN, with outages, with unbuilt buses and another slack."""
    draw = np.random.default_rng(seed)
    n, m = case.network.n_bus, case.network.n_branch
    arguments = batch(case, draw.uniform(0.5, 1.5, (size, n)))
    for row in range(size):
        sort = draw.integers(0, 7)
        if sort == 1:
            arguments["p_mw"][row] -= 1e5
        elif sort == 2:
            arguments["p_mw"][row, draw.integers(n)] = np.nan
        elif sort == 3:
            arguments["closed"][row, draw.integers(m)] = False
        elif sort == 4:
            arguments["kind"][row, draw.integers(n)] = OFF
        elif sort == 5:
            arguments["kind"][row, draw.integers(n)] = SLACK
        elif sort == 6:
            arguments["closed"][row] = draw.random(m) < 0.5
    return arguments


@settings(max_examples=25)
@given(seed=seeds, size=st.integers(1, 9), warm=st.booleans())
def test_batch_is_the_loop_bit_for_bit_in_any_order(
    random_grid: Grids, batch: Batch, seed: int, size: int, warm: bool, assert_identical: Identical
) -> None:
    case = random_grid(seed)
    engine = Newton(case.network)
    arguments = mixed_batch(case, batch, seed, size)
    start = engine.solve(**mixed_batch(case, batch, seed + 1, size)) if warm else None

    def started(which: Any) -> Flow | None:
        return None if start is None else Flow(**{name: value[which] for name, value in values(start).items()})

    together = engine.solve(**arguments, start=start)
    for row in range(size):
        alone = engine.solve(**rows(arguments, [row]), start=started([row]))
        assert_identical(alone, together, [row])
    order = np.random.default_rng(seed).permutation(size)
    assert_identical(engine.solve(**rows(arguments, order), start=started(order)), together, order)


@given(seed=seeds)
def test_every_output_is_finite_whatever_goes_in(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    arguments = mixed_batch(case, batch, seed, 8)
    flow = Newton(case.network).solve(**arguments)
    assert all(np.isfinite(value).all() for value in values(flow).values())
    # an unusable element carries nothing, and stands at its start
    assert not flow.p_from_mw[~flow.usable].any()
    assert np.allclose(flow.v_pu[~flow.usable], np.where(flow.energised[~flow.usable], flow.v_pu[~flow.usable], 0.0))
    assert np.array_equal(flow.status == Status.NON_FINITE, np.isnan(np.where(arguments["kind"] == OFF, 0, arguments["p_mw"])).any(axis=1))


@given(seed=seeds)
def test_warm_and_cold_start_lead_to_the_same_solution(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    engine = Newton(case.network, tolerance_pu=1e-11)
    start = engine.solve(**batch(case))
    cold, warm = engine.solve(**batch(case, [1.1])), engine.solve(**batch(case, [1.1]), start=start)
    assert np.allclose(voltage(cold), voltage(warm), atol=1e-9, rtol=0)
    assert engine.solve(**batch(case), start=start).iterations[0] == 0
