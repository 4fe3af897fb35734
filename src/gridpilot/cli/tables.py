"""Tables for people: cards of agents side by side, and plain rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gridpilot.cli.bands import Band

WIDTH = 120
"""Columns where there is no terminal to ask."""
BASELINE = "do-nothing"
SAME = 1e-9

_BETTER = Style(color=Band.HEALTHY.colour)
_WORSE = Style(color=Band.VIOLATION.colour)


class Measure(NamedTuple):
    """A row of the comparison."""

    key: str
    """Key of an agent's card; `terms.NAME` for a reward term."""
    label: str
    better: int
    """1 where more is better, -1 where less is, 0 where neither."""
    form: str = "{:.1f}"


MEASURES = (
    Measure("survival", "survival", 1, "{:.0%}"),
    Measure("ens_mwh", "energy not served, MWh", -1),
    Measure("overload_min", "overload, branch minutes", -1, "{:.0f}"),
    Measure("voltage_min", "voltage violation, bus minutes", -1, "{:.0f}"),
    Measure("curtailment_mwh", "curtailment, MWh", -1),
    Measure("cost_usd", "cost, USD", -1, "{:,.0f}"),
    Measure("co2_t", "CO2, t", -1, "{:,.0f}"),
    Measure("refused", "refused actions", 0, "{:.0f}"),
    Measure("clipped", "clipped actions", 0, "{:.0f}"),
    Measure("invalid", "invalid decisions", 0, "{:.0f}"),
)


def console() -> Console:
    """Standard output: as wide as the terminal, or a fixed width where there is none."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDTH)


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str | Text]], *, notes: Sequence[str] = ()) -> None:
    """Print rows, and sentences below them."""
    out = console()
    out.print(table(title, header, rows))
    for note in notes:
        out.print(Text(note))


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """Rows under a header; whatever is in them is text, never markup."""
    drawn = Table(title=Text(title), title_justify="left", header_style=Style(bold=True))
    for k, name in enumerate(header):
        drawn.add_column(Text(name), overflow="fold", justify="left" if k == 0 else "default")
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return drawn


def card_table(document: Mapping[str, Any], *, against: str = BASELINE) -> Table:
    """The agents of an evaluation document side by side; better or worse than `against`, with the ratio, is marked."""
    agents = list(document["agents"])
    drawn = Table(title=Text(_title(document)), title_justify="left", header_style=Style(bold=True))
    drawn.add_column("")
    for name in agents:
        drawn.add_column(Text(name), justify="right", no_wrap=True)
    for measure in (*_terms(document), *MEASURES):
        cards = document["agents"]
        base = value_of(cards[against], measure.key) if against in cards else None
        drawn.add_row(measure.label, *(_cell(cards[name], measure, None if name == against else base) for name in agents))
    drawn.add_row("decision latency p50 / p95, ms", *(_latency(card) for card in document["agents"].values()))
    return drawn


def value_of(card: Mapping[str, Any], key: str) -> float | None:
    """A number of a card: itself, or the mean of an interval; None where the card has none."""
    found: Any = card
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    found = found.get("mean") if isinstance(found, Mapping) else found
    return None if found is None else float(found)


def comparison(value: float, base: float, better: int) -> str:
    """`better` or `worse` than the base, with the ratio of the two where there is one; empty where they are equal."""
    if not better or abs(value - base) <= SAME * max(abs(value), abs(base), 1.0):
        return ""
    word = "better" if (value - base) * better > 0 else "worse"
    return f"{word} ×{value / base:.2f}" if base else word


def _title(document: Mapping[str, Any]) -> str:
    episodes = int(document["episodes"])
    return f"{document['scenario'].replace('_', '-')} · profiles {document['profiles']} · {episodes} episode{'' if episodes == 1 else 's'}"


def _terms(document: Mapping[str, Any]) -> list[Measure]:
    first: Mapping[str, Any] = next(iter(document["agents"].values()), {})
    terms = [Measure(f"terms.{name}", f"  {name}, unweighted", 1, "{:.2f}") for name in first.get("terms", {})]
    return [Measure("reward", "reward", 1, "{:.2f}"), *terms]


def _cell(card: Mapping[str, Any], measure: Measure, base: float | None) -> Text:
    value = value_of(card, measure.key)
    if value is None:
        return Text("–")
    cell = Text(measure.form.format(value + 0.0))
    said = "" if base is None else comparison(value, base, measure.better)
    if said:
        cell.append(f"  {'▲' if said.startswith('better') else '▼'} {said}", _BETTER if said.startswith("better") else _WORSE)
    return cell


def _latency(card: Mapping[str, Any]) -> Text:
    latency = card.get("latency_ms") or {}
    shown = [latency.get("p50"), latency.get("p95")]
    return Text(" / ".join("–" if value is None else f"{value:.1f}" for value in shown))
