"""Draw the live view of `gridpilot run` as a picture for the README: docs/assets/run.svg.

    .venv/bin/python scripts/make_terminal_picture.py

It operates the default day and takes its busiest moment, so that the same code always draws the same picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from gridpilot.agents import make_agent
from gridpilot.cli.frame import Frame, Totals, frame_of, weights_of
from gridpilot.cli.view import Scene, draw
from gridpilot.operations import run_cycles
from gridpilot.twin import make_twin

TARGET = Path(__file__).resolve().parents[1] / "docs" / "assets" / "run.svg"
SCENARIO, AGENT, SEED = "six-bus", "nano", 0
WIDTH, HEIGHT = 120, 36


def frames(scenario: str, agent: str, seed: int, cycles: int | None = None) -> Iterator[Frame]:
    """Every frame of a run, without the wall time that decisions took."""
    twin = make_twin(scenario, seeds=(seed,), cycles=cycles)
    weights, totals = weights_of(twin), Totals()
    for passed in run_cycles(twin, make_agent(agent)):
        totals = totals.plus(passed.record.moved, weights)
        yield replace(frame_of(passed, twin, totals, twin.world.end_step), latency_ms=None)


def busiest(frames: Iterator[Frame]) -> Scene:
    """The scene with most branches out, then most actions, then the highest loading."""
    scenes: list[Scene] = []
    for frame in frames:
        scenes.append((scenes[-1] if scenes else Scene()).plus(frame))
    return max(scenes, key=_business)


def _business(scene: Scene) -> tuple[int, int, float]:
    if scene.frame is None:
        return (0, 0, 0.0)
    out = sum(branch.out in ("fault", "tripped") for branch in scene.frame.branches)
    return (out, len(scene.frame.receipts), scene.frame.max_loading)


def picture(scene: Scene) -> str:
    """The scene as an SVG that loads nothing from outside."""
    console = Console(width=WIDTH, height=HEIGHT, record=True, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(draw(scene, WIDTH, HEIGHT))
    drawn = console.export_svg(title="gridpilot run", unique_id="gridpilot-run")
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(picture(busiest(frames(SCENARIO, AGENT, SEED))), encoding="utf-8")
    print(f"Wrote {TARGET}")
