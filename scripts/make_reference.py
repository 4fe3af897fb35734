"""Fill the generated parts of the documentation from the code.

    .venv/bin/python scripts/make_reference.py

A part stands in a page between two comments, and is replaced whole; what is around it is written by hand:

    <!-- generated: device storage -->
    …
    <!-- end of generated -->

`tests/test_docs.py` fails where a committed page differs from what this script would write.
"""

from __future__ import annotations

import re
from pathlib import Path

from reference import BLOCKS

ROOT = Path(__file__).resolve().parents[1]
BEGIN = "<!-- generated: {} -->"
END = "<!-- end of generated -->"
_PART = re.compile(r"(<!-- generated: (?P<what>[^>]*?) -->\n).*?(<!-- end of generated -->)", re.DOTALL)


def pages(root: Path = ROOT) -> list[Path]:
    """Every page that may hold generated parts."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def filled(text: str) -> str:
    """A page with all its parts made anew; raises `KeyError` for a part that nobody makes."""
    return _PART.sub(lambda found: f"{found[1]}\n{part(found['what'])}\n\n{found[3]}", text)


def part(what: str) -> str:
    """One part by its name and argument, as in `device storage`."""
    name, _, argument = what.partition(" ")
    return BLOCKS[name](argument).strip()


if __name__ == "__main__":
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"Wrote {page.relative_to(ROOT)}")
