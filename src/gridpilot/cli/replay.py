"""`gridpilot replay`: a trace, run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.settings import EPILOG, config_option

if TYPE_CHECKING:
    from gridpilot.traces import ReplayReport
    from gridpilot.values import Deliberation


@click.command("replay", epilog=EPILOG)
@click.argument("trace", type=click.Path(exists=True, path_type=Path))
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, trace: Path, as_json: bool) -> None:
    """Run a TRACE again and verify every state, bit for bit.

    TRACE is a `trace.jsonl`, the `microgrids.jsonl` of `gridpilot env`, or the folder of either. The exit code is 1 where a
    state came out otherwise.
    """
    from gridpilot.operations.microgrids import TRACE as MICROGRIDS
    from gridpilot.operations.microgrids import is_microgrids

    path = trace
    if trace.is_dir():
        path = trace / (MICROGRIDS if (trace / MICROGRIDS).is_file() and not (trace / "trace.jsonl").is_file() else "trace.jsonl")
    ctx.exit(0 if (_replay_microgrids if is_microgrids(path) else _replay)(path, as_json) else 1)


def _replay(path: Path, as_json: bool) -> bool:
    from gridpilot.cli.progress import COMPILING, waiting
    from gridpilot.traces import iterate_records, read_header, replay

    header = read_header(path)
    with waiting(f"{COMPILING} and running {path} again"):
        report = replay(path)
    thoughts = {record.number: record.decision.deliberation for record in iterate_records(path) if record.decision.deliberation}
    if as_json:
        print_document({**_document(path, report), "deliberations": {str(number): asdict(one) for number, one in thoughts.items()}})
    else:
        click.echo(f"{path}: {header.scenario}, operated by {header.agent}, seed {header.seed}, profiles {header.profiles}.")
        click.echo(report.sentence)
        for line in _told(thoughts):
            click.echo(line)
    return report.ok


def _told(thoughts: Mapping[int, Deliberation]) -> Iterator[str]:
    """Cycles in which a stand-in decided, and claims that were wrong."""
    for number, one in thoughts.items():
        if one.why:
            yield f"Record {number}: {one.decided_by} stood in, {one.why}"
        yield from (f"Record {number}: {claim}" for claim in one.wrong_claims)


def _replay_microgrids(path: Path, as_json: bool) -> bool:
    from gridpilot.cli.progress import COMPILING, waiting
    from gridpilot.operations.microgrids import replay_episode

    with waiting(f"{COMPILING} and running {path} again"):
        report = replay_episode(path)
    recorded, ok = report.recorded, report.differs_at is None
    if as_json:
        told = {"ok": ok, "verified": report.verified, "differs_at": report.differs_at, "sentence": report.sentence}
        print_document({"trace": str(path), **told})
    else:
        config = recorded.config
        click.echo(f"{path}: {config.scenario}, policy {recorded.policy}, seed {recorded.seed}, profiles {config.profiles}.")
        click.echo(report.sentence)
    return ok


def _document(path: Path, report: ReplayReport) -> dict[str, Any]:
    return {
        "trace": str(path),
        "ok": report.ok,
        "verified": report.verified,
        "mismatch": None if report.mismatch is None else asdict(report.mismatch),
        "versions": {name: {"then": then, "now": now} for name, (then, now) in report.versions.items()},
        "sentence": report.sentence,
    }
