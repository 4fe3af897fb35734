"""Grid agents: the controller of a microgrid with the agents of its devices, which may live in a process of their own."""

from gridpilot.agents.grid.agent import GridAgent
from gridpilot.agents.grid.dialogue import (
    PHASES,
    Account,
    Act,
    Agree,
    Begin,
    Cleared,
    KindSheet,
    Metered,
    Network,
    Order,
    Receipt,
    Report,
    Setpoint,
    Sheet,
    Standing,
    Trade,
    Unclosed,
)

__all__ = [
    "PHASES",
    "Account",
    "Act",
    "Agree",
    "Begin",
    "Cleared",
    "GridAgent",
    "KindSheet",
    "Metered",
    "Network",
    "Order",
    "Receipt",
    "Report",
    "Setpoint",
    "Sheet",
    "Standing",
    "Trade",
    "Unclosed",
]
