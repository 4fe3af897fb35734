"""Sensitivity curves: delays are delays, trouble that is not there changes nothing, and the same seeds give the same numbers."""

from __future__ import annotations

from typing import Any

import pytest

from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.errors import ConfigError
from gridpilot.evaluation.sensitivity import Curve, Point, curves, sensitivity
from gridpilot.evaluation.sensitivity.curves import OUTAGE_DEADLINE_S, OUTAGES_S
from gridpilot.evaluation.sensitivity.day import play_day

CYCLES = 60
"""Past the beginning of the outage."""


def configured(point: Point, cycles: int = CYCLES) -> MicrogridsConfig:
    return MicrogridsConfig(cycles=cycles, period="judging", **point.settings)


def points(name: str) -> dict[float, Point]:
    return {point.value: point for curve in curves() if curve.name == name for point in curve.points}


def test_every_curve_begins_without_trouble_and_begins_alike() -> None:
    days = [play_day(configured(curve.points[0], 8), 3) for curve in curves() if curve.about != "rest"]
    assert all(day == days[0] for day in days)
    assert days[0].silent == days[0].missed == 0
    assert days[0].asked == 3 * 8


def test_late_orders_do_nothing_until_they_come() -> None:
    """As long as no order is in force, the day is the one in which nobody acts."""
    config = MicrogridsConfig(cycles=3, period="judging")
    assert play_day(config, 1, action_delay=3) == play_day(config, 1, acting=False)
    assert play_day(config, 1, action_delay=2) != play_day(config, 1, acting=False)


def test_late_observations_show_the_beginning_for_so_long() -> None:
    """With a delay as long as the day every decision sees the first state: the engine steps from there once, and stays."""
    config = MicrogridsConfig(cycles=6, period="judging")
    assert play_day(config, 1, observation_delay=6) == play_day(config, 1, observation_delay=9)
    assert play_day(config, 1, observation_delay=6) != play_day(config, 1)


def test_what_is_sent_often_enough_is_not_lost() -> None:
    hit, unhurt = (play_day(configured(points(name)[20.0], 24), 0) for name in ("loss-one-try", "loss-four-tries"))
    assert unhurt.silent < hit.silent < hit.asked
    assert hit.missed >= hit.silent


@pytest.mark.parametrize("seconds", OUTAGES_S)
def test_an_outage_costs_everybody_a_reply_per_deadline(seconds: float) -> None:
    day = play_day(configured(points("outage-hold-1")[seconds]), 0)
    assert day.missed == 3 * int(seconds / OUTAGE_DEADLINE_S)
    # The outage may begin between the two rounds of a step: the first reply that is missed then closes a step that was acted in.
    assert day.missed - 3 <= day.silent <= day.missed


def test_devices_that_hold_longer_lose_less_in_a_long_outage() -> None:
    short, long = (play_day(configured(points(name)[10.0]), 0) for name in ("outage-hold-1", "outage-hold-8"))
    assert short.silent == long.silent > 0
    assert long != short


def few() -> tuple[Curve, ...]:
    return (Curve("observation-delay", "delay", "observations late", "steps", (Point(0), Point(2, observation_delay=2))),)


def test_a_study_repeats_and_compares_on_the_same_days() -> None:
    one, other = (sensitivity(days=2, cycles=6, chosen=few()) for _ in range(2))
    assert one.rows == other.rows
    still, late = one.rows
    assert (still.change.mean, still.change.low) == (0.0, 0.0)
    assert late.change.mean == pytest.approx(late.reward.mean - still.reward.mean)
    assert [row["name"] for row in one.document()["rows"]] == ["observation-delay/0", "observation-delay/2"]


def stop_after(count: int) -> Any:
    def tell(done: int, _: int) -> None:
        if done == count:
            raise KeyboardInterrupt

    return tell


def test_an_interrupt_keeps_the_days_that_are_done() -> None:
    kept = sensitivity(days=3, cycles=4, chosen=few(), progress=stop_after(3))
    assert kept.days == 1
    assert kept.rows == sensitivity(days=1, cycles=4, chosen=few()).rows
    with pytest.raises(KeyboardInterrupt):
        sensitivity(days=3, cycles=4, chosen=few(), progress=stop_after(1))


def test_no_days_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 days"):
        sensitivity(days=0)
