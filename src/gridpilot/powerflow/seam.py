"""Between the seam and the kernels: checked inputs in the one memory layout that is compiled for, and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import PhysicsError, Problem
from gridpilot.network.network import Network
from gridpilot.powerflow.group import HOPELESS_PU, Inputs, Outputs
from gridpilot.powerflow.islands import energised_buses, roles
from gridpilot.values import OFF, PQ, Bools, Codes, Floats, Flow, Ints, ReactiveLimits, Status

Scalar = TypeVar("Scalar", bound=np.generic)

_NOTHING = np.zeros((0, 0))
_NO_STATUS = np.zeros(0, dtype=np.int8)


def check_fused(network: Network) -> None:
    """Raises `PhysicsError` where bus-bus switches are closed, which no engine solves by itself."""
    closed = [Problem(f"switch {network.switch_name[k]}", "is closed") for k in np.flatnonzero(network.switch_closed)]
    if closed:
        hint = "Build the engine with `gridpilot.powerflow.engine`, which fuses what they join."
        raise PhysicsError(f"Network {network.name!r} has closed bus-bus switches.", closed, hint=hint)


def as_inputs(
    network: Network, p_mw: Floats, q_mvar: Floats, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None,
    limits: ReactiveLimits | None = None, share: Floats | None = None, tap: Floats | None = None, bank_mvar: Floats | None = None,
) -> Inputs:  # fmt: skip
    """The arguments of `PowerFlow.solve` as the kernels take them.

    Raises `PhysicsError` with every wrong shape, and where a ratio is not positive or a bank is no number.
    """
    given: dict[str, NDArray[Any]] = {"p_mw": p_mw, "q_mvar": q_mvar, "kind": kind, "v_set_pu": v_set_pu, "closed": closed}
    if start is not None:
        given |= {"start.v_re_pu": start.v_re_pu, "start.v_im_pu": start.v_im_pu}
    if limits is not None:
        given |= {"limits.q_min_mvar": limits.q_min_mvar, "limits.q_max_mvar": limits.q_max_mvar}
    if share is not None:
        given |= {"share": share}
    adjusted = {name: values for name, values in (("tap", tap), ("bank_mvar", bank_mvar)) if values is not None}
    check_shapes(network, given | adjusted)
    _check_adjustments(adjusted)
    return Inputs(
        _row_major(p_mw, np.float64),
        _row_major(q_mvar, np.float64),
        _row_major(kind, np.int8),
        _row_major(v_set_pu, np.float64),
        _row_major(closed, np.bool_),
        _NOTHING if limits is None else _row_major(limits.q_min_mvar, np.float64),
        _NOTHING if limits is None else _row_major(limits.q_max_mvar, np.float64),
        _NOTHING if share is None else _row_major(share, np.float64),
        _NOTHING if start is None else _row_major(start.v_re_pu, np.float64),
        _NOTHING if start is None else _row_major(start.v_im_pu, np.float64),
        _NO_STATUS if start is None else _row_major(start.status, np.int8),
        tap=_NOTHING if tap is None else _row_major(tap, np.float64),
        bank_mvar=_NOTHING if bank_mvar is None else _row_major(bank_mvar, np.float64),
    )


def _check_adjustments(given: Mapping[str, NDArray[Any]]) -> None:
    good = {name: np.isfinite(values) & ((name != "tap") | (values > 0.0)) for name, values in given.items()}
    expected = {"tap": "ratios above 0", "bank_mvar": "finite numbers"}
    problems = [Problem(name, f"holds {given[name][~fine][0]}, expected {expected[name]}") for name, fine in good.items() if not fine.all()]
    if problems:
        raise PhysicsError("There is no grid at these positions.", problems)


def check_shapes(network: Network, given: Mapping[str, NDArray[Any]]) -> None:
    """Raises `PhysicsError` which names every array that does not fit the network and the batch.

    `p_mw` tells how many elements there are, and where it has one row the longest array does.
    """
    problems = []
    batch = len(given["p_mw"])
    batch = max(len(given[name]) for name in (*_BY_ELEMENT, *_ADJUSTMENTS) if name in given) if batch == 1 else batch
    for name, values in given.items():
        width = network.n_branch if name in ("closed", "tap") else network.n_bus
        if np.shape(values) not in ((batch, width), (1, width)):
            problems.append(Problem(name, f"has shape {np.shape(values)}, expected {(batch, width)}"))
    if problems:
        hint = "Give every array a batch axis first, of one length or 1, then the network's buses or branches."
        raise PhysicsError("The arrays do not fit the network.", problems, hint=hint)


_BY_ELEMENT = ("p_mw", "q_mvar", "kind", "v_set_pu", "closed")
_ADJUSTMENTS = ("tap", "bank_mvar")
"""Arguments that tell how many elements there are; the second ones where they are given."""


def batch_of(inputs: Inputs) -> int:
    """How many elements there are; one row may stand for all."""
    if len(inputs.p_mw) != 1:
        return len(inputs.p_mw)
    return max(len(values) for values in (*inputs[: len(_BY_ELEMENT)], inputs.tap, inputs.bank_mvar))


def positions(network: Network, switch_closed: Bools | None, batch: int) -> Bools:
    """The positions of bus-bus switches `[1, s]` or `[B, s]`, with a batch of one row per position where `batch` is 1.

    Without any given they are as the network has them. Raises `PhysicsError` for a wrong shape.
    """
    if switch_closed is None:
        return network.switch_closed[None]
    shape, width = np.shape(switch_closed), len(network.switch_name)
    if len(shape) == 2 and shape[1] == width and (batch == 1 or shape[0] in (1, batch)):
        return np.asarray(switch_closed, dtype=np.bool_)
    problem = Problem("switch_closed", f"has shape {shape}, expected {(batch, width)} or {(1, width)}")
    raise PhysicsError("The switch positions do not fit the network.", [problem], hint="Give one row per element, or one for all.")


def refuse_switching(name: str, switch_closed: Bools | None) -> None:
    """Raises `PhysicsError` where switches are to move and the engine was built for switches that stand still."""
    if switch_closed is not None:
        problem = Problem("switch_closed", "is given")
        hint = f"Build it as `engine({name!r}, network, switching=True)`."
        raise PhysicsError(f"This engine {name!r} has its bus-bus switches where the network has them.", [problem], hint=hint)


def refuse_extras(name: str, limits: ReactiveLimits | None, share: Floats | None) -> None:
    """Raises `PhysicsError` for what only engines with voltages and a balance of their own know."""
    problems = [Problem(what, "is given") for what, value in (("limits", limits), ("share", share)) if value is not None]
    if problems:
        raise PhysicsError(f"The engine {name!r} knows neither reactive limits nor a distributed slack.", problems, hint="Use `newton`.")


def every_row(inputs: Inputs, batch: int = 0) -> Inputs:
    """The same inputs with a row per element in every array that was given; `batch` where these tell of one element only."""
    batch = max(batch, batch_of(inputs))
    repeated: list[Any] = [np.repeat(values, batch, axis=0) if len(values) == 1 and batch != 1 else values for values in inputs]
    return Inputs(*repeated)


def with_roles(network: Network, inputs: Inputs) -> Inputs:
    """The same inputs, a row per element, in which buses with a source have the kind that they are to the equations:
    a grid-forming one is SLACK where it holds its island, and PV elsewhere.
    """
    full = every_row(inputs)
    role = roles(network, closed=full.closed, kind=full.kind)
    return full._replace(kind=np.where(role == OFF, full.kind, role).astype(np.int8))


def one_element(inputs: Inputs, row: int) -> Inputs:
    """The inputs of one element."""
    own: list[Any] = [values[row : row + 1] if len(values) > 1 else values for values in inputs]
    return Inputs(*own)


def copy_element(one: Outputs, out: Outputs, row: int) -> None:
    """Write the results of a batch of one into a row of another."""
    arrays: list[tuple[Any, Any]] = list(zip(one, out, strict=True))
    for part, whole in arrays:
        whole[row] = part[0]


def _row_major(values: NDArray[Scalar], dtype: type[Scalar]) -> NDArray[Scalar]:
    array = np.ascontiguousarray(values, dtype)
    # numba compiles anew for read-only arrays
    return array if array.flags.writeable else array.copy()


def new_outputs(rows: int, n: int, m: int) -> Outputs:
    """Memory for the results of `rows` elements."""
    by_bus, by_branch = (rows, n), (rows, m)
    return Outputs(
        v_re=np.empty(by_bus),
        v_im=np.empty(by_bus),
        v=np.empty(by_bus),
        p_from=np.empty(by_branch),
        q_from=np.empty(by_branch),
        p_to=np.empty(by_branch),
        q_to=np.empty(by_branch),
        loading=np.empty(by_branch),
        p_bus=np.empty(by_bus),
        q_bus=np.empty(by_bus),
        losses=np.empty(rows),
        energised=np.empty(by_bus, dtype=np.bool_),
        status=np.empty(rows, dtype=np.int8),
        residual=np.empty(rows),
        iterations=np.empty(rows, dtype=np.int64),
        rescued=np.empty(rows, dtype=np.bool_),
    )


def elements_of(flow: Flow, rows: Ints) -> Flow:
    """These elements of a flow; one element may stand for all."""
    if len(flow.status) == 1:
        return flow
    return Flow(**{field.name: getattr(flow, field.name)[rows] for field in fields(Flow)})


def in_order(flows: list[Flow], rows: Ints) -> Flow:
    """Flows of parts of a batch as one, of which `rows` says where each element belongs."""
    back = np.argsort(rows)
    whole: dict[str, Any] = {field.name: np.concatenate([getattr(flow, field.name) for flow in flows])[back] for field in fields(Flow)}
    return Flow(**whole)


def as_flow(out: Outputs) -> Flow:
    """The results as a value."""
    return Flow(*out)


def blank_outputs(batch: int, n: int, m: int) -> Outputs:
    """Results in which nothing flows and no bus is energised."""
    out = new_outputs(batch, n, m)
    for values in out:
        values.fill(0)
    return out


def solve_each(network: Network, inputs: Inputs, solve_element: Callable[[Inputs, Outputs, int], None]) -> Flow:
    """The flow of an engine that takes one element after the other.

    `solve_element(inputs, out, b)` writes row `b` of the results, in which nothing flows yet; it is not asked about elements
    whose inputs are not finite.
    """
    batch = len(inputs.p_mw)
    out = blank_outputs(batch, network.n_bus, network.n_branch)
    out.energised[:], out.status[:] = screen(network, inputs)
    out.v_re[:] = out.v[:] = out.energised
    out.residual.fill(HOPELESS_PU * network.base_mva)
    for b in range(batch):
        if out.status[b] != Status.NON_FINITE:
            solve_element(inputs, out, b)
    return as_flow(out)


def screen(network: Network, inputs: Inputs) -> tuple[Bools, Codes]:
    """What is known before solving: energised buses `[B, n]`, and status OK, ISLANDED or NON_FINITE `[B]`."""
    built, fixes = inputs.kind != OFF, (inputs.kind != PQ) & (inputs.kind != OFF)
    energised = energised_buses(network, closed=inputs.closed, kind=inputs.kind)
    finite = np.isfinite(inputs.p_mw) & np.isfinite(inputs.q_mvar) & (np.isfinite(inputs.v_set_pu) | ~fixes)
    status = np.where((energised | ~built).all(axis=1), Status.OK, Status.ISLANDED)
    return energised, np.where((finite | ~built).all(axis=1), status, Status.NON_FINITE).astype(np.int8)
