"""Reading a folder: every file that can be indexed, or all that is wrong with those that cannot."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gridpilot.errors import DocumentError, Problem
from gridpilot.knowledge.document import Document
from gridpilot.knowledge.folder.chunks import Chunk, by_headings, parts
from gridpilot.knowledge.front_matter import parted
from gridpilot.knowledge.index import Changes, Index

SUFFIXES: Final = (".md", ".markdown", ".txt", ".pdf")
"""Files that are read; others are passed over, and so are hidden ones."""
MOST_BYTES: Final = 20_000_000
"""Size of a file."""


def index_folder(index: Index, folder: str | Path) -> Changes:
    """Bring what an index holds of a folder up to date; raises as `read_folder`, and changes nothing then."""
    return index.synchronise(f"own/{Path(folder).resolve().name}", read_folder(folder))


def read_folder(folder: str | Path) -> tuple[Document, ...]:
    """The texts of a folder and of those below it, in parts, sorted by file.

    An id is `own/<folder>/<file>#<heading>`. Raises `DocumentError` with every file that cannot be read and why, and `MissingExtraError`
    where there is a PDF and pypdf is not installed.
    """
    root = Path(folder).resolve()
    if not root.is_dir():
        raise DocumentError(f"{folder} is no folder. Give the path of a folder with Markdown, text or PDF files.")
    found: list[Document] = []
    problems: list[Problem] = []
    for path in _files(root):
        try:
            found += _documents(root, path)
        except DocumentError as error:
            problems += error.problems or [Problem(path.relative_to(root).as_posix(), error.summary)]
    if problems:
        raise DocumentError(f"The folder {folder} cannot be indexed.", problems, hint="Mend these files or take them out.")
    if not found:
        raise DocumentError(f"The folder {folder} holds no text; expected files that end with {', '.join(SUFFIXES)}.")
    return tuple(found)


def _files(root: Path) -> Iterator[Path]:
    """Files to read. Hidden ones are left out, and links that lead out of the folder are not followed."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        hidden = any(part.startswith(".") for part in inside.parts)
        if not hidden and path.is_file() and path.suffix.lower() in SUFFIXES and path.resolve().is_relative_to(root):
            yield path


def _documents(root: Path, path: Path) -> list[Document]:
    where = f"{root.name}/{path.relative_to(root).as_posix()}"
    title, tags, chunks = _read(path)
    if not chunks:
        raise DocumentError("It is empty.")
    taken: Counter[str] = Counter()
    made = []
    for chunk in chunks:
        slug = re.sub(r"\W+", "-", chunk.heading.lower()).strip("-")
        taken[slug] += 1
        place = "-".join(word for word in (slug, str(taken[slug]) if taken[slug] > 1 or not slug else "") if word)
        heading = f"{title}: {chunk.heading}" if chunk.heading and chunk.heading != title else title
        made.append(Document(f"own/{where}#{place}", heading, "own", chunk.text, (where,), "", tags))
    return made


def _read(path: Path) -> tuple[str, tuple[str, ...], list[Chunk]]:
    """Title, tags and parts of a file; raises `DocumentError`."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DocumentError(f"It is larger than {MOST_BYTES // 1_000_000} MB; part it.")
        content = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"It cannot be read: {error.strerror}.") from error
    if path.suffix.lower() == ".pdf":
        from gridpilot.knowledge.folder.pdf import pdf_chunks

        return path.stem, (), pdf_chunks(content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"It is not UTF-8: byte {error.start} cannot be read. Save it as UTF-8.") from error
    if path.suffix.lower() == ".txt":
        return path.stem, (), list(parts("", text))
    head, body = parted(text)
    tags = head.get("tags", [])
    return str(head.get("title", path.stem)), tuple(map(str, tags)) if isinstance(tags, list) else (), by_headings(body)
