"""The doctor: proves of a scenario that it is no sham. Actions, time and physics count, and nobody sees the future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gridpilot.errors import GridpilotError
from gridpilot.profiles import Profiles
from gridpilot.scenarios import Scenario
from gridpilot.testing.checks import checks
from gridpilot.testing.finding import Check, Finding
from gridpilot.testing.patient import Patient
from gridpilot.twin import make_twin

SEEDS = (0, 1, 2)
"""Three days, so that one that is odd is not taken for the rule."""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All findings about one scenario."""

    scenario: str
    profiles: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        return all(finding.passed for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.passed)

    def to_json(self) -> dict[str, Any]:
        """What `gridpilot doctor --json` prints."""
        return {
            "scenario": self.scenario,
            "profiles": self.profiles,
            "passed": self.passed,
            "checks": [{"name": f.name, "passed": f.passed, "sentence": f.sentence, "measured": dict(f.measured)} for f in self.findings],
        }


def run_doctor(
    scenario: Scenario | str,
    *,
    profiles: Profiles | str = "simbench",
    cycle_minutes: float = 5.0,
    cycles: int | None = None,
    engine: str = "newton",
    growth: bool = False,
    seeds: Sequence[int] = SEEDS,
) -> DoctorReport:
    """Examine a scenario on one day per seed; a few seconds for a day of 5-minute cycles.

    Raises what `make_twin` raises: a scenario that cannot be made has no doctor.
    """
    twin = make_twin(scenario, profiles=profiles, seeds=seeds, cycle_minutes=cycle_minutes, cycles=cycles, engine=engine, growth=growth)
    return DoctorReport(twin.model.scenario.name, twin.world.profiles.name, examine(Patient(twin)))


def examine(patient: Patient, only: Sequence[Check] | None = None) -> tuple[Finding, ...]:
    """The findings of all checks, or of those asked for."""
    return tuple(_found(check, patient) for check in (checks() if only is None else only))


def _found(check: Check, patient: Patient) -> Finding:
    try:
        examined = check.examine(patient)
    except GridpilotError as error:
        return Finding(check.name, False, f"The check could not be finished: {error}", {})
    passed = not examined.problems
    sentence = check.promise if passed else "; ".join(examined.problems) + "."
    return Finding(check.name, passed, sentence[0].upper() + sentence[1:], examined.measured)
