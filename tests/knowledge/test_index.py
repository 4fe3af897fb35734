"""The index: any text is a query, changes document by document end where a fresh index begins, and the order is always the same."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.errors import ConfigError, DataError, DocumentError
from gridpilot.knowledge import Document, Index, Part, Query, shipped_documents

WORDS = ("line", "voltage", "LN09-14", "LN09-13", "BESS-14", "tap", "relay", "BUS-09")
QUERIES = ("line voltage", "LN09-14", "bus 9 tap", "BESS-14 relays", "LN09")


def document(k: int, text: str) -> Document:
    return Document(f"own/{k}", f"Title {k}", "own", text)


@pytest.fixture(scope="module")
def shipped() -> Index:
    index = Index()
    index.synchronise("shipped", shipped_documents())
    return index


@given(text=st.text())
def test_any_text_is_a_safe_query(shipped: Index, text: str) -> None:
    found = shipped.search(text)
    assert len(found) <= 5
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)


@pytest.mark.parametrize(
    "text", ['"', "a AND NOT (b", "NEAR(a b)", "title:x", "*", "-", "a* OR", "^x", "{a b}:c", "\0", "²½", "'; DROP TABLE documents;--"]
)
def test_no_character_is_an_operator(shipped: Index, text: str) -> None:
    shipped.search(text)
    assert len(shipped) == len(shipped_documents())


def test_operators_of_fts5_are_words() -> None:
    with Index() as index:
        index.synchronise("x", [document(1, "near the line"), document(2, "tap")])
        assert [passage.id for passage in index.search("NEAR")] == ["own/1"]
        assert [passage.id for passage in index.search("tap NEAR line")] == ["own/1", "own/2"]


states = st.lists(st.dictionaries(st.integers(0, 6), st.lists(st.sampled_from(WORDS), min_size=1, max_size=8)), min_size=1, max_size=4)


@given(states=states)
def test_incremental_equals_from_scratch(states: list[dict[int, list[str]]]) -> None:
    with Index() as grown, Index() as fresh:
        for state in states:
            grown.synchronise("x", [document(k, " ".join(words)) for k, words in state.items()])
        fresh.synchronise("x", [document(k, " ".join(words)) for k, words in sorted(states[-1].items(), reverse=True)])
        assert grown.documents() == fresh.documents()
        for query in QUERIES:
            assert grown.search(query, 10) == fresh.search(query, 10)


def test_only_what_changed_is_indexed_again() -> None:
    with Index() as index:
        assert index.synchronise("x", [document(1, "a"), document(2, "b"), document(3, "c")]) == (3, 0, 0, 0)
        assert index.synchronise("x", [document(1, "a"), document(2, "bb"), document(4, "d")], stamp="now") == (1, 1, 1, 1)
        assert index.stamp("x") == "now"
        assert index.stamp("y") == ""
        assert index.search("b") == ()
        assert [passage.id for passage in index.search("bb")] == ["own/2"]


def test_scopes_do_not_touch_each_other() -> None:
    with Index() as index:
        index.synchronise("x", [document(1, "a")])
        index.synchronise("y", [document(2, "b")])
        with pytest.raises(DocumentError, match="scope 'x'"):
            index.synchronise("y", [document(1, "c")])
        with pytest.raises(DocumentError, match="two documents"):
            index.synchronise("y", [document(3, "c"), document(3, "d")])
        assert [found.id for found in index.documents()] == ["own/1", "own/2"]
        index.synchronise("x", [])
        assert [found.id for found in index.documents()] == ["own/2"]


def test_a_name_with_a_dash_finds_itself_first() -> None:
    with Index() as index:
        index.synchronise(
            "x", [document(1, "LN09 with 14 others"), document(2, "about LN09-14"), document(3, "LN09-13"), document(4, "14")]
        )
        assert [passage.id for passage in index.search("LN09-14")] == ["own/2"]
        assert {passage.id for passage in index.search("ln09")} == {"own/1", "own/2", "own/3"}


def test_a_number_finds_the_bus_it_goes_with() -> None:
    with Index() as index:
        others = [document(k, f"voltage {k}") for k in range(1, 8)]
        index.synchronise("x", [*others, document(9, "the card of BUS-9"), document(8, "9 of them at a bus")])
        assert index.search("bus 9")[0].id == "own/9"


def test_words_are_stemmed_and_accents_do_not_matter() -> None:
    with Index() as index:
        index.synchronise("x", [document(1, "curtailing the plants near Gaudière"), document(2, "nothing"), document(3, "else")])
        assert [passage.id for passage in index.search("curtailed gaudiere")] == ["own/1"]


def test_the_title_counts_more_than_the_text() -> None:
    with Index() as index:
        said = [
            Document("own/1", "Taps", "own", "one two"),
            Document("own/2", "Other", "own", "one taps"),
            document(3, "else"),
            document(4, "x"),
        ]
        index.synchronise("x", said)
        assert [passage.id for passage in index.search("tap")] == ["own/1", "own/2"]


def test_weights_decide_between_parts_and_scores_add_up(shipped: Index) -> None:
    tap, storm = (Query((Part(text),)) for text in ("tap changer", "geomagnetic storm"))
    assert shipped.search(Query((Part("tap changer", 5.0), *storm.parts)))[0].id == shipped.search(tap)[0].id
    assert shipped.search(Query((*tap.parts, Part("geomagnetic storm", 5.0))))[0].id == shipped.search(storm)[0].id
    alone = {passage.id: passage.score for passage in shipped.search(tap, 99)}
    other = {passage.id: passage.score for passage in shipped.search(storm, 99)}
    for passage in shipped.search(Query((Part("tap changer", 2.0), Part("geomagnetic storm", 0.5))), 99):
        assert passage.score == pytest.approx(2.0 * alone.get(passage.id, 0.0) + 0.5 * other.get(passage.id, 0.0))


def test_kinds_keep_a_search_to_themselves(shipped: Index) -> None:
    found = shipped.search("voltage", 20, kinds=("incident",))
    assert found
    assert {passage.kind for passage in found} == {"incident"}


def test_equal_scores_are_in_the_order_of_ids() -> None:
    with Index() as index:
        index.synchronise("x", [Document(f"own/{k}", "same", "own", "tap") for k in (3, 1, 2)])
        assert [passage.id for passage in index.search("tap")] == ["own/1", "own/2", "own/3"]


def test_a_file_keeps_what_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.sqlite"
    given = shipped_documents()[:5]
    with Index(path) as index:
        index.synchronise("x", given, stamp="s")
        before = index.search("blackout")
    with Index(path) as index:
        assert index.documents() == tuple(sorted(given, key=lambda found: found.id))
        assert index.search("blackout") == before
        assert index.synchronise("x", given, stamp="s") == (0, 0, 0, 5)


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("these are my notes, and there are more than a hundred bytes of them, " * 3)
    with pytest.raises(DataError, match="no index of documents"):
        Index(text)
    base = tmp_path / "other.sqlite"
    with sqlite3.connect(base) as other:
        other.execute("CREATE TABLE mine(x)")
    other.close()
    with pytest.raises(DataError, match="something else"):
        Index(base)
    with pytest.raises(DataError, match="cannot be opened"):
        Index(tmp_path / "nowhere" / "x.sqlite")


def test_without_fts5_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Without(sqlite3.Connection):
        def executescript(self, script: str) -> Any:
            return super().executescript(script.replace("USING fts5", "USING fts5_that_is_not_there"))

    def connect(path: str, **options: Any) -> sqlite3.Connection:
        return Without(path, **options)

    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(ConfigError, match="without FTS5"):
        Index()


def test_threads_may_share_an_index(shipped: Index) -> None:
    expected = shipped.search("voltage collapse")
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.extend(shipped.search("voltage collapse") for _ in range(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 80
