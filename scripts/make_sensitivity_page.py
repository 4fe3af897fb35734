"""Draw the sensitivity curves and fill their page, from the documents in `benchmarks/results`.

    .venv/bin/python scripts/make_sensitivity_page.py

Every `sensitivity-<scenario>.json` becomes `docs/assets/sensitivity-<scenario>.svg`: columns are what is varied, rows what it does. The
tables are those of `scripts/make_reference.py`. `tests/test_sensitivity_page.py` fails where a picture differs from what this script
would draw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from make_benchmark_page import ASSETS, COLOURS, RESULTS, ROOT
from make_reference import filled

PAGE = ROOT / "docs" / "explanation" / "sensitivity.md"

WIDTH, LEFT, TOP, PANEL_WIDTH, PANEL_HEIGHT, GAP_X, GAP_Y = 900, 58, 96, 240, 150, 40, 44
"""Pixels."""
COLUMNS = {"delay": "delay, steps of 15 min", "loss": "messages lost, %", "outage": "broker down, s"}
ROWS = {"change": "reward against none, USD a day", "safety": "safety measure a day", "missed": "replies missed a day"}

Document = Mapping[str, Any]


class Scale(NamedTuple):
    """From values to pixels of one panel."""

    x0: float
    y0: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        return self.x0 + value / self.x_high * PANEL_WIDTH

    def y(self, value: float) -> float:
        return self.y0 + (self.y_high - value) / (self.y_high - self.y_low) * PANEL_HEIGHT


def picture(document: Document) -> str:
    """An SVG of all curves with their 95 % intervals; the curves of a row share its scale."""
    height = TOP + len(ROWS) * (PANEL_HEIGHT + GAP_Y)
    title = f"{document['scenario']}: what delays, lost messages and outages cost, mean of {document['days']} days with 95 % intervals"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="20" font-size="14" font-weight="600" fill="#1a1a1a">{escape(title)}</text>',
    ]
    for column, about in enumerate(COLUMNS):
        parts += _legend(column, curves_of(document, about))
        for row, measure in enumerate(ROWS):
            parts += _panel(document, column, row, about, measure)
    return "\n".join([*parts, "</svg>"]) + "\n"


def curves_of(document: Document, about: str) -> dict[str, list[Document]]:
    """The rows of every curve about one thing, by the curve's title."""
    found: dict[str, list[Document]] = {}
    for row in document["rows"]:
        if row["about"] == about:
            found.setdefault(row["title"], []).append(row)
    return found


def _ends(row: Document, measure: str) -> tuple[float, float]:
    """Of the interval; the mean where there is none."""
    value = row[measure]
    return (value["mean"], value["mean"]) if value["low"] is None else (value["low"], value["high"])


def _scale(document: Document, column: int, row: int, about: str, measure: str) -> Scale:
    drawn = [entry for entry in document["rows"] if entry["about"] in COLUMNS]
    ends = [end for entry in drawn for end in _ends(entry, measure)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    room = 0.05 * (high - low) or 1.0
    x_high = max([entry["value"] for entry in drawn if entry["about"] == about], default=1.0) or 1.0
    x0, y0 = LEFT + column * (PANEL_WIDTH + GAP_X), TOP + row * (PANEL_HEIGHT + GAP_Y)
    return Scale(x0, y0, x_high, low - room if low < 0.0 else low, high + room)


def _panel(document: Document, column: int, row: int, about: str, measure: str) -> Iterator[str]:
    scale = _scale(document, column, row, about, measure)
    yield from _frame(scale, ROWS[measure] if column == 0 else "", COLUMNS[about] if row == len(ROWS) - 1 else "")
    for place, rows in enumerate(curves_of(document, about).values()):
        # Curves that lie on each other are told apart by a small step to the side.
        yield from _curve(scale, [(entry["value"], entry[measure]["mean"], *_ends(entry, measure)) for entry in rows], place)


def _frame(scale: Scale, y_title: str, x_title: str) -> Iterator[str]:
    right, bottom = scale.x0 + PANEL_WIDTH, scale.y0 + PANEL_HEIGHT
    for value in _ticks(scale.y_low, scale.y_high):
        y = scale.y(value)
        yield f'<line x1="{scale.x0:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}" stroke="{"#1a1a1a" if value == 0.0 else "#d0d0d0"}"/>'
        yield f'<text x="{scale.x0 - 6:.1f}" y="{y + 4:.1f}" text-anchor="end" fill="#404040">{_said(value)}</text>'
    for value in _ticks(0.0, scale.x_high):
        yield f'<text x="{scale.x(value):.1f}" y="{bottom + 14:.1f}" text-anchor="middle" fill="#404040">{_said(value)}</text>'
    if y_title:
        yield f'<text x="{scale.x0:.1f}" y="{scale.y0 - 8:.1f}" fill="#1a1a1a">{escape(y_title)}</text>'
    if x_title:
        yield f'<text x="{right:.1f}" y="{bottom + 28:.1f}" text-anchor="end" fill="#1a1a1a">{escape(x_title)}</text>'


def _ticks(low: float, high: float) -> list[float]:
    """About four round values."""
    rough = (high - low) / 4.0
    step = next(size * 10.0**power for power in range(-6, 9) for size in (1, 2, 5) if size * 10.0**power >= rough)
    first = -(-low // step)
    return [step * k for k in range(int(first), int(high // step) + 1)]


def _said(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _curve(scale: Scale, points: Sequence[tuple[float, float, float, float]], place: int) -> Iterator[str]:
    """A line through the means, and a bar for every interval."""
    colour, aside = COLOURS[place], 3.0 * place
    line = " ".join(f"{scale.x(value) + aside:.1f},{scale.y(mean):.1f}" for value, mean, _, _ in points)
    yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    for value, mean, low, high in points:
        x = scale.x(value) + aside
        yield f'<line x1="{x:.1f}" y1="{scale.y(low):.1f}" x2="{x:.1f}" y2="{scale.y(high):.1f}" stroke="{colour}"/>'
        yield f'<circle cx="{x:.1f}" cy="{scale.y(mean):.1f}" r="2.5" fill="{colour}"/>'


def _legend(column: int, curves: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    x = LEFT + column * (PANEL_WIDTH + GAP_X)
    for place, title in enumerate(curves):
        yield f'<text x="{x}" y="{40 + 14 * place}" fill="{COLOURS[place]}">● {escape(title)}</text>'


def pictures(results: Path = RESULTS) -> Iterator[tuple[str, str]]:
    """File name and SVG of every result."""
    for path in sorted(results.glob("sensitivity-*.json")):
        yield f"{path.stem}.svg", picture(json.loads(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    for name, drawn in pictures():
        (ASSETS / name).write_text(drawn, encoding="utf-8")
        print(f"Drew docs/assets/{name}")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"Filled {PAGE.relative_to(ROOT)}")
