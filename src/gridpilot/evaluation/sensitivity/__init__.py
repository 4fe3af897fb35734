"""How much delays, lost messages and a broker that is down cost microgrids: curves with confidence intervals."""

from gridpilot.evaluation.sensitivity.curves import Curve, Point, curves
from gridpilot.evaluation.sensitivity.day import Day
from gridpilot.evaluation.sensitivity.study import Study, Summary, sensitivity

__all__ = ["Curve", "Day", "Point", "Study", "Summary", "curves", "sensitivity"]
