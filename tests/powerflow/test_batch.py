"""Results of the AC engine do not depend on what is solved beside them, on their place, on threads, or on the start."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.network import Case
from gridpilot.powerflow.group import new_group
from gridpilot.powerflow.holding import NARROW, WIDE
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.seam import new_outputs
from gridpilot.powerflow.symbolic import analyse
from gridpilot.powerflow.ybus import kernel_admittances
from gridpilot.values import FORMING, OFF, PV, SLACK, Flow, ReactiveLimits, Status

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
Identical = Callable[..., None]
Complexes = NDArray[np.complex128]
seeds = st.integers(0, 10**6)
NO_NUMBERS = np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0, 1e-300


def voltage(flow: Flow) -> Complexes:
    return np.asarray(flow.v_re_pu + 1j * flow.v_im_pu)


def values(flow: Flow) -> dict[str, NDArray[Any]]:
    return {field.name: getattr(flow, field.name) for field in fields(flow)}


def part(value: Any, which: Any) -> Any:
    """Some rows of an argument of `solve`."""
    if isinstance(value, Flow):
        return Flow(**{name: array[which] for name, array in values(value).items()})
    if isinstance(value, ReactiveLimits):
        return ReactiveLimits(value.q_min_mvar[which], value.q_max_mvar[which])
    return None if value is None else value[which]


def rows(arguments: dict[str, Any], which: Any) -> dict[str, Any]:
    return {name: part(value, which) for name, value in arguments.items()}


def mixed_batch(case: Case, batch: Batch, seed: int, size: int) -> dict[str, Any]:
    """Elements of every sort: usual, overloaded, near the nose, with NaN, with outages, unbuilt buses and other kinds."""
    draw = np.random.default_rng(seed)
    n, m = case.network.n_bus, case.network.n_branch
    arguments = batch(case, draw.uniform(0.5, 1.5, (size, n)))
    for row in range(size):
        sort = draw.integers(0, 9)
        if sort == 1:
            arguments["p_mw"][row] -= 1e5
        elif sort == 2:
            arguments["p_mw"][row, draw.integers(n)] = np.nan
        elif sort == 3:
            arguments["closed"][row, draw.integers(m)] = False
        elif sort == 4:
            arguments["kind"][row, draw.integers(n)] = OFF
        elif sort == 5:
            arguments["kind"][row, draw.integers(n)] = draw.choice([SLACK, PV, FORMING])
        elif sort == 6:
            arguments["closed"][row] = draw.random(m) < 0.5
            arguments["kind"][row, draw.random(n) < 0.3] = FORMING
        elif sort == 7:
            # slow to solve, or not at all: it goes on when its neighbours have ended
            arguments["p_mw"][row] *= draw.uniform(2.0, 12.0)
    return arguments


def with_extras(case: Case, arguments: dict[str, Any], seed: int, *, limited: bool, shared: bool) -> dict[str, Any]:
    """The same with tight reactive limits and with shares in the balance, of which some are 0."""
    draw, shape = np.random.default_rng(seed), arguments["p_mw"].shape
    if limited:
        arguments["limits"] = ReactiveLimits(draw.uniform(-8, 2, shape), draw.uniform(2, 12, shape))
    if shared:
        arguments["share"] = draw.uniform(0, 1, shape) * (draw.random(shape) < 0.6)
    return arguments


@settings(max_examples=150)
@given(seed=seeds, size=st.integers(1, 20), warm=st.booleans(), limited=st.booleans(), shared=st.booleans())
def test_batch_is_the_loop_bit_for_bit_in_any_order(
    random_grid: Grids, batch: Batch, seed: int, size: int, warm: bool, limited: bool, shared: bool, assert_identical: Identical
) -> None:
    case = random_grid(seed)
    engine = Newton(case.network)
    arguments = with_extras(case, mixed_batch(case, batch, seed, size), seed, limited=limited, shared=shared)
    arguments["start"] = engine.solve(**mixed_batch(case, batch, seed + 1, size)) if warm else None
    together = engine.solve(**arguments)
    for row in range(size):
        assert_identical(engine.solve(**rows(arguments, [row])), together, [row])
    order = np.random.default_rng(seed).permutation(size)
    assert_identical(engine.solve(**rows(arguments, order)), together, order)
    half = size // 2
    assert_identical(engine.solve(**rows(arguments, slice(half, size))), together, slice(half, size))


@settings(max_examples=10)
@given(seed=seeds, limited=st.booleans(), shared=st.booleans())
def test_an_engine_has_no_memory(
    random_grid: Grids, batch: Batch, seed: int, limited: bool, shared: bool, assert_identical: Identical
) -> None:
    case = random_grid(seed)
    used = Newton(case.network)
    for k in range(3):
        used.solve(**with_extras(case, mixed_batch(case, batch, seed + k, 9), seed, limited=k == 0, shared=k == 1))
        used.solve(**mixed_batch(case, batch, seed + k, 3))
    arguments = with_extras(case, mixed_batch(case, batch, seed + 7, 9), seed, limited=limited, shared=shared)
    assert_identical(used.solve(**arguments), Newton(case.network).solve(**arguments))


@settings(max_examples=40)
@given(seed=seeds, size=st.integers(1, 24), shared=st.booleans())
def test_outages_one_after_the_other_are_outages_on_their_own(
    random_grid: Grids, batch: Batch, seed: int, size: int, shared: bool, assert_identical: Identical
) -> None:
    case, draw = random_grid(seed), np.random.default_rng(seed)
    engine, m = Newton(case.network), case.network.n_branch
    arguments = with_extras(case, batch(case, np.ones((size, case.network.n_bus))), seed, limited=False, shared=shared)
    arguments["kind"] = arguments["kind"][:1]
    arguments["kind"][0, draw.integers(case.network.n_bus)] = draw.choice([FORMING, OFF, PV])
    for row in range(size):
        arguments["closed"][row, draw.integers(0, m, draw.integers(0, 4))] = False
    together = engine.solve(**arguments)
    for row in range(size):
        own = {name: value if name == "kind" else part(value, [row]) for name, value in arguments.items()}
        assert_identical(Newton(case.network).solve(**own), together, [row])
        # and the one engine, which goes from outage to outage
        assert_identical(engine.solve(**own), together, [row])


def test_all_pairs_of_outages_in_both_orders(case14: Case, batch: Batch, assert_identical: Identical) -> None:
    pairs = list(itertools.combinations(range(case14.network.n_branch), 2))
    arguments = batch(case14, np.ones((len(pairs), 14)))
    for row, pair in enumerate(pairs):
        arguments["closed"][row, list(pair)] = False
    engine = Newton(case14.network)
    together = engine.solve(**arguments)
    assert_identical(engine.solve(**rows(arguments, slice(None, None, -1))), together, slice(None, None, -1))
    assert Status.ISLANDED in together.status
    for row in range(0, len(pairs), 7):
        assert_identical(Newton(case14.network).solve(**rows(arguments, [row])), together, [row])


@pytest.mark.parametrize("extras", [{"limited": False, "shared": False}, {"limited": True, "shared": True}])
def test_threads_change_no_bit(case14: Case, batch: Batch, extras: dict[str, bool], assert_identical: Identical) -> None:
    arguments = with_extras(case14, mixed_batch(case14, batch, 1, 301), 1, **extras)
    one, two = Newton(case14.network), Newton(case14.network, threads=2)
    assert_identical(two.solve(**arguments), one.solve(**arguments))


ROWS = "p_mw", "q_mvar", "kind", "v_set_pu", "closed", "start", "limits", "share"


@settings(max_examples=100)
@given(seed=seeds, size=st.integers(1, 20), which=st.sets(st.sampled_from(ROWS), max_size=len(ROWS) - 1))
@example(seed=1, size=20, which={"kind", "v_set_pu", "closed", "start"})
@example(seed=2, size=20, which={"kind", "v_set_pu", "closed", "start", "limits"})
def test_one_row_for_all_is_the_same_as_repeated_rows_and_as_the_loop(
    random_grid: Grids, batch: Batch, seed: int, size: int, which: set[str], assert_identical: Identical
) -> None:
    case = random_grid(seed)
    engine, draw = Newton(case.network), np.random.default_rng(seed)
    arguments = with_extras(case, mixed_batch(case, batch, seed, size), seed, limited="limits" in which, shared="share" in which)
    if "start" in which:
        # a batch with one topology and one start has its first step in common
        arguments["start"] = engine.solve(**batch(case, np.ones((size, case.network.n_bus))))
    chosen = [int(draw.integers(size))]
    one_row = {name: part(value, chosen) if name in which else value for name, value in arguments.items()}
    repeated = {name: part(value, chosen * size) if name in which else value for name, value in arguments.items()}
    together = engine.solve(**one_row)
    if {"p_mw", "q_mvar", "kind", "v_set_pu", "closed"} <= which:
        return
    assert_identical(together, engine.solve(**repeated))
    for row in range(size):
        assert_identical(engine.solve(**rows(repeated, [row])), together, [row])


@settings(max_examples=30)
@given(seed=seeds, size=st.integers(2, 30), spread=st.floats(0.0, 0.5))
def test_a_sweep_of_injections_from_one_start_is_the_loop(
    random_grid: Grids, batch: Batch, seed: int, size: int, spread: float, assert_identical: Identical
) -> None:
    case = random_grid(seed)
    engine, draw = Newton(case.network), np.random.default_rng(seed)
    arguments = batch(case, 1.0 + spread * draw.uniform(-1, 1, (size, case.network.n_bus)))
    for name in ("kind", "v_set_pu", "closed"):
        arguments[name] = arguments[name][:1]
    arguments["start"] = engine.solve(**batch(case))
    together = engine.solve(**arguments)
    alone = [
        engine.solve(**{**arguments, "p_mw": p[None], "q_mvar": q[None]})
        for p, q in zip(arguments["p_mw"], arguments["q_mvar"], strict=True)
    ]
    for row, flow in enumerate(alone):
        assert_identical(flow, together, [row])
    assert_identical(engine.solve(**arguments), together)


@settings(max_examples=100)
@given(seed=seeds, data=st.data())
def test_every_output_is_finite_whatever_goes_in(random_grid: Grids, batch: Batch, seed: int, data: st.DataObject) -> None:
    case, draw = random_grid(seed), np.random.default_rng(seed)
    engine, shape = Newton(case.network), (6, case.network.n_bus)
    arguments = with_extras(
        case, mixed_batch(case, batch, seed, 6), seed, limited=data.draw(st.booleans()), shared=data.draw(st.booleans())
    )
    start = engine.solve(**batch(case, np.ones(shape)))
    arguments["start"] = start
    targets: dict[str, Any] = {name: arguments[name] for name in ("p_mw", "q_mvar", "v_set_pu", "share") if name in arguments}
    targets |= {"v_re_pu": start.v_re_pu, "v_im_pu": start.v_im_pu}
    if "limits" in arguments:
        targets |= {"q_min_mvar": arguments["limits"].q_min_mvar, "q_max_mvar": arguments["limits"].q_max_mvar}
    for _ in range(3):
        targets[data.draw(st.sampled_from(sorted(targets)))][draw.integers(6), draw.integers(shape[1])] = data.draw(
            st.sampled_from(NO_NUMBERS)
        )
    if data.draw(st.booleans()):
        arguments["closed"][draw.integers(6)] = False
    for row, flow in enumerate([engine.solve(**arguments), engine.solve(**rows(arguments, [5]))]):
        assert all(np.isfinite(value).all() for value in values(flow).values()), row
        # an unusable element carries nothing
        assert not flow.p_from_mw[~flow.usable].any()
        assert not flow.p_bus_mw[~flow.usable].any()


@given(seed=seeds)
def test_what_is_not_finite_is_told_of_that_element_alone(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    arguments = mixed_batch(case, batch, seed, 8)
    flow = Newton(case.network).solve(**arguments)
    assert np.array_equal(flow.status == Status.NON_FINITE, np.isnan(np.where(arguments["kind"] == OFF, 0, arguments["p_mw"])).any(axis=1))


@pytest.mark.parametrize("name", ["share", "q_min_mvar", "q_max_mvar"])
def test_a_share_or_limit_that_is_no_number_is_told(case14: Case, batch: Batch, name: str, assert_identical: Identical) -> None:
    arguments = with_extras(case14, batch(case14, np.ones((3, 14))), 1, limited=True, shared=True)
    sound = Newton(case14.network).solve(**arguments)
    array = arguments["share"] if name == "share" else getattr(arguments["limits"], name)
    array[1, case14.network.bus("2")] = np.nan
    flow = Newton(case14.network).solve(**arguments)
    assert sound.status.tolist() == [Status.OK] * 3
    assert flow.status.tolist() == [Status.OK, Status.NON_FINITE, Status.OK]
    for row in (0, 2):
        assert_identical(Newton(case14.network).solve(**rows(arguments, [row])), flow, [row])


def test_limits_and_shares_of_a_bus_that_is_not_built_are_not_read(case14: Case, batch: Batch, assert_identical: Identical) -> None:
    arguments = with_extras(case14, batch(case14, np.ones((2, 14))), 1, limited=True, shared=True)
    arguments["kind"][:, 7] = OFF
    before = Newton(case14.network).solve(**arguments)
    for array in (arguments["share"], arguments["limits"].q_min_mvar, arguments["limits"].q_max_mvar):
        array[:, 7] = np.nan
    assert before.status.tolist() == [Status.OK, Status.OK]
    assert_identical(Newton(case14.network).solve(**arguments), before)


@given(seed=seeds)
def test_warm_and_cold_start_lead_to_the_same_solution(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    engine = Newton(case.network, tolerance_pu=1e-11)
    start = engine.solve(**batch(case))
    cold, warm = engine.solve(**batch(case, [1.1])), engine.solve(**batch(case, [1.1]), start=start)
    assert np.allclose(voltage(cold), voltage(warm), atol=1e-9, rtol=0)
    assert engine.solve(**batch(case), start=start).iterations[0] == 0


# --------------------------------------------------------------------------------------------------- memory


def size_of(arrays: Any) -> int:
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


@pytest.mark.parametrize("count", [1, 64])
def test_results_take_memory_in_proportion_to_the_grid(ieee: Case, count: int) -> None:
    network = ieee.network
    out = new_outputs(count, network.n_bus, network.n_branch)
    assert size_of(out) <= 2048 * count * network.n_bus


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_scratch_takes_memory_in_proportion_to_the_grid_and_the_width(ieee: Case, width: int) -> None:
    pattern = analyse(ieee.network)
    group = new_group(pattern, kernel_admittances(ieee.network, pattern), width)
    assert size_of(group) <= 2048 * width * ieee.network.n_bus
