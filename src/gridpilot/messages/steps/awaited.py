"""Who is waited for, for those who watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Awaited(NamedTuple):
    """Who is missing, and who is there."""

    phase: str
    """`hello` while the roles' hosts are looked for, then what the roles were asked."""
    missing: tuple[str, ...]
    here: tuple[str, ...]
    refused: tuple[str, ...]
    """Why messages of the run were refused: a sentence for each check that some did not pass."""


Watch = Callable[[Awaited], None]
"""Told whenever somebody is waited for, and when that is over: then nobody is missing. Called in the thread of the messages."""


def unwatched(_: Awaited) -> None:
    """Nobody watches."""


def refusals(count: int, sentences: tuple[str, ...]) -> str:
    """What is added to an error where messages were refused; nothing where none were."""
    return f" {count} messages were refused: {' '.join(sentences)}" if sentences else ""
