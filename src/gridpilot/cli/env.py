"""`gridpilot env`: an episode of microgrids whose agents are behind a message broker."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.errors import Interrupted
from gridpilot.cli.settings import EPILOG, config_option_with, further, option
from gridpilot.errors import BrokerError

if TYPE_CHECKING:
    from gridpilot.cli.awaited import Waiting
    from gridpilot.messages.steps import Watch
    from gridpilot.operations.microgrids import Episode, Progress, Recorded

_RECORDED = ("scenario", "profiles", "cycle_minutes", "cycles", "vertical", "horizontal", "period")
"""Options that an episode is made from."""
_RENEWED = ("run", "mode", "pace_s", "deadline_s", "join_s")
"""Options that a resumed episode may have otherwise, as it may have another broker."""


def _settings() -> dict[str, str]:
    """Keys of a configuration of microgrids, and what they are called here."""
    from gridpilot.envs.microgrids import MicrogridsConfig

    names = {"message_broker": "broker"}
    return {field.name.replace("_", "-"): names.get(field.name, field.name) for field in fields(MicrogridsConfig)}


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
@config_option_with(_settings)
@json_option
def command(as_json: bool, out: str, resume: bool, **given: Any) -> None:
    """Run an episode of microgrids: agents decide where they are, the grid is solved here.

    Start agents with `gridpilot agent --broker URL --run NAME --role MG1`. Without a broker they live in this process.
    The --config file may also have the keys of `gridpilot.microgrids_env`.
    """
    from gridpilot.cli.awaited import Waiting
    from gridpilot.cli.progress import saying

    folder, waiting = Path(out), Waiting()
    try:
        with _teller() as tell, saying(waiting.sentence):
            episode = _resumed(folder, given, tell, waiting.watch) if resume else _begun(folder, given, tell, waiting.watch)
    except KeyboardInterrupt:
        raise Interrupted(_stopped(folder, waiting, given)) from None
    except BrokerError as error:
        raise BrokerError(f"{error}\n{_kept(folder)}" if _kept(folder) else str(error)) from error
    if as_json:
        print_document({**asdict(episode), "trace": str(episode.trace)})
    else:
        _print(episode)


def _begun(folder: Path, given: dict[str, Any], tell: Callable[[Progress], None], watch: Watch) -> Episode:
    from gridpilot.cli.brokers import reach
    from gridpilot.envs.microgrids import MicrogridsConfig
    from gridpilot.errors import ConfigError
    from gridpilot.operations.microgrids import TRACE, is_microgrids, run_episode

    if (folder / TRACE).is_file() and is_microgrids(folder / TRACE):
        advice = f"Give another folder with --out, or go on with it: gridpilot env --resume --out {folder}"
        raise ConfigError(f"{folder} holds the trace of an episode already. {advice}")
    own = {name: given[name] for name in (*_RECORDED, *_RENEWED)} | _agents(given["broker"]) | further(click.get_current_context())
    config = MicrogridsConfig(**own)
    reach(config.message_broker)
    return run_episode(config, folder, seed=given["seed"], policy=given["policy"], tell=tell, watch=watch)


def _resumed(folder: Path, given: dict[str, Any], tell: Callable[[Progress], None], watch: Watch) -> Episode:
    """As the trace says, but for what this command line says of the broker and of waiting."""
    from gridpilot.cli.brokers import reach
    from gridpilot.operations.microgrids import TRACE, read_recorded, resume_episode

    recorded = read_recorded(folder / TRACE)
    said = {name: given[name] for name in (*_RECORDED, *_RENEWED, "seed", "policy") if _is_given(name)}
    said |= (_agents(given["broker"]) if _is_given("broker") else {}) | further(click.get_current_context())
    changes = {name: value for name, value in said.items() if name in (*_RENEWED, "message_broker", "hosts", "centralized", "epoch")}
    _refuse_contradictions({name: value for name, value in said.items() if name not in changes}, recorded)
    reach(changes.get("message_broker", recorded.config.message_broker))
    return resume_episode(folder, changes=changes, tell=tell, watch=watch)


def _agents(broker: str) -> dict[str, Any]:
    """Where the agents of a broker are."""
    return {"message_broker": broker, "hosts": "here" if broker == "in_memory" else "elsewhere", "centralized": False}


def _refuse_contradictions(said: dict[str, Any], recorded: Recorded) -> None:
    """Raises `ConfigError` with everything that is said otherwise than the trace has it."""
    from gridpilot.errors import ConfigError, Problem

    then = {"seed": recorded.seed, "policy": recorded.policy}
    wrong = []
    for name, value in said.items():
        was = then[name] if name in then else getattr(recorded.config, name)
        if _plain(value) != _plain(was):
            wrong.append(Problem(name.replace("_", "-"), f"is {value!r}; the trace has {was!r}"))
    if wrong:
        hint = f"Leave them out: a resumed episode takes all but {', '.join((*_RENEWED, 'broker')).replace('_', '-')} from its trace."
        raise ConfigError("The episode cannot go on under other settings.", wrong, hint=hint)


def _plain(value: Any) -> Any:
    """A value, where dashes and underscores in names are the same."""
    return value.replace("_", "-") if isinstance(value, str) else value


def _is_given(name: str) -> bool:
    """Whether an option was set by somebody, here or in the environment or a file."""
    return click.get_current_context().get_parameter_source(name) not in (None, ParameterSource.DEFAULT)


def _stopped(folder: Path, waiting: Waiting, given: dict[str, Any]) -> str:
    """What was waited for and what was kept, and what to type next."""
    said = f"Stopped while {waiting.what}. " if waiting.missing else "Stopped. "
    if waiting.missing and given["broker"] != "in_memory":
        said += f"Start agents as in: gridpilot agent --broker URL --run {given['run']} --role {waiting.missing[0]}\n"
    return said + (_kept(folder) or "No step was made, and nothing was recorded.")


def _kept(folder: Path) -> str:
    """Where the steps so far are, and how they go on; empty where there are none."""
    from gridpilot.operations.microgrids import TRACE

    kept = (folder / TRACE).is_file()
    return f"Every step is in {folder}; go on with: gridpilot env --resume --out {folder}" if kept else ""


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
    before = [f"{episode.resumed_at} steps were in the trace already"] if episode.resumed_at else []
    notes = [
        *before,
        f"{episode.steps} steps, {messages} logical messages; trace {episode.trace}",
        f"state {episode.state_hash}",
    ]
    print_table("microgrids", ["microgrid", "reward", "silent cycles"], rows, notes=notes)
