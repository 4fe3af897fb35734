"""Simulated time keeps its pace, without a test that waits for it."""

from __future__ import annotations

import math

import pytest

from gridpilot.errors import ConfigError
from gridpilot.operations import Pace, parse_speed


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.time_s = 100.0
        self.slept_s: list[float] = []

    def now(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.time_s += seconds


def test_sixty_times_real_time_is_five_seconds_per_five_minutes() -> None:
    clock = Clock()
    pace = Pace(60.0, clock.now, clock.sleep)
    for cycle in range(4):
        pace.wait(100.0, cycle, 5 / 60)
    assert clock.slept_s == pytest.approx([5.0, 5.0, 5.0])


def test_work_counts_and_a_late_cycle_is_caught_up_with() -> None:
    clock = Clock()
    pace = Pace(60.0, clock.now, clock.sleep)
    clock.time_s = 102.0
    pace.wait(100.0, 1, 5 / 60)
    clock.time_s = 112.0
    pace.wait(100.0, 2, 5 / 60)
    pace.wait(100.0, 3, 5 / 60)
    assert clock.slept_s == pytest.approx([3.0, 3.0])


def test_fast_never_sleeps() -> None:
    clock = Clock()
    for cycle in range(1000):
        Pace(parse_speed("fast"), clock.now, clock.sleep).wait(100.0, cycle, 5 / 60)
    assert clock.slept_s == []


def test_speeds_are_read() -> None:
    assert parse_speed("fast") == math.inf
    assert parse_speed("60") == parse_speed(60) == 60.0


@pytest.mark.parametrize("speed", ["slow", "", 0, -1, "nan"])
def test_other_speeds_are_refused(speed: str | float) -> None:
    with pytest.raises(ConfigError, match="expected 'fast'"):
        parse_speed(speed)
