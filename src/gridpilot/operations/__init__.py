"""Operations: the one loop, the desk where decisions are reviewed, the clock, and whole runs."""

from gridpilot.operations.clock import FAST, Pace, parse_speed
from gridpilot.operations.config import RunConfig
from gridpilot.operations.cycle import Cycle, cycle, operate, run_cycles
from gridpilot.operations.desk import AdviseDesk, AutoDesk, Desk, Mailbox, Operator, Proposal, ReviewDesk, Ruling
from gridpilot.operations.folder import RunFolder
from gridpilot.operations.run import Run, start_run

__all__ = [
    "FAST", "AdviseDesk", "AutoDesk", "Cycle", "Desk", "Mailbox", "Operator", "Pace", "Proposal", "ReviewDesk", "Ruling", "Run",
    "RunConfig", "RunFolder", "cycle", "operate", "parse_speed", "run_cycles", "start_run",
]  # fmt: skip
