"""`gridpilot bench`: how fast it is, beside its peers in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.settings import EPILOG, config_option


@click.command("bench", epilog=EPILOG)
@click.argument("name", metavar="powerflow|contingency|env|messages|knowledge")
@config_option
@json_option
def command(name: str, as_json: bool) -> None:
    """Measure the power flow, the N-1 analysis, the environments beside their peers where they are installed, the messages, or the search.

    The ratio is our speed over the peer's in the same interleaved run. Peers come with `pip install 'gridpilot[bench]'`.
    """
    from gridpilot.evaluation.bench import run_bench

    document = run_bench(name, tell=lambda row: click.echo(f"gridpilot: measuring {row}", err=True)).document()
    if as_json:
        print_document(document)
    else:
        _print(name, document)


def _print(name: str, document: Mapping[str, Any]) -> None:
    from gridpilot.cli.tables import print_table

    rows = [
        [
            row["name"],
            f"{row['value']:,.4g}",
            row["unit"],
            row["against"] or "–",
            "–" if row["ratio"] is None else f"{row['ratio']:.2f}×",
            row["note"] or "",
        ]
        for row in document["rows"]
    ]
    machine = ", ".join(f"{key} {value}" for key, value in document["machine"].items())
    versions = ", ".join(f"{key} {value}" for key, value in document["versions"].items())
    print_table(f"bench {name}", ["row", "value", "unit", "against", "ratio", "note"], rows, notes=[machine, versions])
