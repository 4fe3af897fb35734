"""Nano, the embedded operator: a small language model of our own which runs offline, on the base installation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridpilot.agents.nano.agent import NAME, SHIPPED, Nano

__all__ = ["NAME", "SHIPPED", "Nano", "make"]


def make(*, folder: str | Path = SHIPPED, **options: Any) -> Nano:
    """The agent; options are the fields of `Nano`."""
    return Nano(folder=Path(folder), **options)
