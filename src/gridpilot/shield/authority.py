"""Second check: may this role move this component?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from gridpilot.errors import UnknownNameError

Authority = Mapping[str, Collection[str] | None]
"""Per role the components it may move; None for all."""

OPERATOR: Final = "operator"
FULL: Final[Authority] = {OPERATOR: None}
"""One operator, who may move everything."""


def may_move(role: str, authority: Authority = FULL) -> Collection[str] | None:
    """Components that a role may move, None for all; raises `UnknownNameError` for a role nobody gave authority to."""
    if role not in authority:
        raise UnknownNameError("role with authority", role, sorted(authority))
    return authority[role]
