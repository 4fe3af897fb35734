"""The package keeps its shape: imports point downwards, none goes in a circle, and no file does what no file may.

Each check is a function of a folder of sources, so that a test can also show it a folder that breaks the rule.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "gridpilot"

LAYERS = (
    *("errors", "hints", "units", "values", "frame", "jit"),
    *("network", "powerflow", "opf", "devices", "actions", "rewards", "profiles", "disturbances", "scenarios", "twin"),
    *("messages", "traces", "knowledge", "agents", "shield", "envs", "evaluation", "learning", "operations"),
    *("serving", "deploy", "testing", "cli"),
)
"""From the bottom to the top: a module imports from its own layer and from those before it."""

GRIDLESS = ("errors", "hints", "units", "values", "devices", "actions", "messages", "agents")
"""What a device controller in another process loads, without the grid."""
GRID = ("network", "powerflow", "opf")

UNSAFE_FORMATS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])(?:/(?:home|root|work|Users|tmp)/\w|[A-Z]:\\\w)")
TEXT_FOLDERS = ("src", "tests", "scripts", "examples", "benchmarks", "docs", ".ci")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".yml", ".yaml", ".json", ".txt", ".sh", ""}


# ------------------------------------------------------------------------------------------------ reading


def modules(package: Path) -> dict[str, ast.Module]:
    """Every module of a package by dotted name; a folder's `__init__` has the folder's name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return found


def imported(node: ast.Import | ast.ImportFrom, known: Mapping[str, object]) -> Iterator[str]:
    """Dotted names that an import statement names; `from a import b` is `a.b` where that is a module, else `a`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        yield inner if inner in known else str(node.module)


def imports(package: Path) -> dict[str, set[str]]:
    """Module to the modules of the same package that it imports, wherever in the file.

    The root's own `__init__` is left out: what it names under `TYPE_CHECKING` it loads on first use only.
    """
    trees = modules(package)
    edges: dict[str, set[str]] = {}
    for name, tree in trees.items():
        if name == package.name:
            continue
        statements = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        edges[name] = {target for node in statements for target in imported(node, trees) if target.startswith(package.name + ".")}
    return edges


def layer(module: str) -> str:
    """`gridpilot.network.case` is in layer `network`; `gridpilot.__main__` is part of the command line."""
    name = module.split(".")[1]
    return "cli" if name == "__main__" else name


# ------------------------------------------------------------------------------------------------- checks


def misplaced(package: Path) -> list[str]:
    """Modules outside the list of layers, and imports that point upwards."""
    edges = imports(package)
    unknown = [f"{module} is in no layer" for module in edges if layer(module) not in LAYERS]
    if unknown:
        return unknown
    rank = {name: place for place, name in enumerate(LAYERS)}
    return [
        f"{module} imports {target}"
        for module, targets in edges.items()
        for target in sorted(targets)
        if rank.get(layer(target), len(LAYERS)) > rank[layer(module)]
    ]


def gridful(package: Path) -> list[str]:
    """Imports of the grid by a module that must do without it."""
    return [
        f"{module} imports {target}"
        for module, targets in imports(package).items()
        for target in sorted(targets)
        if layer(module) in GRIDLESS and layer(target) in GRID
    ]


def relative(package: Path) -> list[str]:
    """Relative imports, which the other checks would not see."""
    return [
        f"{name}:{node.lineno}"
        for name, tree in modules(package).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def cycle(package: Path) -> list[str]:
    """One circle of imports, or nothing."""
    try:
        TopologicalSorter(imports(package)).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether a handler takes every exception and does not raise it again."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in caught)
    return broad and not any(isinstance(node, ast.Raise) for node in handler.body)


def forbidden(node: ast.AST) -> str:
    """What is wrong with a piece of code; empty where nothing is."""
    if isinstance(node, ast.ExceptHandler) and catches_all(node):
        return "catches every exception"
    if isinstance(node, ast.Import) and any(alias.name.split(".")[0] in UNSAFE_FORMATS for alias in node.names):
        return "imports pickle"
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_FORMATS:
        return "imports pickle"
    if isinstance(node, ast.Attribute) and node.attr in {"read_pickle", "to_pickle"}:
        return "reads or writes pickle"
    if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
        return "allows pickle"
    return ""


def unsafe(package: Path) -> list[str]:
    """Pickle, and handlers that would hide an error."""
    return [
        f"{name}:{getattr(node, 'lineno', '?')} {what}"
        for name, tree in modules(package).items()
        for node in ast.walk(tree)
        if (what := forbidden(node))
    ]


def machine_paths(root: Path) -> list[str]:
    """Lines that hold a path of somebody's machine."""
    folders = [path for folder in TEXT_FOLDERS for path in sorted((root / folder).rglob("*"))]
    texts = [path for path in (*folders, *sorted(root.glob("*"))) if path.is_file() and path.suffix in TEXT_SUFFIXES]
    return [
        f"{path.relative_to(root)}:{number}"
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]


def grid_loaded_by(names: list[str]) -> set[str]:
    """Modules of the grid that a fresh interpreter has loaded after importing some modules.

    A module whose optional dependency is not installed is passed over.
    """
    code = (
        "import sys\nfrom importlib import import_module\nfrom gridpilot.errors import MissingExtraError\n"
        "for name in sys.argv[1:]:\n    try:\n        import_module(name)\n    except MissingExtraError:\n        pass\n"
        "print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code, *names], check=True, capture_output=True, text=True).stdout.split()
    return {name for name in shown if name.startswith("gridpilot.") and layer(name) in GRID}


# --------------------------------------------------------------------------------------- the package holds


@pytest.mark.parametrize("check", [misplaced, gridful, relative, cycle, unsafe])
def test_package_holds(check: object) -> None:
    assert callable(check)
    assert check(PACKAGE) == []


def test_no_path_of_a_machine() -> None:
    assert machine_paths(ROOT) == []


def test_a_controller_loads_no_grid() -> None:
    names = [name for name in imports(PACKAGE) if layer(name) in GRIDLESS]
    assert "gridpilot.values" in names
    assert grid_loaded_by(names) == set()


# ---------------------------------------------------------------------------------- each check can also fail


def write(root: Path, files: Mapping[str, str]) -> Path:
    """A package `gridpilot` under a folder, with these files."""
    package = root / "gridpilot"
    for name, text in {"__init__.py": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


@pytest.mark.parametrize(
    "text",
    [
        "from gridpilot.twin import step",
        "from gridpilot.twin.step import step",
        "import gridpilot.twin.step",
        "def late():\n    from gridpilot.twin import step",
        "from gridpilot import Twin, twin",
    ],
)
def test_an_import_upwards_is_seen(tmp_path: Path, text: str) -> None:
    package = write(tmp_path, {"network/__init__.py": "", "network/case.py": text, "twin/__init__.py": "", "twin/step.py": ""})
    assert misplaced(package)


def test_an_import_downwards_or_beside_is_fine(tmp_path: Path) -> None:
    text = "import numpy\nfrom gridpilot.network import case\nfrom gridpilot.errors import DataError"
    package = write(tmp_path, {"errors.py": "", "network/case.py": "", "network/network.py": text})
    assert misplaced(package) == cycle(package) == unsafe(package) == []


def test_a_folder_without_a_layer_is_seen(tmp_path: Path) -> None:
    assert misplaced(write(tmp_path, {"utils/text.py": ""})) == ["gridpilot.utils.text is in no layer"]


def test_the_grid_in_a_device_is_seen(tmp_path: Path) -> None:
    package = write(tmp_path, {"network/case.py": "", "devices/solar.py": "import gridpilot.network.case"})
    assert gridful(package) == ["gridpilot.devices.solar imports gridpilot.network.case"]
    assert misplaced(package) == []


def test_a_relative_import_is_seen(tmp_path: Path) -> None:
    assert relative(write(tmp_path, {"units.py": "from .errors import DataError"})) == ["gridpilot.units:1"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from gridpilot.twin import outlook", "from gridpilot.twin.step import step"),
        ("from gridpilot.twin.outlook import look", "def late():\n    import gridpilot.twin.step"),
    ],
)
def test_a_circle_is_seen(tmp_path: Path, first: str, second: str) -> None:
    package = write(tmp_path, {"twin/step.py": first, "twin/outlook.py": second})
    assert set(cycle(package)) == {"gridpilot.twin.step", "gridpilot.twin.outlook"}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "import numpy, pickle as p",
        "from pickle import load",
        "from joblib.externals import loky",
        "np.load(path, allow_pickle=True)",
        "pandas.read_pickle(path)",
        "try:\n    x()\nexcept:\n    pass",
        "try:\n    x()\nexcept Exception:\n    pass",
        "try:\n    x()\nexcept (ValueError, BaseException) as error:\n    print(error)",
    ],
)
def test_unsafe_code_is_seen(tmp_path: Path, text: str) -> None:
    assert len(unsafe(write(tmp_path, {"units.py": text}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "np.load(path, allow_pickle=False)",
        "try:\n    x()\nexcept (ValueError, KeyError):\n    pass",
        "try:\n    x()\nexcept BaseException:\n    undo()\n    raise",
    ],
)
def test_safe_code_passes(tmp_path: Path, text: str) -> None:
    assert unsafe(write(tmp_path, {"units.py": text})) == []


@pytest.mark.parametrize("folder", ["home", "root", "work", "Users"])
def test_a_path_of_a_machine_is_seen(tmp_path: Path, folder: str) -> None:
    write(tmp_path / "src", {"units.py": f"\nDATA = '/{folder}/ada/data'"})
    assert machine_paths(tmp_path) == ["src/gridpilot/units.py:2"]


def test_an_address_is_no_path_of_a_machine(tmp_path: Path) -> None:
    write(tmp_path / "src", {"units.py": "# https://example.org/work/paper, ../home/page, #!/usr/bin/env"})
    assert machine_paths(tmp_path) == []


def test_a_loaded_grid_is_seen() -> None:
    assert "gridpilot.network" in grid_loaded_by(["gridpilot.errors", "gridpilot.network"])
