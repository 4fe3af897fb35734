"""`import gridpilot` is light, and every public name can be had from it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gridpilot


def type_checker_imports() -> dict[str, str]:
    """Name to module of what `__init__` imports under `TYPE_CHECKING`."""
    tree = ast.parse(Path(gridpilot.__file__).read_text())
    guards = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [statement for guard in guards for statement in guard.body if isinstance(statement, ast.ImportFrom)]
    return {alias.asname or alias.name: str(statement.module) for statement in imports for alias in statement.names}


def loaded_after(statement: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_all_is_sorted_and_without_repeats() -> None:
    assert gridpilot.__all__ == sorted(set(gridpilot.__all__))


def test_table_all_and_type_checker_agree() -> None:
    assert set(gridpilot.__all__) == {*gridpilot._HOME, "__version__"}
    assert type_checker_imports() == {name: f"gridpilot.{home}" for name, home in gridpilot._HOME.items()}


@pytest.mark.parametrize("name", gridpilot.__all__)
def test_every_name_resolves_to_what_its_home_holds(name: str) -> None:
    value = getattr(gridpilot, name)
    assert name == "__version__" or value is getattr(sys.modules[f"gridpilot.{gridpilot._HOME[name]}"], name)


def test_dir_lists_the_public_names() -> None:
    assert dir(gridpilot) == gridpilot.__all__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Grid'"):
        getattr(gridpilot, "Grid")  # noqa: B009  # a type checker would refuse gridpilot.Grid


def test_import_loads_nothing_heavy() -> None:
    loaded = loaded_after("import gridpilot")
    assert "gridpilot" in loaded
    assert not loaded & {"numpy", "numba", "scipy", "gymnasium", "pandas", "rich", "click", "yaml"}
    assert [name for name in loaded if name.startswith("gridpilot.")] == []


def test_the_check_sees_what_is_loaded() -> None:
    assert "numpy" in loaded_after("import gridpilot, gridpilot.values")
