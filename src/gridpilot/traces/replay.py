"""`replay`: run a trace again through a twin built from its header, and compare every state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gridpilot.traces.fingerprint import Fingerprint, fingerprint
from gridpilot.traces.reader import iterate_records, read_header
from gridpilot.traces.record import Header, versions
from gridpilot.twin.twin import Twin, make_twin
from gridpilot.values import GridState


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first state that came out otherwise than recorded."""

    record: int
    """Number of the record; 0 for the first state, which is in the header."""
    expected: str
    """State hash in the trace."""
    found: str
    """State hash of the replay."""
    arrays: tuple[str, ...]
    """Paths of the arrays that differ, as in `flow.v_pu`."""


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """How a replay went."""

    verified: int
    """Records whose state came out bit for bit."""
    mismatch: Mismatch | None
    """None where all did."""
    versions: Mapping[str, tuple[str, str]]
    """Packages whose version was another one when the trace was written: then, and now."""

    @property
    def ok(self) -> bool:
        return self.mismatch is None

    @property
    def sentence(self) -> str:
        """What came out, and what to try."""
        if self.mismatch is None:
            return f"All {self.verified} records came out bit for bit."
        where = f"Record {self.mismatch.record}" if self.mismatch.record else "The first state"
        which = ", ".join(self.mismatch.arrays) or "none that is known"
        changed = ", ".join(f"{name} {then} → {now}" for name, (then, now) in self.versions.items())
        advice = f"Try its versions: {changed}." if changed else "Compare the profiles and the scenario with those it was written with."
        return f"{where} came out otherwise, after {self.verified} that agree. Arrays that differ: {which}. {advice}"


def replay(path: str | Path, twin: Twin | None = None) -> ReplayReport:
    """Apply the recorded verdicts again and compare each state with the trace, up to the first that differs.

    `twin` is needed only for a scenario of your own, which the header can name but not build. Raises `TraceError`
    for a broken trace, and what `make_twin` raises.
    """
    header = read_header(path)
    if twin is None:
        twin = twin_of(header)
    state = twin.first()
    mismatch = _compare(0, header.state_hash, header.arrays, state)
    verified = 0
    for record in iterate_records(path) if mismatch is None else ():
        setpoints, _ = twin.order(state, record.verdict.actions)
        state = twin.step(state, setpoints).state
        mismatch = _compare(record.number, record.state_hash, record.arrays, state)
        if mismatch is not None:
            break
        verified += 1
    return ReplayReport(verified, mismatch, _changed(header))


def twin_of(header: Header) -> Twin:
    """The twin that a trace was made with."""
    return make_twin(
        header.scenario,
        profiles=header.profiles,
        start=header.start,
        seeds=(header.seed,),
        cycle_minutes=header.cycle_minutes,
        cycles=header.cycles,
        engine=header.engine,
        growth=header.growth,
        period=header.period,
    )


def _compare(number: int, expected: str, arrays: Mapping[str, str], state: GridState) -> Mismatch | None:
    found: Fingerprint = fingerprint(state)
    if found.state_hash == expected:
        return None
    paths = [*arrays, *(path for path in found.arrays if path not in arrays)]
    different = tuple(path for path in paths if arrays.get(path) != found.arrays.get(path))
    return Mismatch(number, expected, found.state_hash, different)


def _changed(header: Header) -> dict[str, tuple[str, str]]:
    now = versions()
    return {name: (then, now.get(name, "none")) for name, then in header.versions.items() if now.get(name) != then}
