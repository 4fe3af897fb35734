"""Options that go to the agents of a command: the same for all commands that have agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from gridpilot.cli.settings import F, option

OPTIONS = ("base_url", "model", "api_key_env", "adapter", "stand_in", "candidates", "deadline_s", "prompt_tokens", "speech")
"""Parameters that `agent_settings` adds to a command."""


def agent_settings(command: F) -> F:
    """`--base-url` … `--speech`."""
    count, seconds = click.IntRange(min=1), click.FloatRange(min=0, min_open=True)
    added = (
        option("--base-url", metavar="URL", help="Server of a language model, OpenAI-compatible: http://localhost:8000/v1."),
        option("--model", metavar="NAME", help="Name of the language model at the server."),
        option("--api-key-env", metavar="NAME", help="Environment variable that holds the server's key."),
        option("--adapter", metavar="DIR", help="LoRA adapter for a language model in a folder."),
        option("--stand-in", metavar="AGENT", help="Who decides where a language model does not; planner unless given."),
        option("--candidates", type=count, metavar="N", help="Decisions per cycle, of which the best on the outlook is taken."),
        option("--deadline-s", type=seconds, metavar="SECONDS", help="Time for a decision, the stand-in's included; 20 unless given."),
        option("--speech", metavar="json|nano", help="What a server's model is spoken to in; nano for weights of `gridpilot nano build`."),
        option("--prompt-tokens", type=count, metavar="N", help="Longest prompt of a language model; 3200 unless given."),
    )
    for decorate in reversed(added):
        command = decorate(command)
    return command


def chosen(ctx: click.Context, agents: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The options of agents that were set.

    One that none of the agents has is left out unless it stands on the command line: the environment and a file may name a model
    for other agents than these.
    """
    from gridpilot.agents import agent_options
    from gridpilot.errors import ConfigError

    try:
        known = {key for agent in agents for key in agent_options(agent)}
    except ConfigError:  # told with the other problems of the command
        known = set(OPTIONS)
    here = {key for key in OPTIONS if ctx.get_parameter_source(key) is ParameterSource.COMMANDLINE}
    return {key: settings[key] for key in OPTIONS if settings[key] is not None and (key in known or key in here)}


def as_options(settings: Mapping[str, Any]) -> list[str]:
    """The same as words of a command line."""
    return [word for key, value in settings.items() for word in (f"--{key.replace('_', '-')}", str(value))]
