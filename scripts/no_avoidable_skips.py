"""Refuse a test report with skips that could have been avoided, and print its counts as the last line.

A test may skip only where nothing on PyPI or in Debian could have let it run. The reasons that are good enough are
in `PERMITTED`, each with the condition under which it is true: a sentence alone excuses nothing.

    python scripts/no_avoidable_skips.py report.xml
"""

from __future__ import annotations

import os
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Permitted:
    """A reason to skip that neither pip nor Debian could have taken away."""

    begins: str
    """How the reason of the skipped test begins."""
    holds: Callable[[], bool]
    """Whether it is true here."""
    why: str


PERMITTED = (
    Permitted(
        begins="The real data sets are not at",
        holds=lambda: not REAL_DATA.is_dir(),
        why="The data sets beside the repository are in no package registry.",
    ),
    Permitted(
        begins="The Debian package",
        holds=lambda: os.geteuid() != 0 or shutil.which("apt-get") is None,
        why="Only root on Debian can install it; `.ci/run` does so there.",
    ),
    Permitted(
        begins="A real Kafka cluster",
        holds=lambda: bool(os.environ.get("GRIDPILOT_TEST_KAFKA")),
        why="Its own addresses lead past a proxy that cuts connections; the same test runs on librdkafka's mock cluster.",
    ),
)


@dataclass(frozen=True)
class Case:
    """One test of a report."""

    name: str
    outcome: str
    """`passed`, `failed` or `skipped`; an error counts as failed, an expected failure as passed."""
    reason: str = ""


def read(report: Path) -> list[Case]:
    """The tests in a JUnit XML file, one per name: a test which failed and erred is one failure."""
    cases: dict[str, Case] = {}
    for element in ET.parse(report).iter("testcase"):
        case = _case(element)
        if case.outcome == "failed" or case.name not in cases:
            cases[case.name] = case
    return list(cases.values())


def _case(element: ET.Element) -> Case:
    name = f"{element.get('classname')}::{element.get('name')}"
    if element.find("failure") is not None or element.find("error") is not None:
        return Case(name, "failed")
    skipped = element.find("skipped")
    if skipped is None or skipped.get("type") == "pytest.xfail":
        return Case(name, "passed")
    return Case(name, "skipped", _reason(skipped))


def _reason(skipped: ET.Element) -> str:
    """The sentence of a skip; for a skipped file pytest keeps it in the text, as `(path, line, 'Skipped: …')`."""
    message = skipped.get("message") or ""
    if message != "collection skipped":
        return message
    return (skipped.text or "").partition("Skipped: ")[2].removesuffix("')").removesuffix('")')


def avoidable(cases: Iterable[Case], permitted: Iterable[Permitted] = PERMITTED) -> list[Case]:
    """Skipped tests for which no permitted reason is true."""
    true_here = tuple(entry.begins for entry in permitted if entry.holds())
    return [case for case in cases if case.outcome == "skipped" and not case.reason.startswith(true_here)]


def counts(cases: Iterable[Case]) -> str:
    """`12 passed, 0 failed, 1 skipped`."""
    outcomes = [case.outcome for case in cases]
    return ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped"))


def main(report: Path) -> int:
    """Exit status: 0 where tests ran, none failed and no skip was avoidable."""
    cases = read(report)
    refused = avoidable(cases)
    for case in refused:
        print(f"An avoidable skip: {case.name}: {case.reason or 'no reason given'}")
    if refused:
        print("Install what they need (an extra of pyproject.toml, or a Debian package), or say in PERMITTED why nothing could.")
    if not cases:
        print(f"{report} holds no test.")
    print(counts(cases))
    return int(bool(refused) or not cases or any(case.outcome == "failed" for case in cases))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
