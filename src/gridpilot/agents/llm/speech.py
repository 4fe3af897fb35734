"""What a model is spoken to in: from a view to what it is asked, and from its reply to a decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from gridpilot.agents.llm.language_model import Question
from gridpilot.agents.llm.prompt import Prompt, make_prompt
from gridpilot.agents.llm.reply import read_reply
from gridpilot.agents.llm.retrieval import Passage
from gridpilot.agents.llm.schema import reply_schema
from gridpilot.errors import ConfigError
from gridpilot.values import View

Speech = Callable[[View, Sequence[Passage], int, str], tuple[Prompt, Question]]
"""From a view, passages, the most tokens of a prompt and the agent's name; raises `GridpilotError` where there is no prompt."""
JSON, NANO = "json", "nano"
SPEECHES = (JSON, NANO)


def in_json(view: View, passages: Sequence[Passage], tokens: int, name: str) -> tuple[Prompt, Question]:
    """English, and the JSON of a decision: what every model is trained on."""
    prompt = make_prompt(view, passages, tokens=tokens)
    return prompt, Question(prompt.messages, partial(_schema, view), partial(read_reply, view=view, agent=name))


def speech(name: str) -> Speech:
    """By name; raises `ConfigError` for an unknown one."""
    if name == JSON:
        return in_json
    if name == NANO:
        # Imported here: it is one model's own language.
        from gridpilot.agents.nano.speech import in_nano

        return in_nano
    raise ConfigError(f"A model cannot be spoken to in {name!r}; expected one of {', '.join(SPEECHES)}.")


def _schema(view: View, finite: bool) -> dict[str, object]:
    return reply_schema(view, finite=finite)
