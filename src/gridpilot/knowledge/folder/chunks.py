"""A long text in parts that can be found and read one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

MOST_WORDS: Final = 250
"""Words of a part; a longer section is parted between its paragraphs."""

_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$")
_CODE = re.compile(r"^ {0,3}(```|~~~)")


class Chunk(NamedTuple):
    """A part of a text."""

    heading: str
    """The headings above it, the outermost first, joined by ` › `; empty before the first."""
    text: str


def by_headings(text: str) -> list[Chunk]:
    """The sections of a Markdown text; `#` in fenced code is no heading. Parts without words are left out."""
    found: list[Chunk] = []
    trail: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""
    for line in text.splitlines():
        code = _CODE.match(line)
        if code and (not fence or code[1] == fence):
            fence = "" if fence else code[1]
        heading = None if fence else _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        found += parts(_name(trail), "\n".join(lines))
        level, lines = len(line.lstrip().split(maxsplit=1)[0]), []
        trail = [*(above for above in trail if above[0] < level), (level, heading[1])]
    return found + list(parts(_name(trail), "\n".join(lines)))


def parts(heading: str, text: str) -> Iterator[Chunk]:
    """A section in parts of about `MOST_WORDS` words, whole paragraphs where they are not longer themselves."""
    held: list[str] = []
    words = 0
    for paragraph in _paragraphs(text):
        length = len(paragraph.split())
        if held and words + length > MOST_WORDS:
            yield Chunk(heading, "\n\n".join(held))
            held, words = [], 0
        held.append(paragraph)
        words += length
    if held:
        yield Chunk(heading, "\n\n".join(held))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        words = paragraph.split()
        if len(words) <= MOST_WORDS:
            yield from [paragraph.strip()] if words else []
        else:
            yield from (" ".join(words[first : first + MOST_WORDS]) for first in range(0, len(words), MOST_WORDS))


def _name(trail: list[tuple[int, str]]) -> str:
    return " › ".join(heading for _, heading in trail)
