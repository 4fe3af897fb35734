"""`gridpilot data`: sources, their contents, and a user's own file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke

from gridpilot.profiles import load_profiles, profile_names

GOOD = "time,town_mw\n2020-01-01T00:00,1\n2020-01-01T00:15,2\n2020-01-01T00:30,3\n"


def written(text: str) -> str:
    Path("mine.csv").write_text(text)
    return "mine.csv"


def test_every_source_is_listed(invoke: Invoke) -> None:
    document = json.loads(invoke("data", "list", "--json").stdout)
    assert [row["name"] for row in document["profiles"]] == list(profile_names())
    shown = invoke("data", "list").stdout
    assert all(name in shown for name in profile_names())


def test_what_is_in_profiles(invoke: Invoke) -> None:
    document = json.loads(invoke("data", "info", "simbench", "--json").stdout)
    assert len(document["columns"]) == len(load_profiles("simbench").columns)
    shown = invoke("data", "info", "simbench").stdout
    assert "ODbL" in shown
    assert all(column["name"] in shown for column in document["columns"])


def test_a_file_is_imported_and_can_be_used(invoke: Invoke) -> None:
    result = invoke("data", "import", written(GOOD), "--name", "town")
    assert result.exit_code == 0
    assert "Next: gridpilot data info data/town.csv" in result.stdout
    assert load_profiles("data/town.csv").values.tolist() == [[1.0], [2.0], [3.0]]
    assert invoke("data", "info", "data/town.csv").exit_code == 0


def test_an_import_is_not_overwritten_unless_asked(invoke: Invoke) -> None:
    source = written(GOOD)
    assert invoke("data", "import", source).exit_code == 0
    again = invoke("data", "import", source, "--json")
    assert (again.exit_code, again.stdout) == (2, "")
    assert json.loads(invoke("data", "import", source, "--overwrite", "--json").stdout)["rows"] == 3


@pytest.mark.parametrize(
    "bad", ["", "time,town_mw\n2020-01-01T00:00,nan\n2020-01-01T00:15,2\n2020-01-01T00:30,3\n", "time,town\n2020-01-01T00:00,1\n"]
)
def test_bad_data_is_refused_and_nothing_is_written(bad: str, invoke: Invoke) -> None:
    result = invoke("data", "import", written(bad))
    assert result.exit_code == 2
    assert "mine" in result.stderr
    assert not Path("data").exists()


def test_a_gap_is_repaired_only_where_it_is_asked_for(invoke: Invoke) -> None:
    gap = written("time,town_mw\n2020-01-01T00:00,1\n2020-01-01T00:15,\n2020-01-01T00:30,3\n")
    assert invoke("data", "import", gap).exit_code == 2
    unknown = invoke("data", "import", gap, "--repair", "magic")
    assert unknown.exit_code == 2
    assert "magic" in unknown.stderr


def test_a_unit_is_given_to_columns_without_one(invoke: Invoke) -> None:
    source = written(GOOD.replace("town_mw", "town"))
    document = json.loads(invoke("data", "import", source, "--unit", "mw", "--json").stdout)
    assert [column["name"] for column in document["columns"]] == ["town_mw"]
