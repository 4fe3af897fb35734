"""How fast simulated time goes by: as fast as it can, or N times real time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gridpilot.errors import ConfigError

FAST: Final = "fast"


def parse_speed(speed: str | float) -> float:
    """`fast` as infinity, a number above 0 as itself; raises `ConfigError` for anything else."""
    try:
        value = math.inf if speed == FAST else float(speed)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise ConfigError(f"The speed is {speed!r}; expected {FAST!r}, or how many times faster than real time, as in 60.")
    return value


@dataclass(frozen=True, slots=True)
class Pace:
    """When each cycle may begin. A cycle that is late does not move those after it: they catch up."""

    speed: float = math.inf
    """Times real time."""
    now_s: Callable[[], float] = time.monotonic
    sleep_s: Callable[[float], None] = time.sleep

    def wait(self, began_s: float, cycle: int, dt_h: float) -> None:
        """Return when cycle `cycle` (0 for the first) of a run which began at `began_s` is due."""
        due_s = began_s + cycle * dt_h * 3600.0 / self.speed
        late_s = self.now_s() - due_s
        if late_s < 0:
            self.sleep_s(-late_s)
