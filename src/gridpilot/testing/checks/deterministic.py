"""The same state and orders lead to the same next state, bit for bit, and stepping leaves its inputs alone."""

from __future__ import annotations

from copy import deepcopy

from gridpilot.testing.compare import difference
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import RANDOM, Patient

_SAMPLES = 24


def examine(patient: Patient) -> Examined:
    """Steps again from states of the random run, and compares with what was recorded."""
    run = patient.runs[RANDOM]
    sampled = run[:: max(1, len(run) // _SAMPLES)]
    problems = []
    for before, ordered, moved in sampled:
        kept = deepcopy((before, ordered))
        again = patient.twin.step(before, ordered)
        if place := difference(kept, (before, ordered)):
            problems.append(f"stepping changed its own input at {place}")
            break
        if place := difference(moved, again):
            problems.append(f"the same step gave another result at {place} in cycle {int(moved.state.step[0])}")
            break
    return Examined(tuple(problems), {"steps_repeated": len(sampled)})


CHECK = Check("deterministic", "The same state and orders lead to the same next state, bit for bit.", examine)
