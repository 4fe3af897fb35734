"""An element of a batch fares as it would alone, bit for bit."""

from __future__ import annotations

import numpy as np

from gridpilot.testing.compare import difference
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import RANDOM, Patient
from gridpilot.twin.arrays import pick

_CYCLES = 48


def examine(patient: Patient) -> Examined:
    """Repeats the random run of every element on a twin of its own."""
    run = patient.runs[RANDOM][:_CYCLES]
    batch = run[0].before.batch
    problems = [f"element {k} {told}" for k in range(batch) if (told := _fate(patient, k, len(run)))]
    return Examined(tuple(problems), {"elements": batch, "cycles": len(run)})


def _fate(patient: Patient, element: int, cycles: int) -> str:
    twin, only = patient.alone(element), np.array([element])
    state = twin.first()
    for passed in patient.runs[RANDOM][:cycles]:
        moved = twin.step(state, pick(passed.ordered, only))
        state = moved.state
        expected = passed.moved
        place = difference(pick(expected.state, only), state) or difference(expected.reward_terms[only], moved.reward_terms, where="terms")
        if place:
            return f"fares otherwise alone than in the batch: {place} in cycle {int(state.step[0])}"
    return ""


CHECK = Check("batch_is_loop", "An element fares the same alone and in a batch, bit for bit.", examine)
