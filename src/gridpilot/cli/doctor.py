"""`gridpilot doctor`: whether a scenario is what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.settings import EPILOG, config_option, option

if TYPE_CHECKING:
    from gridpilot.testing.doctor import DoctorReport

ALL = "all"


@click.command("doctor", epilog=EPILOG)
@option("--scenario", default=ALL, help=f"Scenario to examine, or `{ALL}`.")
@option("--profiles", default="simbench", help="Load and weather: a name of `gridpilot data list`, or a CSV file.")
@option("--cycles", type=click.IntRange(min=1), default=None, help="Cycles per day; a whole day where not given.")
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, scenario: str, profiles: str, cycles: int | None, as_json: bool) -> None:
    """Prove that a scenario is no sham: actions change flows, time advances, physics balances.

    The exit code is 1 where a check fails; each failure is a sentence.
    """
    from gridpilot.cli.progress import COMPILING, counting, waiting

    with waiting(COMPILING):
        from gridpilot.scenarios import load_scenario, scenario_titles
        from gridpilot.testing.doctor import run_doctor

    names = list(scenario_titles()) if scenario == ALL else [load_scenario(scenario).name]
    reports: list[DoctorReport] = []
    with counting("scenarios examined") as report:
        for k, name in enumerate(names):
            report(k, len(names))
            reports.append(run_doctor(name, profiles=profiles, cycles=cycles))
    passed = all(found.passed for found in reports)
    if as_json:
        print_document({"passed": passed, "scenarios": [found.to_json() for found in reports]})
    else:
        _print(reports)
    ctx.exit(0 if passed else 1)


def _print(reports: list[DoctorReport]) -> None:
    from gridpilot.cli.tables import print_table

    for found in reports:
        rows = [["ok" if finding.passed else "FAILED", finding.name, finding.sentence] for finding in found.findings]
        print_table(f"{found.scenario.replace('_', '-')} · profiles {found.profiles}", ["", "check", "what was found"], rows)
    failures = [f"{found.scenario}: {finding.sentence}" for found in reports for finding in found.failures]
    click.echo("\n".join(failures) if failures else "Every check passed.")
