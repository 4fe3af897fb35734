"""No day on which a scenario was tuned is among those it is judged on."""

from __future__ import annotations

from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient


def examine(patient: Patient) -> Examined:
    """Compares the date ranges of every source of profiles."""
    sources = patient.twin.model.scenario.sources
    problems = []
    for name, source in sources.items():
        (tuned_from, tuned_to), (judged_from, judged_to) = source.tuning, source.judging
        if tuned_from > tuned_to or judged_from > judged_to:
            problems.append(f"{name}: a period ends before it begins")
        elif tuned_from <= judged_to and judged_from <= tuned_to:
            problems.append(f"{name}: tuning {tuned_from} … {tuned_to} and judging {judged_from} … {judged_to} overlap")
    return Examined(tuple(problems), {"sources": len(sources)})


CHECK = Check("dates_are_apart", "No day of tuning is a day of judging.", examine)
