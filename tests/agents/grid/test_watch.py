"""What an agent does by itself when nothing is heard: hold, leave the grid, come back; and says so once."""

from __future__ import annotations

from gridpilot.agents.grid.watch import FOLLOWS, HOLDS, OFF_GRID, Watch


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def watch(hold_s: float | None = 2.0) -> tuple[Watch, Clock, list[str]]:
    clock, said = Clock(), list[str]()
    made = Watch("MG1", said.append, clock)
    made.begin(hold_s)
    return made, clock, said


def at(made: Watch, clock: Clock, now_s: float) -> str:
    clock.now_s = now_s
    made.check()
    return made.doing


def test_orders_are_held_and_then_no_longer_valid() -> None:
    made, clock, said = watch()
    assert at(made, clock, 1000.0) == FOLLOWS  # nothing was ordered yet
    made.renew(1001.0)
    assert [at(made, clock, now_s) for now_s in (1001.9, 1002.0, 1002.9, 1003.0, 1009.0)] == [FOLLOWS, HOLDS, HOLDS, OFF_GRID, OFF_GRID]
    assert len(said) == 2
    assert "hold their orders for 1 s more" in said[0]
    clock.now_s = 1010.0
    made.renew(1011.0)
    assert made.doing == FOLLOWS
    assert said[2] == "MG1: the environment is back; its devices follow orders again after 7 s off the grid"


def test_a_question_in_time_is_no_news() -> None:
    made, clock, said = watch()
    for now_s in range(1000, 1100):
        made.renew(now_s + 1.5)
        assert at(made, clock, now_s + 0.5) == FOLLOWS
    assert said == []


def test_the_next_look_is_when_something_is_due() -> None:
    made, clock, _ = watch()
    made.renew(99.05)
    assert 0.04 < made.check() <= 0.05
    clock.now_s = 100.1
    assert 0.0 < made.check() <= 0.2


def test_where_time_stands_still_nothing_happens() -> None:
    made, clock, said = watch(None)
    made.renew(101.0)
    assert at(made, clock, 1e6) == FOLLOWS
    assert said == []


def test_what_the_environment_took_it_to_do_is_compared() -> None:
    made, clock, said = watch()
    made.renew(101.0)
    at(made, clock, 103.5)
    clock.now_s = 110.0
    made.renew(111.0)
    for off_grid, at_s in ((False, 101.5), (False, 102.9), (True, 103.0), (True, 109.9), (False, 110.5)):
        made.compare(off_grid, at_s)
    assert made.disagreed == 0
    made.compare(False, 105.0)
    made.compare(True, 102.0)
    assert made.disagreed == 2
    assert [sentence for sentence in said if "clocks" in sentence] == [
        "MG1: the environment took its devices to be on the grid when they were off it. Are both clocks right?"
    ]
