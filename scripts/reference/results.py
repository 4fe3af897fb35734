"""Measured numbers, read from the documents in `benchmarks/results`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reference.markdown import code, table

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
_ROWS = (
    ("survival, % of cycles", "survival", 100.0),
    ("energy not served, MWh", "ens_mwh", 1.0),
    ("overload, branch minutes", "overload_min", 1.0),
    ("voltage outside its band, bus minutes", "voltage_min", 1.0),
    ("curtailment, MWh", "curtailment_mwh", 1.0),
    ("cost, 1,000 USD", "cost_usd", 1e-3),
    ("CO2, t", "co2_t", 1.0),
    ("clipped actions", "clipped", 1.0),
    ("refused actions", "refused", 1.0),
)


def evaluation(name: str) -> str:
    """A card per agent from `evaluate-<name>.json`, beside each other."""
    path = RESULTS / f"evaluate-{name}.json"
    if not _is_there(path):
        return _not_measured(path)
    found = _read(path)
    agents: dict[str, Any] = found["agents"]
    rows = [["reward [95 % interval]", *(_interval(card["reward"]) for card in agents.values())]]
    rows += [[label, *(f"{factor * card[key]:,.1f}" for card in agents.values())] for label, key, factor in _ROWS]
    rows.append(["time to decide, p50 / p95, ms", *(_latency(card["latency_ms"]) for card in agents.values())])
    title = f"{found['scenario'].replace('_', '-')} on {code(found['profiles'])}, mean per day of {found['episodes']} days"
    return table([title, *map(code, agents)], rows)


def _latency(value: dict[str, float]) -> str:
    return f"{value['p50']:.1f} / {value['p95']:.1f}"


def _interval(value: dict[str, Any]) -> str:
    if value["low"] is None:
        return f"{value['mean']:,.1f}".replace("-", "−")
    return f"{value['mean']:,.1f} [{value['low']:,.1f}, {value['high']:,.1f}]".replace("-", "−")


def bench(name: str) -> str:
    """The rows of `bench-<name>.json`, and the machine they were measured on."""
    path = RESULTS / f"bench-{name}.json"
    if not _is_there(path):
        return _not_measured(path)
    found = _read(path)
    rows = [[*_measured(row), row["against"] or "–", _ratio(row["ratio"]), row["note"]] for row in found["rows"]]
    return f"{table(['row', 'value', 'unit', 'against', 'ratio', 'note'], rows)}\n\n{_measured_on(found)}"


def speed(_: str) -> str:
    """The rows of all benchmarks that were raced against a peer, which is what the versions name beside gridpilot."""
    paths = [path for path in sorted(RESULTS.glob("bench-*.json")) if _is_there(path)]
    raced = [(row, found) for found in map(_read, paths) for row in found["rows"] if row["ratio"] and row["against"] in found["versions"]]
    if not raced:
        return "*Not raced against a peer yet.*"
    rows = [[*_measured(row), row["against"], _ratio(row["ratio"])] for row, _ in raced]
    machines = dict.fromkeys(_measured_on(found) for _, found in raced)
    return "\n\n".join([table(["row", "gridpilot", "", "peer", "times as fast"], rows), *machines])


def _measured(row: dict[str, Any]) -> list[str]:
    return [code(row["name"]), f"{row['value']:,.4g}", row["unit"]]


def _measured_on(found: dict[str, Any]) -> str:
    machine = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in found["machine"].items())
    versions = ", ".join(f"{key} {value}" for key, value in found["versions"].items())
    return f"Measured on: {machine}; {versions}."


def bench_plot(name: str) -> str:
    """The picture that `scripts/make_benchmark_page.py` has drawn of `bench-<name>.json`."""
    path = RESULTS / f"bench-{name}.json"
    if not _is_there(path) or all(row["ratio"] is None for row in _read(path)["rows"]):
        return "*No picture: nothing was raced against a peer yet.*"
    return f"![How many times as fast as its peers gridpilot is in `bench {name}`](assets/bench-{name}.svg)"


def sensitivity(argument: str) -> str:
    """The rows of `sensitivity-<scenario>.json` about one thing, as in `three_microgrids delay`; `machine` tells where and when."""
    name, _, about = argument.partition(" ")
    path = RESULTS / f"sensitivity-{name}.json"
    if not _is_there(path):
        return _not_measured(path)
    found = _read(path)
    if about == "machine":
        return f"{_measured_on(found)} {found['days']} days of the judging period, {code(found['profiles'])}, {found['date']}."
    rows = [
        [row["title"], f"{row['value']:g} {row['unit']}".strip(), *(_spread(row[key], form) for key, form in _CURVE)]
        for row in found["rows"]
        if row["about"] == about
    ]
    return table(["", "", "reward, USD", "against none, USD", "safety", "silent, % of steps", "replies missed"], rows)


_CURVE = (("reward", ",.0f"), ("change", "+,.1f"), ("safety", ",.2f"), ("silent_percent", ".1f"), ("missed", ".1f"))


def _spread(value: dict[str, Any], form: str) -> str:
    """A mean and half its interval."""
    said = f"{value['mean'] + 0.0:{form}}".replace("-", "−")
    half = 0.0 if value["high"] is None else value["high"] - value["mean"]
    return said if half == 0.0 else f"{said} ± {half:{form.replace('+', '')}}"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}×"


def _is_there(path: Path) -> bool:
    """An empty file is one that a measurement is about to be written to."""
    return path.is_file() and path.stat().st_size > 0


def _not_measured(path: Path) -> str:
    return f"*Not measured yet: there is no `benchmarks/results/{path.name}`.*"


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
