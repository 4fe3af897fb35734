"""A scenario as a sheet: why it is as it is, and every number in it."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from itertools import pairwise, takewhile
from math import isfinite
from types import ModuleType

import numpy as np

from gridpilot.network import TRANSFORMER, Network
from gridpilot.scenarios import Scenario, load_scenario, scenario_titles
from reference.markdown import code, doc, number, table


def scenarios(_: str) -> str:
    """Every scenario by name and title."""
    rows = [[f"[`{name.replace('_', '-')}`](#{name.replace('_', '-')})", title] for name, title in scenario_titles().items()]
    return table(["name", "what"], rows)


def scenario(name: str) -> str:
    """The sheet of one scenario."""
    found = load_scenario(name)
    module = import_module(f"gridpilot.scenarios.{found.name}")
    parts = [
        doc(module),
        *_reasons(module),
        "**Branches** (impedances in pu of the base, ratings in MVA)",
        _branches(found.network),
        *_devices(found),
        f"**Threats**: {len(found.threats)} drawn per episode; the seed says where, when and how much",
        _threats(found),
        "**Rules**",
        _rules(found),
        "**Profiles and dates**",
        _sources(found),
    ]
    return "\n\n".join(parts)


def _reasons(module: ModuleType) -> list[str]:
    """What stands beside the numbers in the scenario's file: comments above, and texts below, what is at its top level."""
    source = inspect.getsource(module)
    lines, body = source.splitlines(), ast.parse(source).body
    found: dict[str, str] = {}
    for node, after in pairwise([*body, ast.Pass()]):
        name = _name_of(node)
        below = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        inside = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) and name != "build" else ""
        said = [_comment_above(lines, node.lineno), str(below), inside or ""] if name else []
        found[name] = " ".join(" ".join(said).split())
    return ["\n".join(f"- {code(name.strip('_').lower())}: {said}" for name, said in found.items() if said)]


def _name_of(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) else ""


def _comment_above(lines: list[str], number: int) -> str:
    """The comment that ends on the line before this one; lines count from 1."""
    above = list(takewhile(lambda line: line.startswith("#"), reversed(lines[: number - 1])))
    return " ".join(line.removeprefix("#").strip() for line in reversed(above))


def _branches(network: Network) -> str:
    rows = [
        [code(name), code(network.bus_name[a]), code(network.bus_name[b]), *map(number, numbers), "yes" if kind == TRANSFORMER else ""]
        for name, a, b, kind, *numbers in zip(
            network.branch_name, network.branch_from, network.branch_to, network.branch_kind,
            network.r_pu.tolist(), network.x_pu.tolist(), (network.b_from_pu + network.b_to_pu).tolist(), network.tap.tolist(),
            network.rating_mva.tolist(), strict=True,
        )
    ]  # fmt: skip
    return table(["branch", "from", "to", "r", "x", "b", "tap", "rating", "transformer"], rows)


def _devices(found: Scenario) -> list[str]:
    """A table per kind: only parameters in which a unit differs from having no limit or no value."""
    parts = []
    for kind, own in found.tables.items():
        shown = [field for field in own.parameters._fields if _says_something(getattr(own.parameters, field))]
        rows = [
            [code(name), code(found.network.bus_name[bus]), *(number(float(getattr(own.parameters, field)[k])) for field in shown)]
            for k, (name, bus) in enumerate(zip(own.name, own.bus.tolist(), strict=True))
        ]
        parts += [f"**Devices: {kind}**", table([kind, "bus", *map(code, shown)], rows)]
    return parts


def _says_something(values: np.ndarray) -> bool:
    return values.ndim == 1 and bool((np.isfinite(values) & (values != 0)).any())


def _threats(found: Scenario) -> str:
    rows = [
        [
            code(threat.kind.name), ", ".join(code(name) for name in dict.fromkeys(threat.components)),
            _between(threat.between_h), _between(threat.lasting_h), _between(threat.magnitude) if threat.magnitude != (1.0, 1.0) else "–",
        ]
        for threat in found.threats
    ]  # fmt: skip
    return table(["kind", "one of", "begins, h", "lasts, h", "demand times"], rows)


def _between(ends: tuple[float, float]) -> str:
    low, high = ends
    return number(low) if low == high else f"{number(low)} … {number(high) if isfinite(high) else 'for good'}"


def _rules(found: Scenario) -> str:
    relays, rewards = found.protection, found.rewards
    rows = [
        ["a branch above its rating trips after", f"{number(relays.overload_delay_h)} h"],
        ["a branch above this loading trips at once", f"{number(100 * relays.hard_limit)} %"],
        ["a tripped branch cannot be closed for", f"{number(relays.lockout_h)} h"],
        ["a field crew closes it after another", f"{number(relays.crew_h)} h"],
        ["reference price", f"{number(rewards.price_usd_per_mwh)} USD/MWh"],
        ["price of energy left or owed at the end", f"{number(rewards.closing_price_usd_per_mwh)} USD/MWh"],
        ["band of the slack unit around its schedule", f"{number(rewards.slack_band_mw)} MW"],
        ["branches in the action vector", ", ".join(code(name) for name in found.switchable) or "none"],
        ["episode", f"{number(found.episode_h)} h"],
    ]
    return table(["rule", "value"], rows)


def _sources(found: Scenario) -> str:
    rows = [[code(name), " … ".join(source.tuning), " … ".join(source.judging)] for name, source in found.sources.items()]
    columns = [
        [code(driver), *(f"{code(source.columns[driver][0])} × {source.columns[driver][1]:.4g}" for source in found.sources.values())]
        for driver in found.drivers()
    ]
    dates = table(["profiles", "tuning days", "judging days"], rows)
    return f"{dates}\n\n{table(['driver', *map(code, found.sources)], columns)}"
