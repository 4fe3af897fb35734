"""The picture of the sensitivity curves shows what was measured, and is the one that the script would draw."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from make_benchmark_page import ASSETS
from make_sensitivity_page import PANEL_HEIGHT, picture, pictures

SVG = "{http://www.w3.org/2000/svg}"


def row(about: str, title: str, value: float, mean: float, half: float) -> dict[str, Any]:
    told = {"mean": mean, "low": mean - half, "high": mean + half}
    return {"about": about, "title": title, "value": value, "change": told, "safety": told, "missed": told}


def drawn(*rows: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(picture({"scenario": "a < b", "days": 2, "rows": list(rows)}))


def test_points_stand_where_their_values_are() -> None:
    made = drawn(*(row("delay", "late", value, mean, 0.0) for value, mean in ((0.0, 0.0), (1.0, -1.0), (2.0, -2.0))))
    first, second, third = made.findall(f"{SVG}circle")[:3]
    assert float(second.attrib["cx"]) * 2 == pytest.approx(float(first.attrib["cx"]) + float(third.attrib["cx"]), abs=0.2)
    assert float(second.attrib["cy"]) * 2 == pytest.approx(float(first.attrib["cy"]) + float(third.attrib["cy"]), abs=0.2)
    assert 0.8 * PANEL_HEIGHT < float(third.attrib["cy"]) - float(first.attrib["cy"]) < PANEL_HEIGHT


def test_a_bar_is_as_long_as_its_interval() -> None:
    made = drawn(row("loss", "one", 0.0, 10.0, 1.0), row("loss", "one", 5.0, 20.0, 3.0))
    bars = [line for line in made.findall(f"{SVG}line") if line.attrib["x1"] == line.attrib["x2"]]
    short, long = (abs(float(bar.attrib["y1"]) - float(bar.attrib["y2"])) for bar in bars[:2])
    assert long == pytest.approx(3 * short, rel=0.05)


def test_every_curve_is_named_and_nothing_is_loaded_from_outside() -> None:
    made = drawn(row("outage", "hold 1", 0.0, 0.0, 0.0), row("outage", "hold 8", 0.0, 0.0, 0.0), row("rest", "nobody", 0.0, 0.0, 0.0))
    said = " ".join(str(text.text) for text in made.findall(f"{SVG}text"))
    assert "hold 1" in said
    assert "hold 8" in said
    assert "nobody" not in said
    assert "href" not in ElementTree.tostring(made, encoding="unicode")


def test_the_pictures_of_the_page_are_fresh() -> None:
    made = dict(pictures())
    shown = {path.name: path.read_text(encoding="utf-8") for path in ASSETS.glob("sensitivity-*.svg")}
    assert made.keys() == shown.keys() != set()
    assert shown == made, "run .venv/bin/python scripts/make_sensitivity_page.py"
