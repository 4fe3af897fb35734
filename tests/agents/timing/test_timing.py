"""The virtual clock: causes come before effects, in a stated order, the same in every run, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.agents.timing import Doing, Moment, RoleTiming, Timeline, play
from gridpilot.agents.timing.role_timing import to_us
from gridpilot.errors import ConfigError

MINUTE_H = 1.0 / 60.0


@st.composite
def timings(draw: st.DrawFn) -> RoleTiming:
    tick = draw(st.sampled_from([1.0, 2.5, 5.0, 7.0, 15.0])) * MINUTE_H
    delays = st.one_of(st.sampled_from([0.0, 5.0, 10.0]), st.floats(0.0, 40.0))
    jitter = draw(st.sampled_from([0.0, 0.1, 0.5])) * tick
    return RoleTiming(tick, draw(delays) * MINUTE_H, draw(delays) * MINUTE_H, jitter)


TIMELINES = st.builds(
    Timeline,
    st.dictionaries(st.sampled_from(["system", "MG1", "MG2", "MG3"]), timings(), max_size=4),
    st.sampled_from([1.0, 5.0, 12.0]).map(lambda minutes: minutes * MINUTE_H),
    st.integers(1, 20),
    st.integers(0, 2**40),
)


def of(moments: list[Moment], role: str, doing: Doing) -> list[Moment]:
    return [moment for moment in moments if moment.role == role and moment.doing is doing]


@given(TIMELINES)
def test_moments_come_in_their_order_and_are_the_same_again(timeline: Timeline) -> None:
    moments = list(timeline)
    assert moments == sorted(moments)
    assert moments == list(timeline)
    assert [moment.number for moment in moments if moment.doing is Doing.ADVANCE] == list(range(timeline.steps))


@given(TIMELINES)
def test_causes_come_before_effects(timeline: Timeline) -> None:
    dt_us = to_us(timeline.dt_h)
    observed: set[tuple[str, int]] = set()
    made = 0
    for moment in timeline:
        if moment.doing is Doing.OBSERVE:
            timing = timeline.roles[moment.role]
            assert moment.step <= made, "sees a state that is not there yet"
            newest = max(moment.time_us - to_us(timing.observation_delay_h), 0)
            oldest = max(newest - to_us(timing.jitter_h), 0)
            assert oldest // dt_us <= moment.step <= newest // dt_us
            assert moment.step >= made - 1 - timeline.lag_steps, "sees a state that need not be remembered"
            observed.add((moment.role, moment.number))
        elif moment.doing is Doing.APPLY:
            assert (moment.role, moment.number) in observed, "obeys a decision that nobody has made"
        else:
            made += 1
            assert moment.time_us == moment.step * dt_us


@given(TIMELINES)
def test_no_decision_is_lost_doubled_or_overtaken(timeline: Timeline) -> None:
    moments = list(timeline)
    end_us = moments[-1].time_us
    for role, timing in timeline.roles.items():
        seen, applied = of(moments, role, Doing.OBSERVE), of(moments, role, Doing.APPLY)
        tick, delay, jitter = to_us(timing.tick_h), to_us(timing.action_delay_h), to_us(timing.jitter_h)
        # All that must have happened by the end, whatever the jitter; and none beyond.
        assert len([1 for k in range(end_us // tick + 1) if k * tick + jitter <= end_us]) <= len(seen) <= end_us // tick + 1
        assert [moment.number for moment in seen] == list(range(len(seen)))
        assert [moment.number for moment in applied] == list(range(len(applied)))
        for before, after in zip(seen, applied, strict=False):
            assert delay <= after.time_us - before.time_us <= delay + jitter
            assert before.number * tick <= before.time_us <= before.number * tick + jitter
            assert after.step == before.step
        under_way = seen[len(applied) :]
        assert all(moment.time_us + delay + jitter >= end_us for moment in under_way)


@given(TIMELINES, st.sampled_from(["aaa", "zzz"]), timings(), st.booleans())
def test_another_role_changes_no_moment_of_those_there_are(timeline: Timeline, name: str, timing: RoleTiming, first: bool) -> None:
    more = {name: timing, **timeline.roles} if first else {**timeline.roles, name: timing}
    joined = Timeline(more, timeline.dt_h, timeline.steps, timeline.seed)
    others = [moment._replace(place=0) for moment in joined if moment.role != name]
    assert others == [moment._replace(place=0) for moment in timeline]


def test_jitter_is_drawn_for_each_role_tick_and_purpose_and_by_the_seed() -> None:
    jittery = RoleTiming(1.0, 0.0, 0.0, 0.5)
    moments = list(Timeline({"a": jittery, "b": jittery}, 1.0, 200, seed=1))
    late = {role: [moment.time_us - to_us(moment.number) for moment in of(moments, role, Doing.OBSERVE)] for role in "ab"}
    trips = [
        after.time_us - before.time_us
        for before, after in zip(of(moments, "a", Doing.OBSERVE), of(moments, "a", Doing.APPLY), strict=False)
    ]
    for draws in (*late.values(), trips):
        assert max(Counter(draws).values()) == 1
        assert sum(draws) / len(draws) == pytest.approx(to_us(0.25), rel=0.15)
        assert max(draws) <= to_us(0.5)
    assert not set(late["a"]) & set(late["b"])
    other = list(Timeline({"a": jittery}, 1.0, 200, seed=2))
    assert not {moment.time_us for moment in of(other, "a", Doing.OBSERVE)} & {moment.time_us for moment in of(moments, "a", Doing.OBSERVE)}


# --------------------------------------------------------------------------------------------------------- play


def told(number: int, state: tuple[int, ...], orders: Mapping[str, tuple[str, int]]) -> tuple[int, ...]:
    """A grid whose state is its history: a digest of every state and every order so far."""
    return (*state, hash((number, state[-1], tuple(sorted(orders.items())))))


@given(st.lists(st.sampled_from(["system", "MG1", "MG2"]), unique=True), st.sampled_from([1.0, 1 / 12, 1 / 3]), st.integers(1, 12))
def test_without_delays_it_is_lockstep(roles: list[str], dt_h: float, steps: int) -> None:
    def decide(role: str, state: tuple[int, ...]) -> tuple[str, int]:
        return role, state[-1]

    def advance(state: tuple[int, ...], orders: Mapping[str, tuple[str, int]]) -> tuple[int, ...]:
        return told(len(state), state, orders)

    timeline = Timeline({role: RoleTiming(dt_h) for role in roles}, dt_h, steps, seed=5)
    state: tuple[int, ...] = (0,)
    played = list(play(timeline, state, decide, advance))
    for number in range(steps):
        state = advance(state, {role: decide(role, state) for role in roles})
        assert played[number] == state
    assert len(played) == steps


def test_delays_are_as_many_steps_as_they_say() -> None:
    """A role that orders what it sees: the state is the number of its step, and orders arrive two and one steps late."""
    seen: list[dict[str, int]] = []

    def advance(state: int, orders: Mapping[str, int]) -> int:
        seen.append(dict(orders))
        return state + 1

    roles = {"slow": RoleTiming(2.0, 0.0, 1.0), "old": RoleTiming(1.0, 2.0, 0.0), "half": RoleTiming(1.0, 0.0, 0.5)}
    assert list(play(Timeline(roles, 1.0, 6), 0, lambda role, state: state, advance)) == [1, 2, 3, 4, 5, 6]
    assert seen == [
        {"old": 0},
        {"slow": 0, "old": 0, "half": 0},
        {"slow": 0, "old": 0, "half": 1},
        {"slow": 2, "old": 1, "half": 2},
        {"slow": 2, "old": 2, "half": 3},
        {"slow": 4, "old": 3, "half": 4},
    ]


@given(TIMELINES)
def test_play_finds_every_state_that_somebody_sees(timeline: Timeline) -> None:
    states = list(play(timeline, 0, lambda role, state: state, lambda state, orders: state + 1))
    assert states == list(range(1, timeline.steps + 1))


# ------------------------------------------------------------------------------------------------------ settings


def test_everything_wrong_with_a_timing_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"tick_h: is nan(.|\n)*observation_delay_h: is -1(.|\n)*action_delay_h: is inf"):
        RoleTiming(float("nan"), -1.0, float("inf"))
    with pytest.raises(ConfigError, match="tick_h: is 0; expected a microsecond or more"):
        RoleTiming(0.0)
    with pytest.raises(ConfigError, match=r"jitter_h: is 0\.6; expected at most half of tick_h, which is 1"):
        RoleTiming(1.0, jitter_h=0.6)
    with pytest.raises(ConfigError, match=r"dt_h: is 0(.|\n)*steps: is 0"):
        Timeline({}, 0.0, 0)


def test_a_moment_tells_its_hour() -> None:
    assert [moment.time_h for moment in Timeline({}, 0.25, 3)] == [0.0, 0.25, 0.5]
