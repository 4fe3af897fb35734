"""Between the seam and the kernels: checked inputs in the one memory layout that is compiled for, and outputs."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import PhysicsError, Problem
from gridpilot.network.network import Network
from gridpilot.powerflow.group import Inputs, Outputs
from gridpilot.powerflow.islands import energised_buses
from gridpilot.values import OFF, PV, SLACK, Bools, Codes, Floats, Flow, Status

Scalar = TypeVar("Scalar", bound=np.generic)

_NO_VOLTAGE = np.zeros((1, 0))
_NO_ELEMENT = np.zeros(0, dtype=np.int8)


def check_fused(network: Network) -> None:
    """Raises `PhysicsError` where bus-bus switches are closed, which no engine solves by itself."""
    closed = [Problem(f"switch {network.switch_name[k]}", "is closed") for k in np.flatnonzero(network.switch_closed)]
    if closed:
        hint = "Build the engine with `gridpilot.powerflow.engine`, which fuses what they join."
        raise PhysicsError(f"Network {network.name!r} has closed bus-bus switches.", closed, hint=hint)


def as_inputs(network: Network, p_mw: Floats, q_mvar: Floats, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None) -> Inputs:
    """The arguments of `PowerFlow.solve` as the kernels take them; raises `PhysicsError` with every wrong shape."""
    batch = len(p_mw)
    by_bus, by_branch = (batch, network.n_bus), (batch, network.n_branch)
    if not (np.shape(p_mw) == np.shape(q_mvar) == np.shape(kind) == np.shape(v_set_pu) == by_bus and np.shape(closed) == by_branch):
        given: dict[str, NDArray[Any]] = {"p_mw": p_mw, "q_mvar": q_mvar, "kind": kind, "v_set_pu": v_set_pu, "closed": closed}
        raise _wrong_shapes(given, {name: by_branch if name == "closed" else by_bus for name in given})
    if start is None:
        warm = (False, _NO_VOLTAGE, _NO_VOLTAGE, _NO_ELEMENT)
    else:
        if start.v_re_pu.shape != by_bus:
            raise _wrong_shapes({"start.v_re_pu": start.v_re_pu}, {"start.v_re_pu": by_bus})
        warm = (
            True,
            _row_major(start.v_re_pu, np.float64),
            _row_major(start.v_im_pu, np.float64),
            _row_major(start.status, np.int8),
        )
    return Inputs(
        _row_major(p_mw, np.float64),
        _row_major(q_mvar, np.float64),
        _row_major(kind, np.int8),
        _row_major(v_set_pu, np.float64),
        _row_major(closed, np.bool_),
        *warm,
    )


def _row_major(values: NDArray[Scalar], dtype: type[Scalar]) -> NDArray[Scalar]:
    array = np.ascontiguousarray(values, dtype)
    # numba compiles anew for read-only arrays
    return array if array.flags.writeable else array.copy()


def _wrong_shapes(given: dict[str, NDArray[Any]], expected: dict[str, tuple[int, int]]) -> PhysicsError:
    return PhysicsError(
        "The arrays do not fit the network.",
        [
            Problem(name, f"has shape {np.shape(values)}, expected {expected[name]}")
            for name, values in given.items()
            if np.shape(values) != expected[name]
        ],
        hint="Give every array a batch axis first, of one length, then the network's buses or branches.",
    )


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
    )


def as_flow(out: Outputs, batch: int) -> Flow:
    """The results of the first `batch` rows."""
    return Flow(
        v_re_pu=out.v_re[:batch],
        v_im_pu=out.v_im[:batch],
        v_pu=out.v[:batch],
        p_from_mw=out.p_from[:batch],
        q_from_mvar=out.q_from[:batch],
        p_to_mw=out.p_to[:batch],
        q_to_mvar=out.q_to[:batch],
        loading=out.loading[:batch],
        p_bus_mw=out.p_bus[:batch],
        q_bus_mvar=out.q_bus[:batch],
        losses_mw=out.losses[:batch],
        energised=out.energised[:batch],
        status=out.status[:batch],
        residual_mva=out.residual[:batch],
        iterations=out.iterations[:batch],
    )


def blank_outputs(batch: int, n: int, m: int) -> Outputs:
    """Results in which nothing flows and no bus is energised."""
    out = new_outputs(batch, n, m)
    for values in out:
        values.fill(0)
    return out


def screen(network: Network, inputs: Inputs) -> tuple[Bools, Codes]:
    """What is known before solving: energised buses `[B, n]`, and status OK, ISLANDED or NON_FINITE `[B]`."""
    built, fixes = inputs.kind != OFF, (inputs.kind == PV) | (inputs.kind == SLACK)
    energised = energised_buses(network, closed=inputs.closed, kind=inputs.kind)
    finite = np.isfinite(inputs.p_mw) & np.isfinite(inputs.q_mvar) & (np.isfinite(inputs.v_set_pu) | ~fixes)
    status = np.where((energised | ~built).all(axis=1), Status.OK, Status.ISLANDED)
    return energised, np.where((finite | ~built).all(axis=1), status, Status.NON_FINITE).astype(np.int8)
