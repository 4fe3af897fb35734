"""`gridpilot ask`: a question about a run, answered from its state, its trace, a preview and knowledge."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridpilot.cli.agent_settings import agent_settings, chosen
from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.settings import EPILOG, config_option, option

if TYPE_CHECKING:
    from gridpilot.agents.llm.agent import LanguageAgent


@click.command("ask", epilog=EPILOG)
@click.argument("question")
@option("--run", "run", required=True, type=click.Path(exists=True, path_type=Path), help="Folder of a run, or its trace.")
@option("--cycle", type=click.IntRange(min=1), default=None, help="Cycle that the question is about; the last one unless given.")
@option("--agent", default=None, help="Who puts the answer into words: llm, or local:PATH; nobody unless given.")
@agent_settings
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, /, question: str, run: Path, cycle: int | None, agent: str | None, as_json: bool, **settings: Any) -> None:
    """Answer a QUESTION about a run, with sources.

    A question that names an order ("why not open LN25?") is answered by a preview of it.
    """
    from gridpilot.agents.llm.chat import Situation, ask
    from gridpilot.cli.progress import COMPILING, waiting
    from gridpilot.evaluation.informed import GridKnowledge
    from gridpilot.traces.recall import recall

    speaker = _speaker(ctx, agent, settings)
    with waiting(COMPILING):
        found = recall(run / "trace.jsonl" if run.is_dir() else run, cycle)
        knowledge = GridKnowledge(found.twin, found.state, found.before)
    record = found.record
    situation = Situation(found.view, record.decision, record.verdict, record.receipts)
    try:
        language, deadline_s = (None, 0.0) if speaker is None else (speaker.language, speaker.deadline_s)
        answer = ask(question, situation, search=knowledge.search, language=language, deadline_s=deadline_s)
    finally:
        if speaker is not None:
            speaker.close()
    if as_json:
        print_document({"question": question, "cycle": record.number, **asdict(answer)})
        return
    click.echo(answer.text)
    click.echo(f"\nSources: {', '.join(answer.sources) or 'none named'}; cycle {record.number}, {found.view.time}.")
    click.echo(f"In the words of {answer.by}." if answer.by else f"Facts only: {answer.why}.", err=True)


def _speaker(ctx: click.Context, agent: str | None, settings: dict[str, Any]) -> LanguageAgent | None:
    """The language model that was asked for; raises `ConfigError` for an agent that has none."""
    from gridpilot.agents import make_agents
    from gridpilot.agents.llm.agent import LanguageAgent
    from gridpilot.errors import ConfigError

    if agent is None:
        return None
    (made,) = make_agents([agent], chosen(ctx, [agent], settings))
    if not isinstance(made, LanguageAgent):
        raise ConfigError(f"Agent {agent!r} does not speak; expected llm, or local:PATH.")
    return made
