"""The documentation tells what the code does: made from it where it can be, complete, and every example runs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest

import gridpilot
from gridpilot import errors
from gridpilot.actions import verbs
from gridpilot.agents import agent_names
from gridpilot.agents.coordination.horizontal import horizontal_names
from gridpilot.agents.coordination.offers import offer_kinds
from gridpilot.agents.coordination.vertical import vertical_names
from gridpilot.agents.timing import RoleTiming
from gridpilot.devices import device_kinds
from gridpilot.envs import IDS, EnvSettings
from gridpilot.evaluation.bench import bench_names
from gridpilot.operations import RunConfig
from gridpilot.powerflow import engine_names
from gridpilot.profiles import profile_names
from gridpilot.profiles.validation import REPAIRS
from gridpilot.scenarios import scenario_titles
from gridpilot.testing.checks import checks
from gridpilot.values import REWARD_TERMS, Status
from make_reference import filled, pages
from reference.commands import leaves, options

ROOT = Path(__file__).resolve().parents[1]
PAGES = pages(ROOT)
TEXTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
RUN = [page for page in PAGES if "```python\n" in page.read_text(encoding="utf-8")]
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)(?:#[^)\s]*)?\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    """A page by its path in the repository."""
    return str(page.relative_to(ROOT))


# ---------------------------------------------------------------------------------------------------- generated


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_generated_parts_are_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, "run .venv/bin/python scripts/make_reference.py"


def test_an_edited_part_is_seen() -> None:
    page = "Before\n<!-- generated: verbs -->\n\nedited by hand\n\n<!-- end of generated -->\nafter\n"
    made = filled(page)
    assert "edited by hand" not in made
    assert "| `STORAGE` |" in made
    assert made.startswith("Before\n")
    assert made.endswith("\nafter\n")
    assert filled(made) == made


def test_an_unknown_part_is_an_error() -> None:
    with pytest.raises(KeyError, match="no-such-part"):
        filled("<!-- generated: no-such-part -->\n<!-- end of generated -->")


# ----------------------------------------------------------------------------------------------------- complete


def words() -> Iterator[tuple[str, str]]:
    """Kind and text of everything that a user may name, and so must find in `docs/`."""
    for name, command in leaves():
        yield "command", f"gridpilot {name}"
        for option in options(command):
            yield "option", max(option.opts, key=len)
            yield from (("variable", str(variable)) for variable in [option.envvar] if variable)
    yield "variable", "GRIDPILOT_DATA"
    for kind in device_kinds().values():
        yield "device", kind.name
        yield from (("parameter", field) for field in kind.parameters._fields)
    yield from (("verb", verb.name) for verb in verbs().values())
    yield from (("parameter of a verb", verb.parameter) for verb in verbs().values())
    yield from (("reward term", term) for term in REWARD_TERMS)
    yield from (("scenario", name.replace("_", "-")) for name in scenario_titles())
    yield from (("agent", name) for name in agent_names())
    yield from (("vertical protocol", name) for name in vertical_names())
    yield from (("horizontal protocol", name) for name in horizontal_names())
    for offer in offer_kinds().values():
        yield from (("term of an offer", field) for field in offer.terms._fields)
    yield from (("timing of a role", field.name) for field in fields(RoleTiming))
    yield from (("profiles", name) for name in profile_names())
    yield from (("repair", name) for name in REPAIRS)
    yield from (("engine", name) for name in engine_names())
    yield from (("environment", name) for name in IDS)
    yield from (("setting of an environment", field.name) for field in fields(EnvSettings))
    yield from (("setting of a run", field.name) for field in fields(RunConfig))
    yield from (("check", check.name) for check in checks())
    yield from (("status", status.name) for status in Status)
    yield from (("public name", name) for name in gridpilot.__all__ if name != "__version__")
    yield from (("error", name) for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception))


def test_everything_that_can_be_named_is_in_the_docs() -> None:
    docs = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.is_relative_to(ROOT / "docs"))
    lost = [f"{kind} {text}" for kind, text in words() if not re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", docs)]
    assert lost == []


@pytest.mark.parametrize("name", bench_names())
def test_every_benchmark_has_its_rows_and_results_on_the_page(name: str) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert f"`{name}/" in page
    assert f"<!-- generated: bench {name} -->" in page


def test_every_folder_of_the_package_is_in_the_architecture() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    folders = [folder.parent.name for folder in (ROOT / "src" / "gridpilot").glob("*/__init__.py")]
    assert [folder for folder in folders if f"`{folder}`" not in page] == []


# -------------------------------------------------------------------------------------------------------- links


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = [target for target in _LINK.findall(text) if not (page.parent / target).exists()]
    assert broken == []


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    docs = ROOT / "docs"
    listed = [str(page.relative_to(docs)) for page in PAGES if page.is_relative_to(docs)]
    assert [page for page in listed if f": {page}\n" not in navigation] == []


def test_mkdocs_builds_without_a_warning(tmp_path: Path) -> None:
    if find_spec("mkdocs") is None or find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed: pip install 'gridpilot[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "reference" / "cli" / "index.html").is_file()


# ----------------------------------------------------------------------------------------------------- examples


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_python_on_a_page_runs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    # One program per page, as a reader would type it.
    exec(compile("\n".join(blocks), name_of(page), "exec"), {"__name__": "page"})
    assert "nan" not in capsys.readouterr().out


ALONE = [
    pytest.param(page, block, id=f"{name_of(page)}-{number}")
    for page in [ROOT / "docs" / "how-to" / "microgrids.md"]
    for number, block in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8")), start=1)
]


@pytest.mark.parametrize(("page", "block"), ALONE)
def test_python_of_which_a_reader_takes_one_block_runs_alone(page: Path, block: str) -> None:
    exec(compile(block, name_of(page), "exec"), {"__name__": "page"})


DROPPED_IN = """
from pathlib import Path

import gridpilot.agents, gridpilot.devices, gridpilot.disturbances, gridpilot.rewards, gridpilot.scenarios

folder = Path("examples/extend")
for package in (gridpilot.agents, gridpilot.devices, gridpilot.disturbances, gridpilot.rewards, gridpilot.scenarios):
    package.__path__.append(str(folder / package.__name__.rpartition(".")[2]))

import numpy as np
from gridpilot.devices import device_kind
from gridpilot.disturbances import Threat, demand_drop, draw
from gridpilot.rewards import Facts, reserve
from gridpilot.testing import check_agent, check_device, check_scenario
from gridpilot.scenarios import load_scenario

check_scenario(load_scenario("two-towns"), hours=1.0)
check_device(device_kind("hydro"), device_kind("hydro").from_rows([{"p_max_mw": 10.0}]))
check_agent("night-shift", "two-towns", cycles=4)

[drop] = draw([Threat(demand_drop.KIND, ("TOWN",), (8.0, 12.0), (1.0, 3.0), (0.2, 0.5))], seed=0)
assert 0.2 <= drop.value <= 0.5

one, none = np.ones(1), np.zeros((1, 0))
off = np.zeros((1, 0), dtype=np.bool_)
facts = Facts(none, off, none, off, off, none[0], none[0], 10 * one, 0 * one, 0 * one, 0 * one, 2 * one, 0 * one, 0 * one, 50.0, 0.25)
assert np.allclose(reserve.TERM.evaluate(facts), -(0.2**2) * 0.25)
"""


def test_files_that_the_docs_show_can_be_dropped_in() -> None:
    done = subprocess.run([sys.executable, "-c", DROPPED_IN], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
