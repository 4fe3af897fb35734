"""Event-driven time: every role has its own tick, delays and jitter, on a virtual clock that is the same in every run."""

from gridpilot.agents.timing.play import play
from gridpilot.agents.timing.role_timing import RoleTiming
from gridpilot.agents.timing.timeline import Doing, Moment, Timeline

__all__ = ["Doing", "Moment", "RoleTiming", "Timeline", "play"]
