"""BM25 over documents in SQLite's FTS5: in memory or in one file, changed document by document.

BM25 after Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), as FTS5 computes it (k1 = 1.2,
b = 0.75), with stems by Porter's algorithm.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, NamedTuple

from gridpilot.errors import ConfigError, DataError, DocumentError, Problem
from gridpilot.knowledge.document import Document, Passage
from gridpilot.knowledge.query import Part, Query, as_query, match_expression

SCHEMA: Final = 1
"""Version of the file's tables; another one is refused."""
TITLE, TAGS, TEXT = 4.0, 2.0, 1.0
"""What a hit in each column counts."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS documents(
    key INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, scope TEXT NOT NULL, digest TEXT NOT NULL, kind TEXT NOT NULL,
    title TEXT NOT NULL, tags TEXT NOT NULL, text TEXT NOT NULL, standard TEXT NOT NULL, lists TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS documents_scope ON documents(scope);
CREATE TABLE IF NOT EXISTS scopes(scope TEXT PRIMARY KEY, stamp TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vectors(model TEXT NOT NULL, digest TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY(model, digest));
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
    title, tags, text, content='documents', content_rowid='key', tokenize='porter unicode61 remove_diacritics 2');
CREATE TRIGGER IF NOT EXISTS documents_added AFTER INSERT ON documents BEGIN
    INSERT INTO words(rowid, title, tags, text) VALUES (new.key, new.title, new.tags, new.text);
END;
CREATE TRIGGER IF NOT EXISTS documents_removed AFTER DELETE ON documents BEGIN
    INSERT INTO words(words, rowid, title, tags, text) VALUES ('delete', old.key, old.title, old.tags, old.text);
END;
"""
_SCORES: Final = f"""
SELECT documents.id, documents.kind, -bm25(words, {TITLE}, {TAGS}, {TEXT})
FROM words JOIN documents ON documents.key = words.rowid WHERE words MATCH ?
"""
_FIELDS: Final = "id, title, kind, text, standard, lists"


class Changes(NamedTuple):
    """What bringing a scope up to date did, in documents."""

    added: int
    replaced: int
    removed: int
    kept: int


class Index:
    """Documents that can be searched. It may be used from several threads.

    A *scope* is a set of documents that is brought up to date as one: what is shipped, the cards of a grid, a folder.
    """

    def __init__(self, path: str | Path = ":memory:") -> None:
        """Open the index of a file, made where there is none, or an empty one in memory.

        Raises `DataError` for a file that is something else, `ConfigError` where this Python's SQLite has no FTS5.
        """
        self.path = str(path)
        self._lock = Lock()
        self._base = _opened(self.path)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was changed is kept."""
        self._base.close()

    def __len__(self) -> int:
        with self._lock:
            return int(self._base.execute("SELECT count(*) FROM documents").fetchone()[0])

    def synchronise(self, scope: str, documents: Iterable[Document], *, stamp: str = "") -> Changes:
        """Make a scope hold exactly these documents; only those whose digest has changed are indexed again.

        `stamp` is kept with the scope (`stamp(scope)`). Raises `DocumentError` for ids that are given twice or belong to
        another scope, and changes nothing then.
        """
        given = _unique(documents)
        with self._lock, self._base:
            held = dict(self._base.execute("SELECT id, digest FROM documents WHERE scope = ?", (scope,)))
            self._refuse_foreign(scope, given)
            gone = [id_ for id_ in held if id_ not in given]
            fresh = [document for document in given.values() if held.get(document.id) != document.digest]
            replaced = [document.id for document in fresh if document.id in held]
            self._base.executemany("DELETE FROM documents WHERE id = ?", [(id_,) for id_ in (*gone, *replaced)])
            self._base.executemany(
                "INSERT INTO documents(id, scope, digest, kind, title, tags, text, standard, lists) VALUES (?,?,?,?,?,?,?,?,?)",
                [_row(scope, document) for document in fresh],
            )
            self._base.execute("INSERT OR REPLACE INTO scopes VALUES (?, ?)", (scope, stamp))
        return Changes(len(fresh) - len(replaced), len(replaced), len(gone), len(given) - len(fresh))

    def stamp(self, scope: str) -> str:
        """What a scope was last brought up to date from; empty where it never was."""
        with self._lock:
            row = self._base.execute("SELECT stamp FROM scopes WHERE scope = ?", (scope,)).fetchone()
        return "" if row is None else str(row[0])

    def documents(self) -> tuple[Document, ...]:
        """All documents, sorted by id."""
        with self._lock:
            rows = self._base.execute(f"SELECT {_FIELDS} FROM documents ORDER BY id").fetchall()
        return tuple(_document(row) for row in rows)

    def get(self, id_: str) -> Document | None:
        """One document by its id; None where there is none."""
        with self._lock:
            row = self._base.execute(f"SELECT {_FIELDS} FROM documents WHERE id = ?", (id_,)).fetchone()
        return None if row is None else _document(row)

    def search(self, query: Query | str, top: int = 5, *, kinds: Sequence[str] = ()) -> tuple[Passage, ...]:
        """The best `top` documents, best first; equal scores by id. Any text is a query, and words that are nowhere find nothing.

        `kinds` keeps the search to these. The score is the sum over the query's parts of weight times BM25.
        """
        scores: dict[str, float] = defaultdict(float)
        for part in as_query(query).parts:
            for id_, kind, score in self._matches(part):
                if not kinds or kind in kinds:
                    scores[id_] += part.weight * score
        best = sorted(scores, key=lambda id_: (-scores[id_], id_))[:top]
        found = ((self.get(id_), scores[id_]) for id_ in best)
        return tuple(passage_of(document, score) for document, score in found if document is not None)

    def vectors(self, model: str) -> dict[str, bytes]:
        """Embeddings that are kept for a model: digest of the document to the vector's bytes."""
        with self._lock:
            return dict(self._base.execute("SELECT digest, vector FROM vectors WHERE model = ?", (model,)))

    def keep_vectors(self, model: str, vectors: dict[str, bytes]) -> None:
        """Keep embeddings, so that no document is embedded twice."""
        with self._lock, self._base:
            rows = [(model, digest, vector) for digest, vector in vectors.items()]
            self._base.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def _matches(self, part: Part) -> list[tuple[str, str, float]]:
        """Id, kind and BM25 score of every document with a word of the part."""
        expression = match_expression(part.text)
        if not expression:
            return []
        with self._lock:
            return self._base.execute(_SCORES, (expression,)).fetchall()

    def _refuse_foreign(self, scope: str, given: dict[str, Document]) -> None:
        others = dict(self._base.execute("SELECT id, scope FROM documents WHERE scope <> ?", (scope,)))
        taken = [Problem(id_, f"is a document of the scope {others[id_]!r}") for id_ in given if id_ in others]
        if taken:
            raise DocumentError(f"The scope {scope!r} cannot hold these documents.", taken)


def passage_of(document: Document, score: float) -> Passage:
    """A document as a search hands it on."""
    return Passage(document.id, document.title, document.kind, document.text, document.source, score)


def _opened(path: str) -> sqlite3.Connection:
    try:
        base = sqlite3.connect(path, check_same_thread=False)
        _prepare(base, path)
    except sqlite3.OperationalError as error:
        if "fts5" not in str(error):
            raise DataError(f"The index {path} cannot be opened: {error}. Give a path that can be written.") from error
        raise ConfigError(
            f"This Python's SQLite {sqlite3.sqlite_version} was built without FTS5, which the search needs. Use a Python whose sqlite3 "
            "module has it: those of python.org, Debian, Ubuntu, Homebrew and conda do."
        ) from error
    except sqlite3.DatabaseError as error:
        raise DataError(f"{path} is no index of documents: {error}. Delete it or give another path; an index is made again.") from error
    return base


def _prepare(base: sqlite3.Connection, path: str) -> None:
    """Make the tables where there are none; raises `DataError` for a database of something else."""
    version = base.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA and (version or base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]):
        base.close()
        raise DataError(f"{path} is a database of something else, or of another version. Delete it or give another path.")
    base.executescript(f"{_TABLES} PRAGMA user_version = {SCHEMA};")


def _unique(documents: Iterable[Document]) -> dict[str, Document]:
    found: dict[str, Document] = {}
    twice = []
    for document in documents:
        if document.id in found:
            twice.append(Problem(document.id, "is the id of two documents"))
        found[document.id] = document
    if twice:
        raise DocumentError("Ids must be unique.", twice)
    return found


def _row(scope: str, document: Document) -> tuple[str, ...]:
    shown = " · ".join((*document.tags, document.standard))
    lists = json.dumps({"sources": document.sources, "tags": document.tags})
    return (document.id, scope, document.digest, document.kind, document.title, shown, document.text, document.standard, lists)


def _document(row: Sequence[str]) -> Document:
    id_, title, kind, text, standard, lists = row
    held = json.loads(lists)
    return Document(id_, title, kind, text, tuple(held["sources"]), standard, tuple(held["tags"]))
