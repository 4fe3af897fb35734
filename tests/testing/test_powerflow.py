"""`check_powerflow` passes the engines that ship and names what is wrong with others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.network import Network
from gridpilot.powerflow import engine, engine_names
from gridpilot.testing import check_powerflow
from gridpilot.values import Flow, PowerFlow, Status


@pytest.mark.parametrize("name", engine_names())
def test_engines_that_ship_are_engines(name: str) -> None:
    check_powerflow(name)


class Bent:
    """Newton, with its answers bent."""

    name = "bent"
    has_voltages = True

    def __init__(self, network: Network, bend: Callable[[Flow, bool], Flow]) -> None:
        self.inner: PowerFlow = engine("newton", network)
        self.bend = bend

    def solve(self, *arguments: Any, start: Flow | None = None, **named: Any) -> Flow:
        return self.bend(self.inner.solve(*arguments, start=start, **named), start is not None)


def scaled(field: str, factor: float) -> Callable[[Flow, bool], Flow]:
    return lambda flow, warm: replace(flow, **{field: getattr(flow, field) * factor})


def crowded(flow: Flow, warm: bool) -> Flow:
    return replace(flow, iterations=flow.iterations + len(flow.iterations))


def optimistic(flow: Flow, warm: bool) -> Flow:
    return replace(flow, status=np.zeros_like(flow.status))


def unfinished(flow: Flow, warm: bool) -> Flow:
    return replace(flow, v_pu=np.where((flow.status == Status.NON_FINITE)[:, None], np.nan, flow.v_pu))


def forgetful(flow: Flow, warm: bool) -> Flow:
    return replace(flow, p_from_mw=flow.p_from_mw + 1.0) if warm else flow


@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (scaled("p_from_mw", 1.001), "active power balances"),
        (scaled("q_to_mvar", 1.001), "reactive power balances"),
        (scaled("p_bus_mw", 1.001), "what was asked for"),
        (scaled("losses_mw", 0.9), "losses are"),
        (scaled("v_re_pu", 1.001), "flows at from ends follow"),
        (scaled("v_pu", 1.001), "balances|have their voltage"),
        (scaled("loading", 0.5), "loading is the larger end"),
        (crowded, "another one alone than in a batch"),
        (forgetful, "a warm start"),
        (optimistic, "cut off"),
        (unfinished, "not finite"),
    ],
)
def test_faults_are_named(bend: Callable[[Flow, bool], Flow], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_powerflow(lambda network: Bent(network, bend))


def test_wrong_shapes_must_be_refused() -> None:
    class Careless(Bent):
        def solve(self, p_mw: Any, q_mvar: Any, **named: Any) -> Flow:  # type: ignore[override]  # as short as the fault allows
            filled = np.pad(p_mw, ((0, 0), (0, q_mvar.shape[1] - p_mw.shape[1])))
            return self.inner.solve(filled, q_mvar, **named)

    with pytest.raises(AssertionError, match="must raise PhysicsError"):
        check_powerflow(lambda network: Careless(network, lambda flow, warm: flow))
