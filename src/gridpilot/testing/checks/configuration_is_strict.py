"""What nobody knows is refused: keys of settings, names, and the words of an action."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from gridpilot.actions import REFUSED, Control
from gridpilot.errors import ConfigError
from gridpilot.powerflow import engine
from gridpilot.profiles import load_profiles
from gridpilot.scenarios import load_scenario
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient
from gridpilot.values import Action

UNKNOWN = "no_such_key"


def examine(patient: Patient) -> Examined:
    """Tries one unknown word at every place that takes one."""
    settings = tuple(_settings(patient))
    orders = _wrong_orders(patient)
    problems = [f"an unknown {what} is accepted" for what, attempt in settings if not _is_refused(attempt)]
    twin = patient.alone()
    state = twin.first()
    for what, action in orders:
        _, receipts = twin.order(state, [action])
        if [receipt.outcome for receipt in receipts] != [REFUSED] or not receipts[0].why:
            problems.append(f"an order with an unknown {what} is not refused with a reason")
    return Examined(tuple(problems), {"attempts": len(settings) + len(orders)})


def _settings(patient: Patient) -> Iterator[tuple[str, Callable[[], object]]]:
    scenario = patient.twin.model.scenario
    rewards = replace(scenario.rewards, weights={**scenario.rewards.weights, UNKNOWN: 1.0})
    yield "reward term in the scenario's weights", lambda: replace(scenario, rewards=rewards)
    yield "switchable branch", lambda: replace(scenario, switchable=(*scenario.switchable, UNKNOWN))
    yield "scenario name", lambda: load_scenario(UNKNOWN)
    yield "profile name", lambda: load_profiles(UNKNOWN)
    yield "profile option", lambda: load_profiles("simbench", **{UNKNOWN: 1})
    yield "engine name", lambda: engine(UNKNOWN, scenario.network)
    yield "engine option", lambda: engine(patient.twin.model.engine.name, scenario.network, **{UNKNOWN: 1})


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except ConfigError:
        return True
    return False


def _wrong_orders(patient: Patient) -> list[tuple[str, Action]]:
    controls: tuple[Control, ...] = patient.twin.model.controls.entries
    if not controls:
        return []
    verb, target = controls[0].verb, controls[0].target
    good = {controls[0].parameter: controls[0].low}
    return [
        ("verb", Action(UNKNOWN, target, good)),
        ("target", Action(verb.name, UNKNOWN, good)),
        ("parameter", Action(verb.name, target, {UNKNOWN: 1.0})),
        ("parameter beside the right one", Action(verb.name, target, {**good, UNKNOWN: 1.0})),
    ]


CHECK = Check("configuration_is_strict", "Unknown keys, names, verbs, targets and parameters are refused.", examine)
