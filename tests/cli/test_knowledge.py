"""`gridpilot knowledge`: search and list, with a grid's cards and a folder of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke

from gridpilot.knowledge import shipped_documents


def test_a_question_finds_passages_with_id_and_source(invoke: Invoke) -> None:
    document = json.loads(invoke("knowledge", "search", "tap changers keep hunting", "--top", "3", "--json").stdout)
    assert document["question"] == "tap changers keep hunting"
    assert len(document["passages"]) == 3
    assert document["passages"][0]["id"] == "procedure/tap-changers"
    assert set(document["passages"][0]) == {"id", "title", "kind", "text", "source", "score"}
    shown = invoke("knowledge", "search", "tap changers keep hunting").stdout
    assert "IEC 60214-1" in shown


def test_the_cards_of_a_grid_are_searched_too(invoke: Invoke) -> None:
    arguments = ("knowledge", "search", "how many MVA can LN25 carry?", "--json")
    without = json.loads(invoke(*arguments).stdout)
    assert not any(passage["kind"] == "topology" for passage in without["passages"])
    found = json.loads(invoke(*arguments, "--scenario", "six-bus", "--start", "2016-07-04").stdout)
    assert found["passages"][0]["id"] == "topology/six_bus/branch/LN25"
    assert "140 MVA" in found["passages"][0]["text"]


def test_a_folder_is_searched_and_its_bad_files_are_told(invoke: Invoke) -> None:
    own = Path("own")
    own.mkdir()
    (own / "house.md").write_text("# House rules\n\nCall Eva before [bold]Q7[/bold].")
    found = json.loads(invoke("knowledge", "search", "Eva", "--folder", "own", "--json").stdout)
    assert [passage["id"] for passage in found["passages"]] == ["own/own/house.md#house-rules"]
    assert "[bold]Q7[/bold]" in invoke("knowledge", "search", "Eva", "--folder", "own").stdout.replace("\n", "")
    (own / "bad.txt").write_bytes(b"\xff")
    result = invoke("knowledge", "search", "Eva", "--folder", "own", "--json")
    assert (result.exit_code != 0, result.stdout) == (True, "")
    assert "bad.txt" in result.stderr


def test_everything_is_listed(invoke: Invoke) -> None:
    document = json.loads(invoke("knowledge", "list", "--json").stdout)
    assert [row["id"] for row in document["documents"]] == [found.id for found in shipped_documents()]
    assert "60 documents" in invoke("knowledge", "list").stdout


def test_words_that_are_nowhere_find_nothing(invoke: Invoke) -> None:
    assert json.loads(invoke("knowledge", "search", "xyzzy", "--json").stdout)["passages"] == []
    assert "Nothing has any of these words." in invoke("knowledge", "search", "xyzzy").stdout


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--folder", "nowhere"], "nowhere"), (["--scenario", "nowhere"], "six"), (["--top", "0"], "top")]
)
def test_what_cannot_be_searched_is_told(arguments: list[str], said: str, invoke: Invoke) -> None:
    result = invoke("knowledge", "search", "x", *arguments, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
