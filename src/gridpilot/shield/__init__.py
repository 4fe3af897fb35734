"""The shield: authority, limits, preview against do-nothing and N-1; every decision passes it, whoever made it."""

from gridpilot.shield.authority import FULL, OPERATOR, Authority, may_move
from gridpilot.shield.case import Case, Check
from gridpilot.shield.preview import Tolerance, not_worse, worse
from gridpilot.shield.security import SecurityTolerance, secure_as_before
from gridpilot.shield.shield import CHECKS, ShieldResult, refuse_all, review

__all__ = [
    "CHECKS", "FULL", "OPERATOR", "Authority", "Case", "Check", "SecurityTolerance", "ShieldResult", "Tolerance", "may_move", "not_worse",
    "refuse_all", "review", "secure_as_before", "worse",
]  # fmt: skip
