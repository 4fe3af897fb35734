"""Grid agents: the controller of a microgrid with the agents of its devices, which may live in a process of their own."""

from gridpilot.agents.grid.agent import GridAgent
from gridpilot.agents.grid.dialogue import (
    PHASES,
    Act,
    Begin,
    DirectOrder,
    KindSheet,
    Network,
    Receipt,
    Report,
    Setpoint,
    Sheet,
    Standing,
    Unclosed,
)

__all__ = [
    "PHASES",
    "Act",
    "Begin",
    "DirectOrder",
    "GridAgent",
    "KindSheet",
    "Network",
    "Receipt",
    "Report",
    "Setpoint",
    "Sheet",
    "Standing",
    "Unclosed",
]
