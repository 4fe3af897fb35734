"""A grid drawn with characters: buses at their places, branches as lines, both in the colour of their band."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.style import Style
from rich.text import Text

from gridpilot.cli.bands import Band, loading_band, voltage_band
from gridpilot.cli.frame import BranchNow, BusNow

LABELLED = 12
"""Up to this many branches every one is labelled; of more, those from 80 % and those out of service."""
_MARGIN = 6
"""Columns left and right for the names of the outermost buses."""

Cell = tuple[int, int]


class Canvas:
    """A rectangle of characters, each with a style."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._marks = [[" "] * width for _ in range(height)]
        self._styles = [[Style()] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, style: Style) -> None:
        """Write a text from a cell to the right; what lies outside is left out."""
        for k, mark in enumerate(text):
            if 0 <= x + k < self.width and 0 <= y < self.height:
                self._marks[y][x + k] = mark
                self._styles[y][x + k] = style

    def text(self) -> Text:
        """The whole, line by line."""
        drawn = Text(no_wrap=True)
        for marks, styles in zip(self._marks, self._styles, strict=True):
            for mark, style in zip(marks, styles, strict=True):
                drawn.append(mark, style)
            drawn.append("\n")
        return drawn


def draw_grid(buses: Sequence[BusNow], branches: Sequence[BranchNow], width: int = 58, height: int = 13) -> Text | None:
    """The grid, or None where a bus has no place."""
    if not buses or any(math.isnan(bus.x + bus.y) for bus in buses):
        return None
    canvas = Canvas(width, height)
    cells = _cells(buses, width, height)
    ends = {bus for branch in branches for bus in (branch.a, branch.b)}
    for branch in branches:
        _draw_branch(canvas, branch, cells)
    for branch in branches:
        if len(branches) <= LABELLED or branch.loading >= 0.8 or branch.out:
            _label_branch(canvas, branch, cells)
    for k, bus in enumerate(buses):
        if k in ends:  # a bus that is not built yet has no branch
            _draw_bus(canvas, bus, cells[k])
    return canvas.text()


def _cells(buses: Sequence[BusNow], width: int, height: int) -> list[Cell]:
    """Cell of every bus: the schematic stretched over the canvas, a line below for the voltages."""
    columns = _stretched([bus.x for bus in buses], _MARGIN, width - 1 - _MARGIN)
    rows = _stretched([bus.y for bus in buses], 0, height - 2)
    return list(zip(columns, rows, strict=True))


def _stretched(places: Sequence[float], first: int, last: int) -> list[int]:
    low, span = min(places), max(places) - min(places)
    if span == 0.0:
        return [(first + last) // 2] * len(places)
    return [round(first + (place - low) / span * (last - first)) for place in places]


def _style(branch: BranchNow) -> Style:
    return Style(color=Band.VIOLATION.colour if branch.out in ("fault", "tripped") else _band(branch).colour)


def _band(branch: BranchNow) -> Band:
    return Band.LIGHT if branch.out else loading_band(branch.loading)


def _draw_branch(canvas: Canvas, branch: BranchNow, cells: Sequence[Cell]) -> None:
    style = _style(branch)
    path = list(_line(cells[branch.a], cells[branch.b]))
    for k, (here, there) in enumerate(pairwise(path)):
        if not (branch.out and k % 2):  # out of service: dashed
            canvas.put(*here, _stroke(here, there, heavy=branch.loading > 0.8), style)


def _stroke(here: Cell, there: Cell, *, heavy: bool) -> str:
    dx, dy = there[0] - here[0], there[1] - here[1]
    if dy == 0:
        return "━" if heavy else "─"
    if dx == 0:
        return "┃" if heavy else "│"
    return "╲" if (dx > 0) == (dy > 0) else "╱"


def _line(start: Cell, end: Cell) -> Iterator[Cell]:
    """Cells from one to another, one per step along the longer side."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for k in range(steps + 1):
        yield round(start[0] + (end[0] - start[0]) * k / steps), round(start[1] + (end[1] - start[1]) * k / steps)


def _label_branch(canvas: Canvas, branch: BranchNow, cells: Sequence[Cell]) -> None:
    (ax, ay), (bx, by) = cells[branch.a], cells[branch.b]
    label = f" {branch.name} {branch.out or f'{branch.loading:.0%}'}{'' if branch.out else _band(branch).mark.strip()} "
    canvas.put((ax + bx) // 2 - len(label) // 2, (ay + by) // 2, label, _style(branch) + Style(bold=branch.loading > 0.8))


def _draw_bus(canvas: Canvas, bus: BusNow, cell: Cell) -> None:
    band = voltage_band(bus.v_pu, bus.v_min_pu, bus.v_max_pu) if bus.energised else Band.VIOLATION
    mark = "●" if band is not Band.VIOLATION else "◆"
    side = "" if band is not Band.VIOLATION else "▼" if bus.v_pu < bus.v_min_pu else "▲"
    name, below = f"{mark} {bus.name}", f"{bus.v_pu:.3f}{side}" if bus.energised else "no supply"
    x, y = cell
    left = min(max(x - len(name) // 2, 0), canvas.width - len(name))
    canvas.put(left, y, name, Style(color=band.colour, bold=True))
    canvas.put(left + 2, y + 1, below, Style(color=band.colour))
