"""The desk: where a decision is approved, changed or turned down. The environment never waits for a person; the desk does."""

from gridpilot.operations.desk.advise import AdviseDesk
from gridpilot.operations.desk.auto import AutoDesk
from gridpilot.operations.desk.mailbox import Mailbox
from gridpilot.operations.desk.proposal import Proposal
from gridpilot.operations.desk.review import Operator, ReviewDesk
from gridpilot.operations.desk.ruling import ADVISED, APPROVED, HELD, MODIFIED, REFUSED, REJECTED, Ruling, rule
from gridpilot.operations.desk.seam import ADVISE, AUTO, MODES, REVIEW, Desk

__all__ = [
    "ADVISE", "ADVISED", "APPROVED", "AUTO", "HELD", "MODES", "MODIFIED", "REFUSED", "REJECTED", "REVIEW", "AdviseDesk", "AutoDesk",
    "Desk", "Mailbox", "Operator", "Proposal", "ReviewDesk", "Ruling", "rule",
]  # fmt: skip
