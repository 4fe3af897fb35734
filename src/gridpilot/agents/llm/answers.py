"""What a chat-completions server sends back, read without trust: any body may come."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from gridpilot.errors import ModelError


class Text(NamedTuple):
    """What a model said."""

    content: str
    cut: bool
    """Whether it ended at the largest number of tokens."""
    ms: float = 0.0
    """Wall time that it took."""


def text_of(body: bytes) -> Text:
    """The first choice of a completion; raises `ModelError` for a body that is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ModelError("wrong", f"the server's answer is not JSON: {body[:60]!r}") from error
    choice = _first(_part(found, "choices"))
    content = _part(_part(choice, "message"), "content")
    if not isinstance(content, str):
        raise ModelError("wrong", f"the server's answer has no choices[0].message.content with text: {body[:120]!r}")
    return Text(content, _part(choice, "finish_reason") == "length")


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None
