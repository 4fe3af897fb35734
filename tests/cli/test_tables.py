"""A card beside do-nothing's: what is better, what is worse, and by how much."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from gridpilot.cli.tables import card_table, comparison, table, value_of


def card(**changes: Any) -> dict[str, Any]:
    plain = dict.fromkeys(
        ("survival", "ens_mwh", "overload_min", "voltage_min", "curtailment_mwh", "cost_usd", "co2_t", "refused", "clipped", "invalid"), 0.0
    )
    return {
        "reward": {"mean": -10.0, "low": None, "high": None},
        "terms": {"congestion": {"mean": -2.0, "low": None, "high": None}},
        **plain,
        "latency_ms": {"p50": 1.0, "p95": 2.5},
        **changes,
    }


def shown(agents: dict[str, Any]) -> dict[str, str]:
    """Rows of the table by their first words."""
    console = Console(width=160, file=StringIO(), record=True)
    console.print(card_table({"scenario": "six_bus", "profiles": "simbench", "episodes": 1, "agents": agents}))
    rows = [line.strip("│ ").split("│", 1) for line in console.export_text().splitlines() if line.startswith("│")]
    return {name.strip(): rest for name, rest in rows}


@pytest.mark.parametrize(
    ("value", "base", "better", "said"),
    [
        (5.0, 10.0, -1, "better ×0.50"), (20.0, 10.0, -1, "worse ×2.00"), (-5.0, -10.0, 1, "better ×0.50"),
        (-20.0, -10.0, 1, "worse ×2.00"),
        (10.0, 10.0, -1, ""), (3.0, 0.0, -1, "worse"), (0.0, 7.0, -1, "better ×0.00"), (3.0, 1.0, 0, ""),
    ],
)  # fmt: skip
def test_better_and_worse(value: float, base: float, better: int, said: str) -> None:
    assert comparison(value, base, better) == said


def test_rows_are_compared_with_do_nothing() -> None:
    rows = shown({
        "do-nothing": card(overload_min=100.0, cost_usd=10.0),
        "rules": card(reward={"mean": -2.5}, overload_min=20.0, cost_usd=15.0, refused=3.0),
    })  # fmt: skip
    assert "▲ better ×0.25" in rows["reward"]
    assert "▲ better ×0.20" in rows["overload, branch minutes"]
    assert "▼ worse ×1.50" in rows["cost, USD"]
    assert "worse" not in rows["refused actions"]
    assert "1.0 / 2.5" in rows["decision latency p50 / p95, ms"]


def test_without_do_nothing_nothing_is_compared() -> None:
    assert not any("better" in row or "worse" in row for row in shown({"rules": card(), "planner": card(cost_usd=9.0)}).values())


def test_a_missing_number_is_a_dash() -> None:
    bare = card()
    del bare["co2_t"]
    assert "–" in shown({"rules": bare})["CO2, t"]
    assert value_of(bare, "terms.nothing") is None


def test_cells_are_text_and_no_markup() -> None:
    console = Console(width=80, file=StringIO(), record=True)
    console.print(table("[b]t[/b]", ["[red]h"], [["[link=x]c"]]))
    text = console.export_text()
    assert "[b]t[/b]" in text
    assert "[red]h" in text
    assert "[link=x]c" in text
