"""The pictures of the benchmarks show what was measured, and are those that the script would draw."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from make_benchmark_page import ASSETS, bars_of, picture, pictures

SVG = "{http://www.w3.org/2000/svg}"


def document(*ratios: float | None, against: str = "peer") -> dict[str, Any]:
    return {"rows": [{"name": f"row{k}", "against": against, "ratio": ratio} for k, ratio in enumerate(ratios)]}


def widths(drawn: str) -> list[float]:
    """Widths of the bars, the background left out."""
    return [float(bar.attrib["width"]) for bar in ElementTree.fromstring(drawn).findall(f"{SVG}rect")[1:]]


def test_a_bar_is_as_long_as_its_ratio_on_a_logarithmic_axis() -> None:
    one, two, four, tenth = widths(picture("bench", document(10.0, 100.0, 10000.0, 0.1)))
    assert two == pytest.approx(2 * one, abs=0.2)
    assert four == pytest.approx(4 * one, abs=0.3)
    assert tenth == pytest.approx(one, abs=0.2)


def test_a_slower_side_has_its_bar_on_the_left() -> None:
    faster, slower = ElementTree.fromstring(picture("bench", document(4.0, 0.25))).findall(f"{SVG}rect")[1:]
    assert float(slower.attrib["x"]) + float(slower.attrib["width"]) == pytest.approx(float(faster.attrib["x"]), abs=0.2)


def test_rows_that_were_not_raced_have_no_bar_and_peers_stand_together() -> None:
    mixed = {"rows": [*document(3.0, None)["rows"], *document(5.0, against="other")["rows"], *document(4.0)["rows"]]}
    assert [(bar.against, bar.ratio) for bar in bars_of(mixed)] == [("peer", 3.0), ("peer", 4.0), ("other", 5.0)]
    colours = [bar.attrib["fill"] for bar in ElementTree.fromstring(picture("bench", mixed)).findall(f"{SVG}rect")[1:]]
    assert colours[0] == colours[1] != colours[2]


def test_names_and_numbers_are_told_and_nothing_is_loaded_from_outside() -> None:
    drawn = picture("a < b", document(12.34))
    said = [text.text for text in ElementTree.fromstring(drawn).findall(f"{SVG}text")]
    assert {"a < b", "row0", "12.3× peer", "1×", "10×", "100×"} <= set(said)
    assert "href" not in drawn


def test_the_pictures_of_the_page_are_fresh() -> None:
    made = dict(pictures())
    shown = {path.name: path.read_text(encoding="utf-8") for path in ASSETS.glob("bench-*.svg")}
    assert shown == made, "run .venv/bin/python scripts/make_benchmark_page.py"
