"""An evaluation as rows of text, for whoever draws the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gridpilot.evaluation.card import Card
from gridpilot.evaluation.evaluate import Evaluation
from gridpilot.evaluation.intervals import Estimate
from gridpilot.values import REWARD_TERMS


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is, in which unit, and one cell per agent in the evaluation's order."""

    label: str
    unit: str
    cells: tuple[str, ...]


_NUMBERS: tuple[tuple[str, str, Callable[[Card], str]], ...] = (
    ("survival", "%", lambda card: f"{100 * card.survival:.1f}"),
    ("energy not served", "MWh", lambda card: f"{card.ens_mwh:.2f}"),
    ("overload", "min", lambda card: f"{card.overload_min:.0f}"),
    ("voltage violation", "min", lambda card: f"{card.voltage_min:.0f}"),
    ("curtailment", "MWh", lambda card: f"{card.curtailment_mwh:.1f}"),
    ("cost", "USD", lambda card: f"{card.cost_usd:,.0f}"),
    ("CO2", "t", lambda card: f"{card.co2_t:,.0f}"),
    ("clipped actions", "", lambda card: f"{card.clipped:.1f}"),
    ("refused actions", "", lambda card: f"{card.refused:.1f}"),
    ("invalid decisions", "", lambda card: f"{card.invalid:.1f}"),
    ("false safe", "", lambda card: f"{card.false_safe:.1f}"),
    ("latency p50 / p95", "ms", lambda card: f"{card.latency_p50_ms:.2f} / {card.latency_p95_ms:.2f}"),
)


def table(evaluation: Evaluation) -> tuple[Row, ...]:
    """All rows, means per episode; the difference to do-nothing where it is among the agents."""
    cards = tuple(evaluation.cards.values())
    rows = [Row("reward", "", tuple(_interval(card.reward) for card in cards))]
    differences = evaluation.against_nothing()
    if differences:
        rows.append(Row("reward beyond do-nothing", "", tuple(_interval(differences.get(card.agent)) for card in cards)))
    rows += [Row(f"  {name}", "", tuple(_interval(card.terms[name]) for card in cards)) for name in REWARD_TERMS]
    rows += [Row(label, unit, tuple(text(card) for card in cards)) for label, unit, text in _NUMBERS]
    return tuple(rows)


def _interval(value: Estimate | None) -> str:
    if value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.mean:.2f}"
    return f"{value.mean:.2f} [{value.low:.2f}, {value.high:.2f}]"
