"""Present conditions as plain values, and the query that they make: what an operator would look up now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gridpilot.knowledge.query import Part, Query
from gridpilot.values import Reading, View

HOT: Final = 0.9
"""Loading from which on a branch is worth looking up."""
LOW_ENERGY, FULL_ENERGY = 0.2, 0.95
"""State of charge, as a share of the usable energy."""
STEEP: Final = 0.15
"""Change of net demand over the outlook, as a share of demand, that is a ramp."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is out of the ordinary. Empty fields are ordinary."""

    loading: Mapping[str, float] = field(default_factory=dict)
    """Branches near or above their rating; 1.0 is the rating."""
    low_v_pu: Mapping[str, float] = field(default_factory=dict)
    high_v_pu: Mapping[str, float] = field(default_factory=dict)
    """Buses below and above their band."""
    dead: tuple[str, ...] = ()
    """Buses without supply."""
    out: tuple[str, ...] = ()
    """Branches out by a fault or opened by relays."""
    low_energy: Mapping[str, float] = field(default_factory=dict)
    full_energy: Mapping[str, float] = field(default_factory=dict)
    """State of charge of storage that is nearly empty or full, 0 to 1."""
    slack: str = ""
    """`upper` or `lower` where the balancing unit is near that limit."""
    ramp: float = 0.0
    """Change of net demand over the outlook as a share of demand; 0 where it is no ramp."""
    curtailed_mw: float = 0.0
    """Renewable power that the weather offers and nobody takes."""
    happenings: tuple[str, ...] = ()
    """Alarms and events as sentences."""


def conditions_of(view: View) -> Conditions:
    """What is out of the ordinary in a view."""
    built = {name: bus for name, bus in view.buses.items() if bus.values.get("built", True)}
    live = {name: bus for name, bus in built.items() if bus.values["energised"]}
    energy = {name: _energy(reading) for name, reading in view.devices.items() if reading.kind == "storage"}
    return Conditions(
        loading={name: _number(branch, "loading") for name, branch in view.branches.items() if _number(branch, "loading") >= HOT},
        low_v_pu={name: _number(bus, "v_pu") for name, bus in live.items() if _number(bus, "v_pu") < _number(bus, "v_min_pu")},
        high_v_pu={name: _number(bus, "v_pu") for name, bus in live.items() if _number(bus, "v_pu") > _number(bus, "v_max_pu")},
        dead=tuple(name for name in built if name not in live),
        out=tuple(name for name, branch in view.branches.items() if branch.values["faulted"] or branch.values["tripped"]),
        low_energy={name: share for name, share in energy.items() if share <= LOW_ENERGY},
        full_energy={name: share for name, share in energy.items() if share >= FULL_ENERGY},
        slack=_slack(view),
        ramp=_ramp(view),
        curtailed_mw=_curtailed(view),
        happenings=view.happenings,
    )


def query_of(conditions: Conditions) -> Query:
    """The query of these conditions; the worst counts most. Ordinary conditions ask for ordinary monitoring."""
    parts = tuple(_parts(conditions))
    return Query(parts or (Part("monitor normal state real-time assessment", 1.0),))


def _parts(now: Conditions) -> Iterator[Part]:
    if now.loading:
        worst = max(now.loading.values())
        yield Part("relieve overload of a branch, congestion, thermal rating, remedial action", 1.0 + worst)
        yield Part(" ".join(_by_size(now.loading)), 3.0 * worst)
    if now.low_v_pu:
        yield Part("low voltage below band, raise voltage, reactive support", 2.0)
        yield Part(" ".join(now.low_v_pu), 1.0)
    if now.high_v_pu:
        yield Part("high voltage above band, lower voltage, absorb reactive power", 2.0)
        yield Part(" ".join(now.high_v_pu), 1.0)
    if now.dead:
        yield Part("bus without supply, island, blackout, restoration, re-energise", 3.0)
        yield Part(" ".join(now.dead), 1.0)
    if now.out:
        yield Part("branch tripped, lost line, reclose, N-1 after a contingency", 1.5)
        yield Part(" ".join(now.out), 1.0)
    yield from _energy_parts(now)
    if now.happenings:
        yield Part(" ".join(now.happenings), 0.5)


def _energy_parts(now: Conditions) -> Iterator[Part]:
    if now.low_energy:
        yield Part("storage nearly empty, low state of charge, recharge reserve " + " ".join(now.low_energy), 1.0)
    if now.full_energy:
        yield Part("storage full, high state of charge, room to charge " + " ".join(now.full_energy), 1.0)
    if now.slack:
        yield Part(f"balancing unit slack near {now.slack} limit, regulation margin, reserve", 1.5)
    if now.ramp:
        yield Part(f"{'rising' if now.ramp > 0 else 'falling'} net demand, ramp, forecast, schedule ahead", 1.0)
    if now.curtailed_mw > 0:
        yield Part("renewable surplus curtailed, curtailment order, charge storage", 1.0)


def _by_size(values: Mapping[str, float]) -> list[str]:
    return sorted(values, key=lambda name: (-values[name], name))


def _number(reading: Reading, key: str) -> float:
    return float(reading.values[key])


def _energy(storage: Reading) -> float:
    """State of charge as a share of what can be used."""
    low, high = _number(storage, "energy_min_mwh"), _number(storage, "energy_max_mwh")
    return (_number(storage, "energy_mwh") - low) / (high - low) if high > low else 0.5


def _slack(view: View) -> str:
    p_mw, band = view.summary["slack_mw"], view.summary["slack_band_mw"]
    if "slack_max_mw" in view.summary and p_mw > view.summary["slack_max_mw"] - band:
        return "upper"
    return "lower" if "slack_min_mw" in view.summary and p_mw < view.summary["slack_min_mw"] + band else ""


def _ramp(view: View) -> float:
    net, demand = view.outlook.get("net_mw", ()), view.summary["demand_mw"]
    change = (net[-1] - net[0]) / demand if net and demand > 0 else 0.0
    return change if abs(change) >= STEEP else 0.0


def _curtailed(view: View) -> float:
    """Below 1 MW it is rounding."""
    left = view.summary["renewable_available_mw"] - view.summary["renewable_mw"]
    return left if left > 1.0 else 0.0
