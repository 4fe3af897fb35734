"""`recall`: what was seen before a cycle of a trace, with everything that a trace leaves out, as the twin brings it back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from gridpilot.errors import TraceError
from gridpilot.traces.fingerprint import state_hash
from gridpilot.traces.reader import iterate_records, read_header
from gridpilot.traces.record import Header, Record
from gridpilot.traces.replay import twin_of
from gridpilot.twin.twin import Twin
from gridpilot.values import GridState, Receipt, Transition, View


@dataclass(frozen=True, slots=True)
class Recalled:
    """One cycle of a trace, and the view that it began with."""

    header: Header
    twin: Twin
    view: View
    """With its preview and sensitivities."""
    record: Record
    state: GridState
    """That the cycle began with."""
    before: tuple[Record, ...]
    """The cycles before it."""


def recall(path: str | Path, number: int | None = None, twin: Twin | None = None) -> Recalled:
    """A cycle by its number, or the last one.

    `twin` is needed only for a scenario of your own. Raises `TraceError` for a broken trace, a number that it does not have, and a
    trace that this version of gridpilot does not bring back bit for bit.
    """
    header = read_header(path)
    twin = twin_of(header) if twin is None else twin
    state, expected = twin.first(), header.state_hash
    last: Transition | None = None
    receipts: tuple[Receipt, ...] = ()
    records = list(iterate_records(path))
    last_number = records[-1].number if records else 0
    found = next((record for record in records if record.number == (number or last_number)), None)
    if found is None:
        asked = f"there is none with number {number}" if number else "it was never run"
        raise TraceError(f"Trace {path} has {len(records)} records: {asked}.")
    before = tuple(record for record in records if record.number < found.number)
    for record in before:
        setpoints, _ = twin.order(state, record.verdict.actions)
        last, receipts, expected = twin.step(state, setpoints), record.receipts, record.state_hash
        state = last.state
    if expected and state_hash(state) != expected:
        raise TraceError(f"Trace {path} does not come out as recorded before record {found.number}: gridpilot replay {path} says more.")
    view = twin.observe(state, last=last, receipts=receipts)
    return Recalled(header, twin, replace(view, instructions=found.views[0].instructions), found, state, before)
