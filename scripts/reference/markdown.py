"""Markdown from rows and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; cells are one line each."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in row) + " |" for row in lines)


def cell(value: object) -> str:
    """A value as the content of a cell."""
    return " ".join(str(value).split()).replace("|", "\\|")


def code(value: object) -> str:
    """A value in code font; nothing for nothing."""
    return f"`{value}`" if str(value) else ""


def number(value: float) -> str:
    """A number as a person writes it."""
    if value in (float("inf"), float("-inf")):
        return "−∞" if value < 0 else "∞"
    return f"{value:g}".replace("-", "−")


def doc(thing: Any) -> str:
    """The docstring of a module, class or function, without its indentation."""
    text = thing.__doc__ or ""
    return inspect.cleandoc(text)


def first_line(thing: Any) -> str:
    """The first paragraph of a docstring as one line."""
    return " ".join(doc(thing).split("\n\n")[0].split())


def rest(module: ModuleType) -> str:
    """A docstring after its first line."""
    return doc(module).partition("\n")[2].strip()
