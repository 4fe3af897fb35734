"""What energy is worth to the reward: of the units, and of what orders leave in storage and owe to loads."""

from __future__ import annotations

from gridpilot.agents.reading import devices_of, dispatchable, number, supplied
from gridpilot.values import Candidate, Reading, View


def energy_price(view: View, unit: Reading) -> float:
    """What a MWh of a unit costs the reward, times the demand in MW: fuel and emissions, at its output of now."""
    fuel = number(unit, "marginal_usd_per_mwh") / view.summary["price_usd_per_mwh"]
    return view.weights["cost"] * fuel + view.weights["emissions"] * number(unit, "co2_t_per_mwh")


def slack_unit(view: View) -> Reading | None:
    """The slack unit, where it is in service."""
    return next((unit for unit in devices_of(view, "generator") if number(unit, "is_slack")), None)


def stored_worth(view: View) -> float:
    """What a MWh that is kept for later replaces then: energy of the units, on average."""
    slack = slack_unit(view)
    sources = [*(unit for unit in dispatchable(view) if supplied(view, unit)), *([slack] if slack else [])]
    return sum(energy_price(view, unit) for unit in sources) / len(sources) if sources else 0.0


def kept_mwh(view: View, candidate: Candidate, hours: float) -> float:
    """Energy that orders of a candidate leave at the devices at the end: charged, less discharged and less owed."""
    told = {(receipt.type, receipt.target): receipt.applied for receipt in candidate.receipts}
    kept = 0.0
    for unit in devices_of(view, "storage"):
        if "setpoint_mw" not in unit.bounds or not supplied(view, unit):
            continue
        charge = told.get(("STORAGE", unit.name), number(unit, "setpoint_mw"))
        if isinstance(charge, float | int):
            low, high = unit.bounds["setpoint_mw"]
            charge = min(max(float(charge), low), high)
            kept += hours * (charge * number(unit, "charge_efficiency") if charge > 0 else charge / number(unit, "discharge_efficiency"))
    for load in devices_of(view, "load"):
        if supplied(view, load):
            extra = told.get(("LOAD_SHAPE", load.name), number(load, "setpoint_mw"))
            kept += hours * float(extra) if isinstance(extra, float | int) else 0.0
    return kept
