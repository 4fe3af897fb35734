"""`gridpilot run`: the main job. A grid is operated for a day, and compared with doing nothing."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from getpass import getuser
from typing import TYPE_CHECKING, Any, Protocol

import click

from gridpilot.cli.agent_settings import OPTIONS, agent_settings, as_options, chosen
from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.errors import INTERRUPTED, Interrupted
from gridpilot.cli.settings import EPILOG, SENTENCE, config_option, option

if TYPE_CHECKING:
    from gridpilot.cli.frame import Frame
    from gridpilot.operations import Operator, Run, RunConfig


class Screen(Protocol):
    """Where frames are shown: the live view, or plain lines."""

    def show(self, frame: Frame) -> None: ...


@click.command("run", epilog=EPILOG)
@option("--scenario", default="six-bus", help="Grid to operate: six-bus, ieee14, …")
@option("--agent", default="nano", help="Who operates it: nano, planner, opf, rules, do-nothing, llm, local:PATH.")
@agent_settings
@option(
    "--instruct",
    "--instructions",
    "instructions",
    multiple=True,
    type=SENTENCE,
    metavar="TEXT",
    help="Standing instruction; again for several.",
)
@option("--cycles", type=click.IntRange(min=1), default=None, help="Cycles to operate; a whole day where not given.")
@option("--cycle-minutes", type=click.FloatRange(min=0, min_open=True), default=5.0, help="Simulated time between two decisions.")
@option("--speed", default="fast", metavar="fast|N", help="As fast as it goes, or N times real time.")
@option("--seed", type=click.IntRange(min=0), default=0, help="Draws the day and the disturbances.")
@option("--profiles", default="simbench", help="Load and weather: a name of `gridpilot data list`, or a CSV file.")
@option("--start", default=None, metavar="DAY", help="First day, as in 2016-07-04; drawn by the seed where not given.")
@option("--growth/--no-growth", default=False, help="Let the grid grow while it is operated.")
@option("--engine", default="newton", help="Power flow engine: newton, dc or pandapower.")
@option("--period", type=click.Choice(["judging", "tuning"]), default="judging", help="Days to draw from; tuning has those it was made on.")
@option(
    "--mode",
    type=click.Choice(["auto", "advise", "review"]),
    default="auto",
    help="Apply what the shield lets through, show it only, or ask before every change.",
)
@option("--operator", default="", metavar="NAME", help="Who signs verdicts in mode review; your user name where not given.")
@option(
    "--verdict-s",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    metavar="SECONDS",
    help="How long mode review waits for a verdict; then everything is held. As long as it takes where not given.",
)
@option("--durable/--no-durable", default=False, help="Wait for the disk after every cycle, so that a power cut loses none.")
@option("--out", default="runs", metavar="DIR", help="Folder in which the run makes its own.")
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, **settings: Any) -> None:
    """Operate a grid for a day, watch it live, and compare with doing nothing.

    Without a terminal it prints a line per simulated hour.
    """
    from gridpilot.cli.progress import COMPILING, waiting

    with waiting(COMPILING):
        from gridpilot.operations import RunConfig, start_run

        options = chosen(ctx, [settings["agent"]], settings)
        config = RunConfig(**{key: value for key, value in settings.items() if key not in OPTIONS}, **options)
        run = start_run(config, operator=_operator(config, as_json))
    try:
        with ExitStack() as while_scoring, run:
            _prepare(run)
            _operate(run, as_json)
            while_scoring.enter_context(waiting("operating do-nothing on the same day"))
    except KeyboardInterrupt as again:
        raise Interrupted(f"Stopped before the card was made. Trace: {run.folder.trace}\n{_next(run)}") from again
    if not run.done:
        raise Interrupted(f"Stopped before the first cycle was done; {run.folder.path} holds its configuration.\nNext:  gridpilot run")
    _report(run, as_json)
    if run.interrupted:
        ctx.exit(INTERRUPTED)


def _prepare(run: Run) -> None:
    """Let the agent make itself ready, and tell what it found."""
    from gridpilot.cli.progress import waiting

    with waiting(f"making {run.config.agent} ready"):
        found = run.prepare()
    if found:
        click.echo(f"gridpilot: {found}.", err=True)


def _operate(run: Run, as_json: bool) -> None:
    """Run every cycle, and show each; the first one compiles what has never been compiled."""
    from gridpilot.cli.progress import COMPILING, waiting

    frames = _frames(run)
    with waiting(COMPILING):
        first = next(frames, None)
    if first is None:
        return
    with _screen(run, as_json) as screen:
        screen.show(first)
        for frame in frames:
            screen.show(frame)


def _frames(run: Run) -> Iterator[Frame]:
    from gridpilot.cli.frame import Totals, frame_of, weights_of

    weights, totals = weights_of(run.twin), Totals()
    for passed in run.passed():
        totals = totals.plus(passed.record.moved, weights)
        yield frame_of(passed, run.twin, totals, run.cycles)


def _operator(config: RunConfig, as_json: bool) -> Operator | None:
    """The person at this terminal, where one is asked."""
    if config.mode != "review":
        return None
    from gridpilot.cli.prompt import TerminalOperator

    return TerminalOperator(config.operator or getuser(), to_stderr=as_json)


def _screen(run: Run, as_json: bool) -> AbstractContextManager[Screen]:
    """The live view where the stream is a terminal; progress is for stderr where stdout holds the document.

    Beside a dialogue there are plain lines.
    """
    if run.config.mode != "review" and (sys.stderr if as_json else sys.stdout).isatty():
        from rich.console import Console

        from gridpilot.cli.view import LiveView

        return LiveView(Console(stderr=as_json), run.cycles)
    from gridpilot.cli.plain import PlainLines

    return PlainLines(_writer(as_json))


def _writer(to_stderr: bool) -> Callable[[str], None]:
    return lambda line: click.echo(line, err=to_stderr)


def _report(run: Run, as_json: bool) -> None:
    """The card beside do-nothing's, where everything lies, and what to type next."""
    document = _document(run)
    if as_json:
        print_document(document)
    else:
        from gridpilot.cli.tables import card_table, console

        console().print(card_table(document))
    for line in _ending(run):
        click.echo(line, err=as_json or run.interrupted)


def _document(run: Run) -> dict[str, Any]:
    """The card of the run, in the form of `gridpilot evaluate --json`, with the run that it is of."""
    card: dict[str, Any] = json.loads(run.folder.card.read_text(encoding="utf-8"))
    return {
        **card,
        "run": {
            "id": run.folder.run_id,
            "folder": str(run.folder.path),
            "trace": str(run.folder.trace),
            "agent": run.config.agent,
            "seed": run.config.seed,
            "start": str(run.twin.time(run.twin.first())),
            "cycles": run.done,
            "interrupted": run.interrupted,
            "stood_in": run.stood_in,
        },
    }


def _ending(run: Run) -> list[str]:
    stopped = [f"Stopped after {run.done} of {run.cycles} cycles; all of them are kept."] if run.interrupted else []
    if run.stood_in:
        stopped.append(f"A stand-in decided in {run.stood_in} of {run.done} cycles; the trace says why.")
    return [*stopped, f"Trace: {run.folder.trace}", f"Card:  {run.folder.card}", _next(run)]


def _next(run: Run) -> str:
    """The commands to type next, ready to be copied."""
    config = run.config
    agents = ",".join(dict.fromkeys(("do-nothing", config.agent)))
    asked = ["--scenario", config.scenario, "--agents", agents, "--profiles", config.profiles, "--episodes", "8"]
    asked += as_options(config.agent_options)
    return f"Next:  gridpilot replay {shlex.quote(str(run.folder.trace))}\n       gridpilot evaluate {shlex.join(asked)}"
