"""`gridpilot evaluate`: agents on the same days, and a card of what each made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gridpilot.cli.agent_settings import agent_settings, chosen
from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.errors import INTERRUPTED
from gridpilot.cli.settings import EPILOG, config_option, option

if TYPE_CHECKING:
    from gridpilot.evaluation import Evaluation


@click.command("evaluate", epilog=EPILOG)
@option("--scenario", default="six-bus", help="Grid to operate.")
@option("--agents", default="do-nothing,rules,planner,opf,nano", metavar="A,B,C", help="Agents to compare, separated by commas.")
@agent_settings
@option("--episodes", type=click.IntRange(min=1), default=8, help="Days per agent; every agent meets the same ones.")
@option("--seed", type=click.IntRange(min=0), default=0, help="First seed; each episode takes the next one.")
@option("--profiles", default="simbench", help="Load and weather: a name of `gridpilot data list`, or a CSV file.")
@option("--start", default=None, metavar="DAY", help="Day of every episode, as in 2016-07-04; drawn by the seed where not given.")
@option("--cycles", type=click.IntRange(min=1), default=None, help="Cycles per episode; a whole day where not given.")
@option("--cycle-minutes", type=click.FloatRange(min=0, min_open=True), default=5.0, help="Simulated time between two decisions.")
@option("--growth/--no-growth", default=False, help="Let the grid grow while it is operated.")
@option("--engine", default="newton", help="Power flow engine.")
@option("--processes", type=click.IntRange(min=1), default=1, help="Episodes played at a time.")
@config_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, /, scenario: str, agents: str, episodes: int, seed: int, profiles: str, start: str | None,
    cycles: int | None, cycle_minutes: float, growth: bool, engine: str, processes: int, as_json: bool, **settings: Any,
) -> None:  # fmt: skip
    """Score agents over many days, on the same weather and disturbances.

    Numbers are means per day, with 95 % confidence intervals.
    """
    from gridpilot.cli.progress import COMPILING, counting, waiting

    with waiting(COMPILING):
        from gridpilot.evaluation import evaluate

    names = [name.strip() for name in agents.split(",") if name.strip()]
    with counting("episodes") as report:
        found = evaluate(
            scenario,
            names,
            options=chosen(ctx, names, settings),
            seeds=range(seed, seed + episodes),
            profiles=profiles,
            start=start,
            cycles=cycles,
            cycle_minutes=cycle_minutes,
            growth=growth,
            engine=engine,
            processes=processes,
            progress=lambda _, done, total: report(done, total),
        )
    if as_json:
        print_document(found.to_json())
    else:
        _print(found)
    if found.episodes < episodes:
        click.echo(f"Stopped. The numbers are of the {found.episodes} episodes that every agent finished, of {episodes}.", err=True)
        ctx.exit(INTERRUPTED)


def _print(found: Evaluation) -> None:
    from gridpilot.cli.tables import print_table
    from gridpilot.evaluation import table

    rows = [[row.label + (f", {row.unit}" if row.unit else ""), *row.cells] for row in table(found)]
    title = f"{found.scenario.replace('_', '-')} · profiles {found.profiles} · {found.episodes} episodes"
    print_table(title, ["mean per episode [95 % interval]", *found.played], rows)
