"""The model's card: what it is, what it was made of, how well it does, and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT = """---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---

# nano

A language model of {parameters:,} parameters which operates power grids: the embedded operator of gridpilot. Architecture
`NemotronForCausalLM`, one token per word, the turns of Nemotron-Mini's chat template. It reads a state as a short text of words and whole
numbers and answers with a risk level and orders; gridpilot writes the text and turns the answer into its JSON decision.

## Data

{examples:,} states of the digital twin, made by `gridpilot nano build --seed {seed}`: days of SimBench profiles between January and
June 2016 (never the judging days of July to December) on `six_bus` and `ieee14`, as they are and as variants with other ratings,
costs, storage, loads, plants, places of devices and faults. Labels are the best that the twin's preview found among the orders of
the optimiser `opf` and a search around them. No text from people, no names.

## Metrics

Validation loss per token of a reply, by round: {losses}. Built in {minutes} minutes.

{tables}

Days are those of the period it was trained on, drawn by seeds it was not trained with. For days of the judging period see gridpilot's
documentation, `docs/explanation/nano.md`.

## Limits

- It knows what its text tells: up to 6 units, 4 storage units, 6 plants, 4 loads and 2 open branches; others keep their orders.
- It never opens a branch, and orders no taps, capacitor banks or reactive power.
- It was trained on grids of 6 and 14 buses with cycles of 5 minutes. On others it runs, and nothing is promised: `--candidates 8` lets the
  twin's preview choose between several of its replies, and every decision passes gridpilot's shield.
- It does not chat. Text that is not in its language is unknown to it.
"""


def card(metrics: Mapping[str, Any]) -> str:
    """The text of a card from what a build measured."""
    tables = "\n\n".join(_table(name, cards) for name, cards in metrics["cards"].items()) or "No day was operated."
    losses = ", ".join(f"{loss:.3f}" for loss in metrics["validation_loss"])
    return _TEXT.format(**{key: metrics[key] for key in ("parameters", "examples", "seed", "minutes")}, losses=losses, tables=tables)


def _table(name: str, cards: Mapping[str, Any]) -> str:
    head = f"| {name}, mean per day | " + " | ".join(cards) + " |\n" + "| --- " * (len(cards) + 1) + "|"
    rows = {
        "reward": [f"{card['reward']['mean']:.1f} [{card['reward']['low']:.1f}, {card['reward']['high']:.1f}]" for card in cards.values()],
        "invalid replies": [f"{card['invalid']:.0f}" for card in cards.values()],
        "time to decide, p95, ms": [f"{card['latency_ms']['p95']:.0f}" for card in cards.values()],
    }
    return "\n".join([head, *(f"| {row} | " + " | ".join(cells) + " |" for row, cells in rows.items())])
