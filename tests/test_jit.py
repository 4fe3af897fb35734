"""Kernels are strict, are compiled once per machine, and are compiled anew when the code they depend on changes."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from gridpilot import jit
from gridpilot.jit import as_arrays, borrowed, inner, kernel, resident

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "gridpilot"

OUTER = """
from gridpilot.inside import doubled
from gridpilot.jit import kernel


@kernel
def outer(x):
    return doubled(x) + 1.0
"""
INNER = """
from gridpilot.jit import inner


@inner
def doubled(x):
    return FACTOR * x
"""
ASK = """
from gridpilot.outside import outer
from gridpilot.jit import _source_stamp
value = outer(5.0)
print(value, sum(outer.stats.cache_hits.values()), sum(outer.stats.cache_misses.values()), _source_stamp())
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of two kernels in two files, with the real `jit`."""
    made = tmp_path / "gridpilot"
    made.mkdir()
    (made / "__init__.py").write_text("")
    shutil.copy(PACKAGE / "jit.py", made)
    (made / "outside.py").write_text(OUTER)
    write_inner(made, "2.0")
    return made


def write_inner(package: Path, factor: str) -> None:
    (package / "inside.py").write_text(INNER.replace("FACTOR", factor))


def asked(package: Path) -> tuple[float, int, int, str]:
    """In a process of its own: the kernel's value, hits and misses of its cache, and the stamp of the sources."""
    environment = {**os.environ, "PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": ""}
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, env=environment)
    value, hits, misses, stamp = done.stdout.split()
    return float(value), int(hits), int(misses), stamp


def test_a_second_process_compiles_nothing(package: Path) -> None:
    value, hits, misses, stamp = asked(package)
    assert (value, hits, misses) == (11.0, 0, 1)
    assert asked(package) == (11.0, 1, 0, stamp)


def test_an_edit_of_an_inner_kernel_recompiles_the_outer_one(package: Path) -> None:
    stamp = asked(package)[3]
    write_inner(package, "3.0")
    value, hits, misses, edited = asked(package)
    assert (value, hits, misses) == (16.0, 0, 1)
    assert edited != stamp


def test_an_edit_of_a_value_that_kernels_take_apart_changes_the_stamp_and_of_other_files_does_not(package: Path) -> None:
    (package / "plain.py").write_text("TEXT = 'one'\n")
    (package / "values.py").write_text("from typing import NamedTuple\n\n\nclass Pair(NamedTuple):\n    a: float\n")
    stamp = asked(package)[3]
    (package / "plain.py").write_text("TEXT = 'two'\n")
    assert asked(package)[3] == stamp
    (package / "values.py").write_text("from typing import NamedTuple\n\n\nclass Pair(NamedTuple):\n    b: float\n")
    assert asked(package)[3] != stamp


def test_an_edit_of_what_writes_instructions_changes_the_stamp(package: Path) -> None:
    (package / "vector.py").write_text("from llvmlite import ir\n\nWORD = ir.IntType(64)\n")
    stamp = asked(package)[3]
    (package / "vector.py").write_text("from llvmlite import ir\n\nWORD = ir.IntType(32)\n")
    assert asked(package)[3] != stamp
    told = ("import llvmlite", "from llvmlite", "from numba", "import numba")
    writers = [
        path for path in PACKAGE.rglob("*.py") if any(line.startswith(told) for line in path.read_text(encoding="utf-8").split("\n"))
    ]
    assert len(writers) >= 3
    assert [path.name for path in writers if not any(mark in path.read_bytes() for mark in jit._MARKS)] == []


def test_an_edit_of_a_kernel_outside_the_package_recompiles_it(package: Path) -> None:
    mine = package.parent / "mine.py"
    ask = "from mine import outer\nprint(outer(5.0), sum(outer.stats.cache_hits.values()))"
    environment = {**os.environ, "PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": ""}
    found = []
    for addend in ("1.0", "1.0", "4.0"):
        mine.write_text(OUTER.replace("1.0", addend))
        done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, env=environment)
        found.append(done.stdout.split())
    assert found == [["11.0", "0"], ["11.0", "1"], ["14.0", "0"]]


STEP = """
import gc
from numba.core.dispatcher import Dispatcher
from gridpilot.twin import make_twin
twin = make_twin("six_bus", cycles=4)
state = twin.first()
twin.preview(twin.step(state, state.setpoints).state, [], 2)
kernels = [one for one in gc.get_objects() if isinstance(one, Dispatcher) and str(one.py_func.__module__).startswith("gridpilot")]
print(sum(sum(one.stats.cache_hits.values()) for one in kernels), sum(sum(one.stats.cache_misses.values()) for one in kernels))
"""


def test_a_step_of_the_twin_compiles_nothing_in_a_second_process() -> None:
    counts = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True, check=True)
        counts.append([int(count) for count in done.stdout.split()])
    hits, misses = counts[1]
    assert misses == 0
    assert hits > 5


class Pair(NamedTuple):
    """Two arrays that go together."""

    left: np.ndarray
    right: np.ndarray


@kernel
def dot_resident(held: Any) -> float:
    """Sum of products of a resident pair."""
    total = 0.0
    for k in range(len(held.value.left)):
        total += held.value.left[k] * held.value.right[k]
    return total


def test_no_kernel_may_reorder_sums() -> None:
    """With fast-math a sum is reassociated, and then depends on how many elements stand beside it."""
    found = sorted(path.name for path in PACKAGE.rglob("*.py") if "fastmath" in path.read_text(encoding="utf-8").lower())
    assert found == []
    parts = np.array([1e16, 1.0, -1e16, 1.0] * 16)
    one, many = (dot_resident(resident(Pair(np.tile(parts, n), np.ones(64 * n)))) for n in (1, 7))
    assert one == many == 1.0, "summed from left to right"
    assert not dot_resident.targetoptions.get("fastmath", False)  # type: ignore[attr-defined]


def test_a_resident_value_is_the_value_in_kernels_in_python_and_in_another_process() -> None:
    pair = Pair(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    held = resident(pair)
    assert dot_resident(held) == pair.left @ pair.right
    assert held.value is pair
    again = copy.deepcopy(held)
    assert dot_resident(again) == dot_resident(held)
    again.value.left[0] = 7.0
    assert dot_resident(again) == 7.0 * 4.0 + 2.0 * 5.0 + 3.0 * 6.0
    assert dot_resident(held) == pair.left @ pair.right


@inner
def first_of(arrays: Any) -> float:
    """First number of the first array."""
    return float(arrays[0][0])


@kernel
def double_left(held: Any) -> float:
    """Double the left array of a resident pair in place; twice its first number and the sum of the right array but its first."""
    pair = borrowed(held)
    for k in range(len(pair.left)):
        pair.left[k] *= 2.0
    return float(first_of((pair.left, np.zeros(1))) + first_of(as_arrays(pair)) + pair.right[1:].sum())


def users(pair: Pair) -> list[int]:
    """How many hold each array."""
    return [sys.getrefcount(array) for array in pair]


def test_what_is_borrowed_is_the_same_memory_and_stays_with_its_owner() -> None:
    pair = Pair(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    held = resident(pair)
    before = users(pair)
    for _ in range(5):
        double_left(held)
    assert pair.left.tolist() == [32.0, 64.0, 96.0]
    assert double_left(held) == 2 * 64.0 + 11.0
    assert users(pair) == before


FOREIGN = """
from typing import NamedTuple
import numpy as np
from gridpilot.jit import resident


class Mine(NamedTuple):
    values: np.ndarray


print(resident(Mine(np.arange(3.0))).value.values.sum())
"""


def test_types_of_one_program_do_not_break_the_next(tmp_path: Path) -> None:
    """The cached index names the types that kernels were compiled for; another program may not have them."""
    (tmp_path / "mine.py").write_text(FOREIGN, encoding="utf-8")
    for program in (
        "import mine",
        "from gridpilot.twin import make_twin; print(make_twin('six_bus', cycles=2).first().batch)",
        "import mine",
    ):
        folder = str(tmp_path) if program == "import mine" else "/"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0, done.stderr
