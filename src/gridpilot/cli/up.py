"""`gridpilot up`: microgrids and their agents, all on this machine, and a live view of them."""

from __future__ import annotations

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
    from gridpilot.agents.grid.processes import agent_processes
    from gridpilot.cli.brokers import reach
    from gridpilot.cli.env import command as env

    scenario = "three-microgrids" if count == 3 else f"microgrids-{count}"
    usual = {"profiles": "simbench", "cycle_minutes": 15.0, "vertical": "setpoint", "horizontal": "none", "period": "judging"}
    patient = {"mode": "deadline", "deadline_s": 2.0, "join_s": 120.0}
    reach(broker)
    with agent_processes(broker, run, [f"MG{k + 1}" for k in range(count)], processes):
        ctx.invoke(env, resume=False, broker=broker, run=run, scenario=scenario, **usual, **patient, **given)
