"""`gridpilot knowledge`: what the operator can look up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.settings import EPILOG, F, config_option, option

if TYPE_CHECKING:
    from gridpilot.knowledge import Document, Index, Passage

SHOWN = 320
"""Characters of a passage in the table."""


@click.group("knowledge", epilog="Dense vectors: see the page on knowledge in the documentation.")
def command() -> None:
    """Search and list procedures, rules, incidents, the cards of a grid, and a folder of one's own."""


def _sources(function: F) -> F:
    """What is searched beside the shipped documents."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    function = option("--folder", type=folder, default=None, help="Folder of one's own Markdown, text or PDF files.")(function)
    function = option("--start", default=None, metavar="DAY", help="Day whose first state the cards tell of.")(function)
    return option("--scenario", default="", show_default=False, help="Grid whose cards are made too, such as six-bus.")(function)


@command.command("search", epilog=EPILOG)
@click.argument("question")
@_sources
@option("--top", type=click.IntRange(min=1), default=5, help="Passages to show.")
@config_option
@json_option
def search_command(question: str, scenario: str, start: str | None, folder: Path | None, top: int, as_json: bool) -> None:
    """Find the passages that fit QUESTION best."""
    from gridpilot.knowledge import Retriever

    with _index(scenario, start, folder) as index:
        found = Retriever(index).search(question, top)
    if as_json:
        print_document({"question": question, "passages": [asdict(passage) for passage in found]})
    else:
        _print_found(question, found)


@command.command("list", epilog=EPILOG)
@_sources
@config_option
@json_option
def list_command(scenario: str, start: str | None, folder: Path | None, as_json: bool) -> None:
    """List every document with its standard and sources."""
    with _index(scenario, start, folder) as index:
        documents = index.documents()
    if as_json:
        rows = [{"id": d.id, "title": d.title, "kind": d.kind, "standard": d.standard, "sources": list(d.sources)} for d in documents]
        print_document({"documents": rows})
    else:
        _print_list(documents)


def _index(scenario: str, start: str | None, folder: Path | None) -> Index:
    """An index in memory over everything that was asked for."""
    from gridpilot.knowledge import Index, shipped_documents

    index = Index()
    index.synchronise("shipped", shipped_documents())
    if scenario:
        from gridpilot.cli.progress import COMPILING, waiting
        from gridpilot.knowledge.topology import refresh_topology
        from gridpilot.twin import make_twin

        with waiting(COMPILING):
            twin = make_twin(scenario, start=start)
            refresh_topology(index, twin, twin.first())
    if folder is not None:
        from gridpilot.knowledge.folder import index_folder

        index_folder(index, folder)
    return index


def _print_found(question: str, found: Sequence[Passage]) -> None:
    from gridpilot.cli.tables import print_table

    rows = [[passage.id, passage.title, _cut(passage.text), passage.source, f"{passage.score:.2f}"] for passage in found]
    notes = [] if found else ["Nothing has any of these words."]
    print_table(f"knowledge · {question}", ["id", "title", "text", "source", "score"], rows, notes=notes)


def _print_list(documents: Sequence[Document]) -> None:
    from gridpilot.cli.tables import print_table

    rows = [[document.id, document.title, document.standard or "–", document.source] for document in documents]
    print_table(f"knowledge · {len(documents)} documents", ["id", "title", "standard", "source"], rows)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN].rsplit(' ', 1)[0]} …"
