"""Questions that more than one agent asks of a view."""

from __future__ import annotations

from gridpilot.values import Action, Candidate, Reading, View

RISKY_LOADING = 0.9


def devices_of(view: View, *kinds: str) -> list[Reading]:
    """Devices of these kinds that are built and in service."""
    return [reading for reading in view.devices.values() if reading.kind in kinds and reading.values["in_service"]]


def number(reading: Reading, key: str) -> float:
    """One value of a reading."""
    return float(reading.values[key])


def dispatchable(view: View) -> list[Reading]:
    """Generators that can be told what to give: not the slack unit, not condensers."""
    return [unit for unit in devices_of(view, "generator") if unit.name in view.verbs["REDISPATCH"]]


def supplied(view: View, device: Reading) -> bool:
    """Whether the bus of a device has a path to a source."""
    return bool(view.buses[str(device.values["bus"])].values["energised"])


def closable(view: View) -> list[str]:
    """Branches that stand open for no reason: neither faulted nor locked out."""
    return [
        name
        for name, branch in view.branches.items()
        if branch.values["built"]
        and not branch.values["closed"]
        and not branch.values["faulted"]
        and number(branch, "lockout_min") <= 0
        and name in view.verbs["TOPOLOGY"]
    ]


def binding(view: View, above: float = RISKY_LOADING) -> list[Reading]:
    """Branches loaded above this share of their rating, worst first."""
    hot = [branch for branch in view.branches.values() if number(branch, "loading") > above]
    return sorted(hot, key=lambda branch: -number(branch, "loading"))


def order(verb: str, target: str, parameter: str, value: float | str, reason: str) -> Action:
    """One action; powers are rounded to 0.1 MW, as an operator would say them."""
    return Action(verb, target, {parameter: value if isinstance(value, str) else round(float(value), 1) + 0.0}, reason)


def risk_of(view: View) -> str:
    """Risk level of the grid as it stands."""
    loading, low, high = (view.summary[key] for key in ("max_loading", "min_v_pu", "max_v_pu"))
    # A dead bus has 0 pu, which is outside every band.
    outside = any(
        bus.values["built"] and not number(bus, "v_min_pu") <= number(bus, "v_pu") <= number(bus, "v_max_pu") for bus in view.buses.values()
    )
    if low < 0.85 or high > 1.15:
        return "CRITICAL"
    if loading > 1.0 or outside or any(branch.values["tripped"] for branch in view.branches.values()):
        return "HIGH"
    return "MEDIUM" if loading > RISKY_LOADING else "LOW"


def risk_ahead(view: View, nothing: Candidate) -> str:
    """Risk level of the grid if nothing is done, by a preview."""
    if not nothing.survives:
        return "CRITICAL"
    if nothing.overload_min > 0 or nothing.voltage_min > 0 or nothing.unserved_mwh > 0:
        return "HIGH"
    return risk_of(view)
