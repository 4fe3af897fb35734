"""`gridpilot replay`: a trace, run again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.settings import EPILOG, config_option

if TYPE_CHECKING:
    from gridpilot.traces import ReplayReport


@click.command("replay", epilog=EPILOG)
@click.argument("trace", type=click.Path(exists=True, path_type=Path))
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, trace: Path, as_json: bool) -> None:
    """Run a TRACE again and verify every state, bit for bit.

    TRACE is a `trace.jsonl`, or the folder of a run. The exit code is 1 where a state came out otherwise.
    """
    from gridpilot.cli.progress import COMPILING, waiting
    from gridpilot.traces import read_header, replay

    path = trace / "trace.jsonl" if trace.is_dir() else trace
    header = read_header(path)
    with waiting(f"{COMPILING} and running {path} again"):
        report = replay(path)
    if as_json:
        print_document(_document(path, report))
    else:
        click.echo(f"{path}: {header.scenario}, operated by {header.agent}, seed {header.seed}, profiles {header.profiles}.")
        click.echo(report.sentence)
    ctx.exit(0 if report.ok else 1)


def _document(path: Path, report: ReplayReport) -> dict[str, Any]:
    return {
        "trace": str(path),
        "ok": report.ok,
        "verified": report.verified,
        "mismatch": None if report.mismatch is None else asdict(report.mismatch),
        "versions": {name: {"then": then, "now": now} for name, (then, now) in report.versions.items()},
        "sentence": report.sentence,
    }
