"""Contingency analysis: what the grid would be after each of a list of outages, for a batch of operating points.

    points = solve_points(engine, p_mw=…, q_mvar=…, kind=…, v_set_pu=…, closed=…)
    found = contingencies(engine, network, points, n_minus_one(network))
    for row in ranking(found, network, top=5): …

Every outage is an AC power flow, warm from the flow before it: an open branch in a batch element, nothing more. With
`screen=SCREEN_LOADING` the DC estimate of `screening` comes first, and outages whose estimate stays below that loading
are not solved. What the screen can miss: voltages outside their band, the collapse of a grid whose branches are lightly
loaded, and now and then an overload that comes from reactive power at a low voltage. Without a screen every outage is solved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gridpilot.errors import ConfigError, PhysicsError, Problem
from gridpilot.network.network import Network
from gridpilot.powerflow.outages import Outages
from gridpilot.powerflow.screening import Estimate, estimate_loading
from gridpilot.powerflow.summary import Summary, blank_summary, summarise
from gridpilot.values import Bools, Codes, Floats, Flow, Ints, PowerFlow, Status

Array = TypeVar("Array", Floats, Codes, Bools)

SCREEN_LOADING = 0.7
"""Estimated loading above which an outage should be confirmed by AC: 30 % of the rating for what the estimate leaves out."""
_CHUNK_FLOATS = 700_000
"""Numbers of inputs and results held at a time: 5.6 MB, which stays with the allocator."""
_LEAST_LANES = 32
"""Power flows solved at a time, however large the grid."""


class Points(NamedTuple):
    """Operating points: the arguments of `PowerFlow.solve`, and what it made of them."""

    p_mw: Floats
    q_mvar: Floats
    kind: Codes
    v_set_pu: Floats
    closed: Bools
    base: Flow
    """The flow before any outage; where each power flow after one begins."""
    tap: Floats | None = None
    bank_mvar: Floats | None = None
    """Ratios and capacitor banks where they are not the network's."""


def solve_points(engine: PowerFlow, *, p_mw: Floats, q_mvar: Floats, kind: Codes, v_set_pu: Floats, closed: Bools) -> Points:
    """Operating points from the arguments of `PowerFlow.solve`."""
    base = engine.solve(p_mw, q_mvar, kind=kind, v_set_pu=v_set_pu, closed=closed)
    return Points(p_mw, q_mvar, kind, v_set_pu, closed, base)


@dataclass(frozen=True, slots=True, eq=False)
class Security:
    """What every outage would lead to, `[B, K]`: operating point by outage.

    Of an outage that the screen left out (not `confirmed`) the branch and its loading are the screen's estimate, and
    the voltages are those before the outage. Of one without solution (`usable` says) branches and buses are −1 and
    numbers 0.
    """

    outages: Outages
    status: Codes
    """A `Status`; OK where the screen left the outage out."""
    confirmed: Bools
    """Solved by AC."""
    effective: Bools
    """At least one branch of the outage was in service; the other rows repeat the point as it is."""
    islanded: Bools
    """At least one bus lost its path to a source."""
    islanded_load_mw: Floats
    """Load at the buses that did."""
    worst_branch: Ints
    """The branch with the largest loading; −1 where none is loaded, which includes grids without ratings."""
    worst_loading: Floats
    lowest_bus: Ints
    lowest_v_pu: Floats
    highest_bus: Ints
    highest_v_pu: Floats
    """Of the energised buses; −1 and 0 where there is none, and of an engine without voltages."""
    overloads: Ints
    """Branches above their rating."""
    voltage_violations: Ints
    """Energised buses outside their band."""
    estimated_loading: Floats | None
    """What the screen expected; `inf` where it had no answer. None without a screen."""

    @property
    def usable(self) -> Bools:
        """Outages with a solution."""
        usable: Bools = (self.status == Status.OK) | (self.status == Status.ISLANDED)
        return usable

    @property
    def violations(self) -> Ints:
        """Branches above their rating and buses outside their band."""
        return self.overloads + self.voltage_violations

    @property
    def insecure(self) -> Bools:
        """Outages after which there is no solution, a bus without supply, or a violation."""
        insecure: Bools = self.effective & (~self.usable | self.islanded | (self.violations > 0))
        return insecure


def contingencies(
    engine: PowerFlow,
    network: Network,
    points: Points,
    outages: Outages,
    *,
    screen: float | None = None,
    load_mw: Floats | None = None,
) -> Security:
    """Every outage at every operating point, in one batch; memory stays bounded however many there are.

    `engine` solves `network`. `screen` is the estimated loading from which on an outage is solved by AC, None for all;
    one that cuts off a bus always is. `load_mw` `[B, n]` is the consumption that counts as islanded; without it, what a
    bus draws net of what is generated there.

    Raises `ConfigError` for a screen that is not positive, `PhysicsError` for shapes that do not fit, and with a screen
    where the DC approximation has no meaning (see `lodf`).
    """
    _check(network, points, screen, load_mw)
    load = np.maximum(-points.p_mw, 0.0) if load_mw is None else load_mw
    rows = _Rows.blank(len(points.p_mw), len(outages))
    index = outages.index
    rows.effective[:] = points.closed[:, index].any(axis=2)
    wanted = np.ones(rows.effective.shape, dtype=np.bool_)
    estimated = None
    if screen is not None:
        estimate = estimate_loading(network, outages, kind=points.kind, closed=points.closed, base=points.base)
        estimated, wanted = estimate.loading, ~(estimate.loading < screen)
        _write_screened(network, points, ~wanted, estimate, engine.has_voltages, rows)
    for element, outage in lanes_at_a_time(network, wanted):
        closed = points.closed[element]
        np.put_along_axis(closed, index[outage], False, axis=1)
        flow = solve_lanes(engine, points, element, closed)
        _write_confirmed(network, points, load, flow, (element, outage), engine.has_voltages, rows)
    return Security(outages, rows.status, rows.confirmed, rows.effective, **rows.summary._asdict(), estimated_loading=estimated)


def _check(network: Network, points: Points, screen: float | None, load_mw: Floats | None) -> None:
    """Raises for what does not fit."""
    if screen is not None and not screen > 0.0:
        raise ConfigError(f"screen is {screen}, expected a positive loading such as {SCREEN_LOADING}, or None to solve every outage.")
    batch = len(points.p_mw)
    by_bus, by_branch = (batch, network.n_bus), (batch, network.n_branch)
    given = {name: getattr(points, name) for name in ("p_mw", "q_mvar", "kind", "v_set_pu", "closed")}
    given |= {"base.v_pu": points.base.v_pu, "base.loading": points.base.loading}
    given |= {} if load_mw is None else {"load_mw": load_mw}
    expected = {name: by_branch if name in ("closed", "base.loading") else by_bus for name in given}
    wrong = [
        Problem(name, f"has shape {np.shape(value)}, expected {expected[name]}")
        for name, value in given.items()
        if np.shape(value) != expected[name]
    ]
    if wrong:
        raise PhysicsError("The operating points do not fit the network.", wrong)


class _Rows(NamedTuple):
    """The arrays of `Security` while they are filled, `[B, K]`."""

    status: Codes
    confirmed: Bools
    effective: Bools
    summary: Summary

    @classmethod
    def blank(cls, batch: int, outages: int) -> _Rows:
        shape = batch, outages
        flags = np.zeros((2, *shape), dtype=np.bool_)
        return cls(np.zeros(shape, dtype=np.int8), flags[0], flags[1], blank_summary(shape))

    def write(self, at: tuple[Ints, Ints], found: Summary) -> None:
        """The summaries of some outages."""
        for whole, part in zip(self.summary, found, strict=True):
            whole[at] = part


def lanes_at_a_time(network: Network, wanted: Bools) -> Iterator[tuple[Ints, Ints]]:
    """Operating point and outage of every lane, as many at a time as memory allows."""
    element, outage = np.nonzero(wanted)
    per_lane = 15 * network.n_bus + 8 * network.n_branch
    most = max(_LEAST_LANES, _CHUNK_FLOATS // per_lane)
    lanes = -(-len(element) // max(1, -(-len(element) // most)))  # of one size, so that no chunk is a remnant
    for first in range(0, len(element), max(1, lanes)):
        yield element[first : first + lanes], outage[first : first + lanes]


def solve_lanes(engine: PowerFlow, points: Points, element: Ints, closed: Bools) -> Flow:
    """The flows of some operating points `[L]` with other branches in service `[L, m]`, each from its own base."""
    one = len(points.p_mw) == 1

    def of(values: Array) -> Array:
        return values if one else values[element]

    base = points.base
    start = replace(  # no engine reads more of a start, and the rest would take as long to copy as the solution
        base,
        v_re_pu=of(base.v_re_pu),
        v_im_pu=of(base.v_im_pu),
        energised=of(base.energised),
        status=of(base.status),
    )
    positions: dict[str, Any] = {
        name: of(values) for name, values in (("tap", points.tap), ("bank_mvar", points.bank_mvar)) if values is not None
    }
    return engine.solve(
        of(points.p_mw), of(points.q_mvar), kind=of(points.kind), v_set_pu=of(points.v_set_pu), closed=closed, start=start, **positions
    )


def _write_confirmed(
    network: Network, points: Points, load: Floats, flow: Flow, at: tuple[Ints, Ints], has_voltages: bool, rows: _Rows
) -> None:
    """What the AC flows of some lanes say."""
    element = at[0]
    found = summarise(
        flow.loading, flow.v_pu, flow.energised, flow.usable, points.base.energised, load, element,
        np.array(network.bus_v_min_pu), np.array(network.bus_v_max_pu), has_voltages,
    )  # fmt: skip
    rows.status[at], rows.confirmed[at] = flow.status, True
    rows.write(at, found)


def _write_screened(network: Network, points: Points, screened: Bools, estimate: Estimate, has_voltages: bool, rows: _Rows) -> None:
    """What is said of the outages that the screen leaves out: the voltages before them, and the estimate of the worst branch."""
    base = points.base
    element, outage = np.nonzero(screened)
    energised, nothing = base.energised[element], np.zeros((len(element), network.n_branch))
    before = summarise(
        nothing, base.v_pu[element], energised, np.ones(len(element), dtype=np.bool_), base.energised, np.zeros(base.v_pu.shape), element,
        np.array(network.bus_v_min_pu), np.array(network.bus_v_max_pu), has_voltages,
    )  # fmt: skip
    at = element, outage
    rows.write(at, before._replace(worst_branch=estimate.branch[at], worst_loading=estimate.loading[at]))
