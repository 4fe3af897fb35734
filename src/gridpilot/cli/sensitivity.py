"""`gridpilot sensitivity`: what delays, lost messages and a broker that is down cost microgrids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.errors import INTERRUPTED
from gridpilot.cli.settings import EPILOG, config_option, option

if TYPE_CHECKING:
    from gridpilot.evaluation.sensitivity import Study, Summary


@click.command("sensitivity", epilog=EPILOG)
@option("--scenario", default="three-microgrids", help="Grid with microgrids.")
@option("--days", type=click.IntRange(min=1), default=16, help="Days of the judging period; every point is played on the same ones.")
@option("--cycles", type=click.IntRange(min=1), default=None, help="Steps of 15 minutes per day; a whole day where not given.")
@option("--profiles", default="simbench", help="Load and weather: a name of `gridpilot data list`.")
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, scenario: str, days: int, cycles: int | None, profiles: str, as_json: bool) -> None:
    """Measure reward and safety of microgrids against delays, lost messages and outages of the broker.

    Every microgrid is held by the same rules. All time is virtual, so that the numbers are the same in every run. Numbers are means per
    day with 95 % confidence intervals; Ctrl-C keeps the days that are done.
    """
    from gridpilot.cli.progress import COMPILING, counting, waiting

    with waiting(COMPILING):
        from gridpilot.evaluation.sensitivity import sensitivity

    with counting("episodes") as report:
        found = sensitivity(scenario, days=days, cycles=cycles, profiles=profiles, progress=report)
    if as_json:
        print_document(found.document())
    else:
        _print(found)
    if found.days < days:
        click.echo(f"Stopped. The numbers are of the {found.days} days that are done, of {days}.", err=True)
        ctx.exit(INTERRUPTED)


def _print(found: Study) -> None:
    from gridpilot.cli.tables import print_table

    title = f"{found.scenario.replace('_', '-')} · profiles {found.profiles} · {found.days} days"
    header = ["", "", "reward, USD", "change, USD", "safety", "silent, %", "missed replies", "survived"]
    print_table(title, header, [_cells(row) for row in found.rows])


def _cells(row: Summary) -> list[str]:
    change = row.change
    spread = "" if change.high is None else f" ± {change.high - change.mean:,.1f}"
    return [
        row.curve.title,
        f"{row.point.value:g} {row.curve.unit}" if row.curve.unit else "",
        f"{row.reward.mean:,.1f}",
        f"{change.mean:+,.1f}{spread}",
        f"{row.safety.mean:,.2f}",
        f"{row.silent_percent.mean:.1f}",
        f"{row.missed.mean:.1f}",
        f"{row.survived:.0%}",
    ]
