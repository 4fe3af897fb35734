"""`gridpilot nano`: build the small model of our own again."""

from __future__ import annotations

from pathlib import Path

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.errors import Interrupted
from gridpilot.cli.settings import EPILOG, config_option, option


@click.group("nano")
def command() -> None:
    """The small language model that comes with gridpilot."""


@command.command("build", epilog=EPILOG)
@option("--seed", type=click.IntRange(min=0), default=0, help="Draws grids, days, faults and weights.")
@option("--out", default="nano", metavar="DIR", help="Folder of the model; rounds that are done there are kept.")
@option("--processes", type=click.IntRange(min=1), default=2, help="Days labelled at a time.")
@config_option
@json_option
def build(seed: int, out: str, processes: int, as_json: bool) -> None:
    """Label states of the twin and train nano on them, from nothing; about half an hour on two cores.

    Needs the extra `learn`. The folder then is an agent: `gridpilot run --agent nano:DIR`.
    """
    from gridpilot.cli.progress import COMPILING, counting, waiting

    with waiting(COMPILING):
        from gridpilot.learning.nano.build import Recipe
        from gridpilot.learning.nano.build import build as build_nano
    try:
        with counting("nano") as report:
            built = build_nano(Path(out), seed, Recipe(processes=processes), lambda what, done, total: report(done, total))
    except KeyboardInterrupt as again:
        raise Interrupted(f"Stopped; whole rounds are kept in {out}.\nNext:  gridpilot nano build --seed {seed} --out {out}") from again
    if as_json:
        print_document(built.metrics)
    else:
        click.echo(f"nano: {built.folder}, {built.metrics['parameters']:,} parameters, {built.metrics['minutes']} minutes")
        click.echo(f"Card: {built.folder / 'README.md'}\nNext:  gridpilot evaluate --agents do-nothing,rules,nano:{built.folder}")
