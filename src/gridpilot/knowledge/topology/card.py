"""The form of a card of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gridpilot.knowledge.document import Document
from gridpilot.knowledge.topology.survey import Survey


def card(grid: Survey, path: str, title: str, lines: Iterable[str], tags: Sequence[str], *, told_by: str) -> Document:
    """A document under the grid's own id; `told_by` is the part of its scenario that says all this."""
    name = grid.scenario.name
    return Document(
        id=f"topology/{name}/{path}", title=title, kind="topology", text="\n".join(lines), sources=(f"{told_by} {name}",), tags=tuple(tags)
    )
