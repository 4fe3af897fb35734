"""`gridpilot`: the commands, each loaded when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from gridpilot import __version__
from gridpilot.cli.errors import told
from gridpilot.cli.settings import read_dotenv

COMMANDS = {
    "run": "Operate a grid for a day and compare with doing nothing.",
    "evaluate": "Score agents over many days: a card with confidence intervals.",
    "doctor": "Prove that a scenario is no sham: actions, time, physics count.",
    "security": "Examine what the loss of each branch would do to a grid (N-1).",
    "bench": "Measure power flow, N-1 and environments, beside their peers.",
    "warm-up": "Compile all kernels ahead, so that no first step has to wait.",
    "replay": "Re-run a trace and verify every state.",
    "ask": "Ask why: answers about a run, with sources.",
    "env": "Run an episode of microgrids whose agents are anywhere.",
    "agent": "Hold microgrids of an environment elsewhere, over a broker.",
    "up": "Start microgrids and their agents here, and watch them.",
    "sensitivity": "Measure what delays, loss and outages cost microgrids.",
    "knowledge": "Search procedures, incidents and the cards of a grid.",
    "nano": "Build the small model of our own again, from a seed.",
    "data": "List, describe and import profiles.",
}
"""Name to one line of help, in the order of `--help`; each is `gridpilot.cli.<name>.command`, with `_` for `-`."""


class LazyGroup(click.Group):
    """A group whose commands are modules, imported when they are called, and whose errors are sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = import_module(f"gridpilot.cli.{cmd_name.replace('-', '_')}").command
        if not isinstance(found, click.Command):
            raise TypeError(f"gridpilot {cmd_name} is no click command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        with told():
            return super().invoke(ctx)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gridpilot")
def cli() -> None:
    """One digital twin of a power grid, and any kind of operator at its controls.

    Begin with `gridpilot run`: a day of the six-bus grid on real profiles, operated by the planner.
    """


def main() -> None:
    """The console script: read `.env`, then do what the command line says."""
    with told(standalone=True):
        read_dotenv()
    cli(prog_name="gridpilot")
