"""`gridpilot warm-up`: compile ahead."""

from __future__ import annotations

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.settings import EPILOG, config_option


@click.command("warm-up", epilog=EPILOG)
@config_option
@json_option
def command(as_json: bool) -> None:
    """Compile every kernel, or load it from the cache, so that the first step of a run does not wait.

    Once per version of gridpilot and machine; a second call shows what loading from the cache takes.
    """
    from time import perf_counter

    begun = perf_counter()
    from gridpilot.operations.warm_up import warm_up

    imports = perf_counter() - begun
    parts = {"imports": imports, **warm_up(lambda part: click.echo(f"gridpilot: warming {part}", err=True))}
    if as_json:
        print_document({"seconds": {name: round(taken, 3) for name, taken in parts.items()}, "total": round(sum(parts.values()), 3)})
        return
    from gridpilot.cli.tables import print_table

    rows = [[name, f"{taken:.2f}"] for name, taken in [*parts.items(), ("total", sum(parts.values()))]]
    print_table("warm-up", ["part", "seconds"], rows)
