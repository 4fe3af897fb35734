"""`gridpilot env`: an episode of microgrids whose agents are behind a message broker."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.errors import Interrupted
from gridpilot.cli.settings import EPILOG, config_option, option

if TYPE_CHECKING:
    from gridpilot.operations.microgrids import Episode, Progress


@click.command("env", epilog=EPILOG)
@option(
    "--broker",
    default="in_memory",
    metavar="URL",
    help="Where the agents are: in_memory, nats://…, amqp://…, kafka://…, mqtt://…, redis://….",
)
@option("--run", "run", default="local", help="Name of the run on the broker; its agents have the same.")
@option("--scenario", default="three-microgrids", help="three-microgrids, microgrids-100, …")
@option("--profiles", default="simbench", help="Load, weather and prices: a name of `gridpilot data list`, or a CSV file.")
@option("--cycle-minutes", type=click.FloatRange(min=0, min_open=True), default=15.0, help="Simulated time per step.")
@option("--cycles", type=click.IntRange(min=1), default=None, help="Steps; a whole day where not given.")
@option("--vertical", default="setpoint", help="How microgrids move their devices: setpoint, price-signal or none.")
@option("--horizontal", default="none", help="How microgrids deal with each other: none, trading or consensus.")
@option(
    "--mode",
    type=click.Choice(["lockstep", "deadline", "free-running"]),
    default="lockstep",
    help="A silent agent ends the episode, is done without, or nobody is waited for.",
)
@option("--pace-s", type=click.FloatRange(min=0), default=0.0, help="Seconds that a step takes in mode free-running.")
@option("--deadline-s", type=click.FloatRange(min=0, min_open=True), default=5.0, help="How long an answer is waited for.")
@option("--join-s", type=click.FloatRange(min=0), default=60.0, help="How long agents are waited for at the beginning.")
@option("--policy", type=click.Choice(["standing", "random", "rules"]), default="standing", help="As devices begin, drawn, or by rules.")
@option("--seed", type=click.IntRange(min=0), default=0, help="Draws the day, the disturbances and random actions.")
@option("--period", type=click.Choice(["tuning", "judging"]), default="judging", help="Days to draw from.")
@option("--out", default="runs/microgrids", metavar="DIR", help="Folder of the trace.")
@click.option("--resume", is_flag=True, help="Go on with the episode whose trace is in --out, after a kill.")
@config_option
@json_option
def command(as_json: bool, out: str, resume: bool, **given: Any) -> None:
    """Run an episode of microgrids: agents decide where they are, the grid is solved here.

    Start agents with `gridpilot agent --broker URL --run NAME --role MG1`. Without a broker they live in this process.
    """
    folder = Path(out)
    try:
        with _teller() as tell:
            episode = _resumed(folder, given, tell) if resume else _begun(folder, given, tell)
    except KeyboardInterrupt:
        raise Interrupted(f"Every step is in {folder}; go on with: gridpilot env --resume --out {folder}") from None
    if as_json:
        print_document({**asdict(episode), "trace": str(episode.trace)})
    else:
        _print(episode)


def _begun(folder: Path, given: dict[str, Any], tell: Callable[[Progress], None]) -> Episode:
    from gridpilot.envs.microgrids import MicrogridsConfig
    from gridpilot.operations.microgrids import run_episode

    names = (
        "scenario",
        "profiles",
        "cycle_minutes",
        "cycles",
        "vertical",
        "horizontal",
        "mode",
        "pace_s",
        "deadline_s",
        "join_s",
        "period",
        "run",
    )
    own = {name: given[name] for name in names}
    own["vertical"] = own["vertical"].replace("_", "-")
    broker = given["broker"]
    config = MicrogridsConfig(**own, message_broker=broker, hosts="here" if broker == "in_memory" else "elsewhere", centralized=False)
    return run_episode(config, folder, seed=given["seed"], policy=given["policy"], tell=tell)


def _resumed(folder: Path, given: dict[str, Any], tell: Callable[[Progress], None]) -> Episode:
    """As the trace says, but for what this command line says of the broker and of waiting."""
    from gridpilot.operations.microgrids import resume_episode

    changes = {name: given[name] for name in ("deadline_s", "join_s", "mode", "pace_s", "run") if _is_given(name)}
    if _is_given("broker"):
        broker = given["broker"]
        changes |= {"message_broker": broker, "hosts": "here" if broker == "in_memory" else "elsewhere"}
    return resume_episode(folder, changes=changes, tell=tell)


def _is_given(name: str) -> bool:
    """Whether an option was set by somebody, here or in the environment or a file."""
    return click.get_current_context().get_parameter_source(name) not in (None, ParameterSource.DEFAULT)


def _teller() -> AbstractContextManager[Callable[[Progress], None]]:
    """A live table where somebody watches, else a line per step on stderr."""
    from gridpilot.cli.microgrids_view import live_table

    return live_table() if sys.stderr.isatty() else nullcontext(_tell)


def _tell(progress: Progress) -> None:
    if progress.step == 0:
        return
    silent = f"   silent: {', '.join(progress.silent)}" if progress.silent else ""
    rewards = "  ".join(f"{name} {reward:9.3f}" for name, reward in list(progress.rewards.items())[:_SHOWN])
    more = f"  and {len(progress.rewards) - _SHOWN} more" if len(progress.rewards) > _SHOWN else ""
    click.echo(f"step {progress.step:4d} of {progress.steps}   {rewards}{more}{silent}", err=True)


_SHOWN = 6
"""Microgrids in a line."""


def _print(episode: Episode) -> None:
    from gridpilot.cli.tables import print_table

    rows = [[name, f"{reward:,.2f}", str(episode.silent_cycles[name])] for name, reward in episode.rewards.items()]
    messages = sum(count for kind, count in episode.messages.items() if kind != "receipt")
    notes = [
        f"{episode.steps} steps, {messages} logical messages; trace {episode.trace}",
        f"state {episode.state_hash}",
    ]
    print_table("microgrids", ["microgrid", "reward", "silent cycles"], rows, notes=notes)
