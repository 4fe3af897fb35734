"""The parts of a prompt: what a view shows, as lines, each with how much it matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby

from gridpilot.actions import CLOSED, OPEN, verbs
from gridpilot.agents.llm.claims import violations
from gridpilot.agents.llm.offers import Offer, offers_of
from gridpilot.agents.llm.retrieval import Passage
from gridpilot.agents.reading import RISKY_LOADING, binding, number
from gridpilot.values import Reading, View


class Weight(IntEnum):
    """How much a line matters; the lightest go first where there is no room for all."""

    BUS, BRANCH, LEAST_OFFER, PASSAGE, LAST_CYCLE, OUTLOOK, OFFER, EVENT, ALWAYS = range(9)


@dataclass(frozen=True, slots=True)
class Line:
    """One line; lines of the same weight go from the last to the first."""

    text: str
    weight: Weight = Weight.ALWAYS


@dataclass(frozen=True, slots=True)
class Section:
    """Lines below a heading."""

    title: str
    lines: tuple[Line, ...]
    left_out: str = "{} more left out"
    """What stands in the place of lines that there was no room for."""


LONGEST_PASSAGE = 400
"""Characters of a passage that a prompt quotes."""
_SHOWN_CYCLES = (0, 2, 5, 8, 11)
"""Cycles ahead of which the forecast is shown."""


def sections_of(view: View, passages: Sequence[Passage]) -> tuple[Section, ...]:
    """All of them, in the order in which they are read; those without lines are left out."""
    made = (
        Section("Now", tuple(_now(view))),
        Section("Limits violated or nearly so", tuple(_alarms(view))),
        Section("What happened in the last cycle", tuple(_happened(view))),
        Section("Your last orders, and the reward terms that followed (0 is best)", tuple(_last_cycle(view))),
        Section("Forecast", tuple(_outlook(view))),
        Section("Branches, loading of rating", tuple(_branches(view)), "{} branches with less loading left out"),
        Section("Buses, voltage", tuple(_buses(view)), "{} buses with more room left out"),
        Section("Possible orders: type target parameter (range) | state", tuple(_offers(view)), "{} less telling ones left out"),
        Section("Standing instructions of the operator", tuple(Line(f"- {one_line(said)}") for said in view.instructions)),
        Section("Passages", tuple(_passages(passages)), "{} passages left out"),
    )
    return tuple(section for section in made if section.lines)


def one_line(text: str) -> str:
    """Text as one line without marks that could be taken for the prompt's own."""
    return " ".join(text.replace("<", "‹").replace(">", "›").split())


def shortened(text: str, longest: int) -> str:
    """The beginning of a text, up to the end of a word, where it has more characters than this."""
    return text if len(text) <= longest else f"{text[:longest].rpartition(' ')[0]} …"


# ------------------------------------------------------------------------------------------------------- state


def _now(view: View) -> Iterator[Line]:
    totals = view.summary
    yield Line(f"{view.scenario.replace('_', '-')}, {view.time}, role {view.role}, a decision every {60 * view.dt_h:g} min")
    if "demand_mw" in totals:
        load, losses = totals.get("load_mw", 0.0), totals.get("losses_mw", 0.0)
        yield Line(f"demand {totals['demand_mw']:.1f} MW, load {load:.1f} MW, losses {losses:.1f} MW")
    if "renewable_mw" in totals:
        yield Line(f"renewable {totals['renewable_mw']:.1f} of {totals['renewable_available_mw']:.1f} MW available")
    if "slack_mw" in totals:
        limits = [f"{what} {totals[key]:.0f}" for what, key in (("from", "slack_min_mw"), ("to", "slack_max_mw")) if key in totals]
        band = f"{totals['slack_schedule_mw']:.1f} ± {totals['slack_band_mw']:.0f} MW"
        yield Line(f"slack unit {totals['slack_mw']:.1f} MW, schedule {band}" + (f", limits {' '.join(limits)} MW" if limits else ""))
    if "max_loading" in totals:
        worst = f"largest loading {100 * totals['max_loading']:.1f} %"
        yield Line(f"{worst}, voltages {totals['min_v_pu']:.3f} … {totals['max_v_pu']:.3f} pu")


def _alarms(view: View) -> Iterator[Line]:
    """What is violated, then what is hot, with what relieves it."""
    yield from (Line(said, Weight.EVENT) for said in violations(view))
    for branch in binding(view):
        if number(branch, "loading") <= 1.0:
            yield Line(f"{branch.name} is at {100 * number(branch, 'loading'):.1f} %", Weight.EVENT)
    for branch in binding(view)[:3]:
        if helpers := _relief(view, branch):
            yield Line(f"change of the loading of {branch.name} per MW more injected: {helpers}", Weight.OUTLOOK)


def _relief(view: View, branch: Reading) -> str:
    """The devices that move a branch most, in percent points of its rating per MW."""
    towards = 1.0 if number(branch, "p_mw") > 0 else -1.0
    share = 100.0 * towards / number(branch, "rating_mva")
    effect = {name: share * by_branch.get(branch.name, 0.0) for name, by_branch in view.sensitivity.items() if view.devices[name].bounds}
    most = sorted((name for name in effect if abs(effect[name]) >= 0.05), key=lambda name: -abs(effect[name]))[:5]
    return ", ".join(f"{name} {effect[name]:+.2f} %" for name in most)


def _happened(view: View) -> Iterator[Line]:
    yield from (Line(one_line(said), Weight.EVENT) for said in view.happenings)


def _last_cycle(view: View) -> Iterator[Line]:
    told = [f"{term} {value:.3f}" for term, value in view.last_terms.items() if abs(value) >= 0.0005]
    if view.last_terms:
        yield Line(", ".join(told) or "all terms 0", Weight.LAST_CYCLE)
    for receipt in view.last_receipts:
        asked = f"{receipt.requested:g}" if isinstance(receipt.requested, float) else str(receipt.requested)
        given = f" to {receipt.applied:g}" if receipt.outcome == "clipped" and isinstance(receipt.applied, float) else ""
        why = f": {one_line(receipt.why)}" if receipt.why else ""
        yield Line(f"{one_line(f'{receipt.type} {receipt.target} {asked}')} {receipt.outcome}{given}{why}", Weight.LAST_CYCLE)


def _outlook(view: View) -> Iterator[Line]:
    length = len(view.outlook.get("demand_mw", ()))
    shown = [k for k in _SHOWN_CYCLES if k < length]
    if shown:
        yield Line("minutes ahead: " + " ".join(f"{60 * view.dt_h * (k + 1):.0f}" for k in shown), Weight.OUTLOOK)
    for key in ("demand_mw", "renewable_mw", "net_mw"):
        if shown and key in view.outlook:
            yield Line(f"{key}: " + " ".join(f"{view.outlook[key][k]:.0f}" for k in shown), Weight.OUTLOOK)


def _branches(view: View) -> Iterator[Line]:
    """The most loaded first; what is open, faulted or tripped before them."""
    for branch in sorted(view.branches.values(), key=lambda b: (bool(b.values["closed"]), -number(b, "loading"))):
        values = branch.values
        ends = f"{branch.name} {values['from']}–{values['to']}"
        if not values["built"]:
            continue
        if not values["closed"] or values["faulted"]:
            yield Line(f"{ends} {_out(branch)}", Weight.EVENT)
        else:
            rated = f" of {number(branch, 'rating_mva'):.0f} MVA" if "rating_mva" in values else ""
            weight = Weight.OUTLOOK if number(branch, "loading") > RISKY_LOADING else Weight.BRANCH
            yield Line(f"{ends} {100 * number(branch, 'loading'):.1f} %{rated}, {number(branch, 'p_mw'):+.1f} MW", weight)


def _out(branch: Reading) -> str:
    state = "faulted" if branch.values["faulted"] else "tripped by protection" if branch.values["tripped"] else OPEN
    locked = number(branch, "lockout_min")
    return state + (f", locked for {locked:.0f} min" if locked > 0 else "")


def _buses(view: View) -> Iterator[Line]:
    """The nearest to an end of their band first."""

    def room(bus: Reading) -> float:
        return min(number(bus, "v_pu") - number(bus, "v_min_pu"), number(bus, "v_max_pu") - number(bus, "v_pu"))

    for bus in sorted((bus for bus in view.buses.values() if bus.values["built"]), key=room):
        band = f"{number(bus, 'v_min_pu'):g} … {number(bus, 'v_max_pu'):g}"
        yield Line(f"{bus.name} {number(bus, 'v_pu'):.3f} pu in {band}, {number(bus, 'p_mw'):+.1f} MW", Weight.BUS)


# ------------------------------------------------------------------------------------------------------- orders


def _offers(view: View) -> Iterator[Line]:
    """Per verb the widest ranges first; what a large grid has of small ones is the first to go."""
    for verb, own in groupby(offers_of(view), key=lambda offer: offer.verb):
        offers = tuple(own)
        yield Line(f"{verb}: {verbs()[verb].summary}", Weight.OFFER)
        if verbs()[verb].moves_branches:
            yield from _switches(offers)
            continue
        widest = sorted(offers, key=lambda offer: offer.low - offer.high)
        for k, offer in enumerate(widest):
            low, high = offer.shown
            span = f"({low:.{offer.digits}f} … {high:.{offer.digits}f})"
            state = _state(view.devices[offer.target])
            yield Line(f"{verb} {offer.target} {offer.parameter} {span} | {state}", Weight.OFFER if k < 4 else Weight.LEAST_OFFER)


def _switches(offers: Sequence[Offer]) -> Iterator[Line]:
    for state, weight in ((CLOSED, Weight.EVENT), (OPEN, Weight.OFFER)):
        able = [offer.target for offer in offers if state in offer.states]
        if able:
            yield Line(f"TOPOLOGY status {state!r} for: {', '.join(able)}", weight)


def _state(device: Reading) -> str:
    """What an order to a device should know of it."""
    values = device.values
    said = [f"at {values['bus']}"] if values["bus"] != device.name else []
    if "p_mw" in values:
        p_mw = number(device, "p_mw")
        words = _DIRECTIONS.get(device.kind, ("injects", "takes"))
        said.append(f"{words[p_mw < 0]} {abs(p_mw):.1f} MW")
    ordered = values.get("ordered_position", values.get("setpoint_mw"))
    if ordered is not None:
        said.append(f"ordered {float(ordered):.1f}")
    for key, text in _FACTS.items():
        if values.get(key):
            said.append(text.format(number(device, key)))
    return ", ".join(said)


_DIRECTIONS = {"storage": ("discharges", "charges"), "load": ("gives", "consumes"), "ev": ("gives", "charges")}
"""What a device does with a positive and with a negative injection."""
_FACTS = {
    "energy_mwh": "{:.1f} MWh stored",
    "energy_max_mwh": "{:.0f} MWh at most",
    "available_mw": "{:.1f} MW available",
    "owed_mwh": "{:.2f} MWh to come back",
    "marginal_usd_per_mwh": "{:.0f} USD/MWh",
    "co2_t_per_mwh": "{:.2f} t CO2/MWh",
}


def _passages(passages: Sequence[Passage]) -> Iterator[Line]:
    for passage in passages:
        source = f" ({one_line(passage.source)})" if passage.source else ""
        content = f"{one_line(passage.title)}{source}: {shortened(one_line(passage.text), LONGEST_PASSAGE)}"
        yield Line(f'<passage id="{one_line(passage.id)}">{content}</passage>', Weight.PASSAGE)
