"""Cards of the twin's own incidents, from the records of a trace.

Only what the twin measured goes into a card. What an agent wrote is left out, so that no text comes back to an agent as knowledge
which an agent has made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gridpilot.knowledge.document import Document
from gridpilot.traces.record import Record
from gridpilot.values import Event, View

SERIOUS: Final = tuple(event.name for event in (Event.COLLAPSE, Event.ISLANDED, Event.LOAD_SHED, Event.PROTECTION_TRIP))
"""Events that are an incident."""
UNSERVED_MWH: Final = 1e-6
"""Energy not served in a cycle that is more than rounding."""
NAMED: Final = 4
"""Branches and buses that a card names."""


def incident_cards(records: Iterable[Record], run: str) -> tuple[Document, ...]:
    """A card per incident of a run: relay trips, islands, shedding, collapse, load not served. Cycles in a row are one incident."""
    return tuple(_card(before, spell, run) for before, spell in _spells(records))


def is_incident(record: Record) -> bool:
    """Whether a cycle is one: a serious event, a grid that is down, or load that was not served."""
    marked = any(said.startswith(SERIOUS) for said in record.moved.happenings)
    return marked or record.moved.collapsed or record.moved.outcomes["unserved_mwh"] > UNSERVED_MWH


def _spells(records: Iterable[Record]) -> Iterator[tuple[Record | None, list[Record]]]:
    """Runs of serious cycles, each with the last quiet one before it."""
    quiet: Record | None = None
    spell: list[Record] = []
    for record in records:
        if is_incident(record):
            spell.append(record)
            continue
        if spell:
            yield quiet, spell
        quiet, spell = record, []
    if spell:
        yield quiet, spell


def _card(before: Record | None, spell: Sequence[Record], run: str) -> Document:
    first, last = spell[0].moved, spell[-1].moved
    unserved = sum(record.moved.outcomes["unserved_mwh"] for record in spell)
    sequence = [f"{record.moved.time}: {said}" for record in spell for said in record.moved.happenings]
    orders = [
        f"{receipt.type} {receipt.target} {receipt.applied}"
        for record in spell
        for receipt in record.receipts
        if receipt.applied is not None
    ]
    cycles = f"{len(spell)} cycle{'s' if len(spell) > 1 else ''}"
    text = [
        f"Trigger and sequence: {' '.join(sequence[:12]) or 'load was not served.'}",
        _state_before(spell[0].views[0]),
        f"Reserves in the cycle before: {_margin(before)}.",
        f"Orders meanwhile: {', '.join(orders[:8]) or 'none'}.",
        f"Consequence: {unserved:.2f} MWh not served in {cycles}{', and the grid went down' if last.collapsed else ''}.",
    ]
    return Document(
        id=f"incident/own/{run}/{first.step}",
        title=f"Own incident of {first.time}: {_headline(spell)}",
        kind="incident",
        text="\n".join(text),
        sources=(f"trace of the run {run}, steps {first.step} to {last.step}",),
        tags=("own incident", "this grid", "relay trip", "load not served"),
    )


def _headline(spell: Sequence[Record]) -> str:
    said = [happening for record in spell for happening in record.moved.happenings if happening.startswith(SERIOUS)]
    return said[0].rstrip(".") if said else "load not served"


def _state_before(view: View) -> str:
    hot = sorted(view.branches.values(), key=lambda branch: (-float(branch.values["loading"]), branch.name))[:NAMED]
    low = sorted((bus for bus in view.buses.values() if bus.values["energised"]), key=lambda bus: (float(bus.values["v_pu"]), bus.name))
    loadings = ", ".join(f"{branch.name} {float(branch.values['loading']):.0%}" for branch in hot)
    voltages = ", ".join(f"{bus.name} {float(bus.values['v_pu']):.3f} pu" for bus in low[:NAMED])
    return f"State before: most loaded {loadings or 'none'}; lowest voltages {voltages or 'none'}."


def _margin(before: Record | None) -> str:
    if before is None:
        return "the run began with it"
    view = before.views[0]
    room = view.summary.get("slack_max_mw")
    slack = f"slack unit at {view.summary['slack_mw']:.1f} MW" + ("" if room is None else f" of {room:.1f} MW")
    stored = [f"{device.name} {float(device.values['energy_mwh']):.1f} MWh" for device in view.devices.values() if device.kind == "storage"]
    return ", ".join([slack, *stored])
