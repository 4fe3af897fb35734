"""Draw the measured ratios and fill the page of benchmarks, from the documents in `benchmarks/results`.

    .venv/bin/python scripts/make_benchmark_page.py

Every `bench-<name>.json` with a ratio becomes `docs/assets/bench-<name>.svg`; the tables are those of
`scripts/make_reference.py`. `tests/test_benchmark_page.py` fails where a picture differs from what this script would draw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from pathlib import Path
from typing import Any, NamedTuple

from make_reference import filled

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS, ASSETS = ROOT / "benchmarks" / "results", ROOT / "docs" / "assets"

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 900, 270, 150, 46, 24, 30
"""Pixels; the bars stand between `LEFT` and `WIDTH - RIGHT`."""
COLOURS = ("#3566a8", "#b35c1e", "#3c7d4f", "#7a4f9a", "#8a6d1f")
"""One per peer; each reaches a contrast of 4.5 with white."""

Document = Mapping[str, Any]


class Bar(NamedTuple):
    """One row that was raced."""

    name: str
    against: str
    ratio: float


def bars_of(document: Document) -> list[Bar]:
    """The rows with a ratio, peer by peer in the order in which peers appear."""
    raced = [Bar(row["name"], str(row["against"]), float(row["ratio"])) for row in document["rows"] if row["ratio"] is not None]
    peers = list(dict.fromkeys(bar.against for bar in raced))
    return sorted(raced, key=lambda bar: peers.index(bar.against))


def picture(title: str, document: Document) -> str:
    """An SVG of the ratios as bars from 1 on a logarithmic axis: to the right gridpilot is faster, to the left its peer."""
    bars = bars_of(document)
    low, high = _decades([bar.ratio for bar in bars])
    height = TOP + ROW * len(bars) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="20" font-size="14" font-weight="600" fill="#1a1a1a">{escape(title)}</text>',
        *_axis(low, high, height),
        *_rows(bars, low, high),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _decades(ratios: Sequence[float]) -> tuple[int, int]:
    """Powers of ten around all ratios and 1."""
    low, high = min([1.0, *ratios]), max([1.0, *ratios])
    return floor(log10(low)), max(1, ceil(log10(high)))


def _at(ratio: float, low: int, high: int) -> float:
    """Pixels from the left."""
    return LEFT + (log10(ratio) - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _axis(low: int, high: int, height: int) -> Iterator[str]:
    for power in range(low, high + 1):
        x, value = _at(10.0**power, low, high), f"{10.0**power:,g}×" if power < 4 else f"10{_raised(power)}×"
        colour = "#1a1a1a" if power == 0 else "#d0d0d0"
        yield f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - BOTTOM + 4}" stroke="{colour}"/>'
        yield f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle" fill="#404040">{value}</text>'


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _rows(bars: Sequence[Bar], low: int, high: int) -> Iterator[str]:
    peers, one = list(dict.fromkeys(bar.against for bar in bars)), _at(1.0, low, high)
    for k, bar in enumerate(bars):
        y, end = TOP + ROW * k, _at(bar.ratio, low, high)
        colour = COLOURS[peers.index(bar.against) % len(COLOURS)]
        told = f"{bar.ratio:,.{max(0, 2 - floor(log10(max(1.0, bar.ratio))))}f}×"
        yield f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end" fill="#1a1a1a">{escape(bar.name)}</text>'
        yield f'<rect x="{min(one, end):.1f}" y="{y + 4}" width="{abs(end - one):.1f}" height="{ROW - 8}" fill="{colour}"/>'
        yield f'<text x="{max(one, end) + 5:.1f}" y="{y + 15}" fill="{colour}">{told} {escape(bar.against)}</text>'


def pictures(results: Path = RESULTS) -> Iterator[tuple[str, str]]:
    """File name and SVG of every result that has a ratio."""
    for path in sorted(results.glob("bench-*.json")):
        text = path.read_text(encoding="utf-8")
        document: Document = json.loads(text) if text else {"rows": []}
        if bars_of(document):
            yield f"{path.stem}.svg", picture(f"{path.stem.removeprefix('bench-')}: times as fast as the peer in the same run", document)


if __name__ == "__main__":
    for name, drawn in pictures():
        (ASSETS / name).write_text(drawn, encoding="utf-8")
        print(f"Drew docs/assets/{name}")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"Filled {PAGE.relative_to(ROOT)}")
