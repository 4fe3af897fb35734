"""`gridpilot up`: microgrids and their agents, all on this machine, and a live view of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from gridpilot.cli.document import json_option
from gridpilot.cli.settings import EPILOG, config_option, option


@click.command("up", epilog=EPILOG)
@option("--microgrids", "count", type=click.IntRange(min=1), default=3, help="How many; three are those of three-microgrids.")
@option("--broker", required=True, metavar="URL", help="A broker that runs already: nats://…, amqp://…, kafka://…, mqtt://…, redis://….")
@option("--run", "run", default="up", help="Name of the run on the broker.")
@option("--processes", type=click.IntRange(min=1), default=3, help="Processes that hold the agents, in turn.")
@option("--cycles", type=click.IntRange(min=1), default=None, help="Steps; a whole day where not given.")
@option("--policy", type=click.Choice(["standing", "random", "rules"]), default="standing", help="As devices begin, drawn, or by rules.")
@option("--seed", type=click.IntRange(min=0), default=0, help="Draws the day, the disturbances and random actions.")
@option("--out", default="runs/microgrids", metavar="DIR", help="Folder of the trace.")
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, /, count: int, broker: str, run: str, processes: int, **given: Any) -> None:
    """Start agents in processes of their own, run an episode with them, and end them.

    A silent agent is done without: kill one, and see its microgrid go on. Ctrl-C ends all; the trace keeps every step.
    """
    from gridpilot.cli.env import command as env

    scenario = "three-microgrids" if count == 3 else f"microgrids-{count}"
    usual = {"profiles": "simbench", "cycle_minutes": 15.0, "vertical": "setpoint", "horizontal": "none", "period": "judging"}
    patient = {"mode": "deadline", "deadline_s": 2.0, "join_s": 120.0}
    with _agents(broker, run, count, processes):
        ctx.invoke(env, resume=False, broker=broker, run=run, scenario=scenario, **usual, **patient, **given)


@contextmanager
def _agents(broker: str, run: str, count: int, processes: int) -> Iterator[None]:
    """Processes that hold all microgrids, in turn."""
    names = [f"MG{k + 1}" for k in range(count)]
    command = [sys.executable, "-c", "from gridpilot.cli import main; main()", "agent", "--broker", broker, "--run", run]
    with ExitStack() as stack:
        for k in range(min(processes, count)):
            options = [text for name in names[k::processes] for text in ("--role", name)]
            process = stack.enter_context(subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL))
            stack.callback(process.terminate)
        yield
