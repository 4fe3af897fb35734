"""Nano, the embedded operator: a small language model of our own which runs offline, on the base installation."""

from __future__ import annotations

from pathlib import Path

from gridpilot.agents.nano.agent import CANDIDATES, NAME, SHIPPED, TEMPERATURE, Nano

ARGUMENT = "folder"
"""What stands behind the colon of `nano:FOLDER`: a model that `gridpilot nano build` has made."""

__all__ = ["ARGUMENT", "NAME", "SHIPPED", "Nano", "make"]


def make(*, candidates: int = CANDIDATES, temperature: float = TEMPERATURE, seed: int = 0, folder: str | Path = SHIPPED) -> Nano:
    """The agent; options are the fields of `Nano`. With another model than the shipped one it has the folder in its name."""
    name = NAME if Path(folder) == SHIPPED else f"{NAME}-{Path(folder).resolve().name}"
    return Nano(candidates, temperature, seed, Path(folder), name)
