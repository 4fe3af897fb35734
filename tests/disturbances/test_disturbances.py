"""A seed draws the same trouble every time, nothing is hit twice at once, and everything that breaks comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from math import inf, isfinite, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.disturbances import GENERATOR_OUTAGE, LINE_TRIP, LOAD_SPIKE, Channel, Disturbance, Schedule, Threat, draw, schedule
from gridpilot.errors import ConfigError
from gridpilot.values import Event

LINES = tuple(f"LN{k:02}" for k in range(6))
THREATS = (
    Threat(LINE_TRIP, LINES[:3], between_h=(2.0, 9.0), lasting_h=(1.0, 4.0)),
    Threat(LINE_TRIP, LINES[:3], between_h=(2.0, 9.0), lasting_h=(1.0, 4.0)),
    Threat(LINE_TRIP, LINES[:3], between_h=(3.0, 9.0), lasting_h=(1.0, 4.0)),
    Threat(LOAD_SPIKE, ("CITY", "SUBURB"), between_h=(6.0, 10.0), lasting_h=(0.5, 2.0), magnitude=(1.1, 1.3)),
    Threat(LOAD_SPIKE, ("CITY",), between_h=(6.0, 10.0), lasting_h=(0.5, 2.0), magnitude=(1.1, 1.3)),
    Threat(GENERATOR_OUTAGE, ("GAS",), between_h=(12.0, 20.0), lasting_h=(2.0, 3.0)),
)
PLACE = {
    Channel.BRANCH_FAULT: {name: k for k, name in enumerate(LINES)},
    Channel.LOAD_FACTOR: {"CITY": 0, "SUBURB": 1},
    Channel.GENERATOR_OUTAGE: {"GAS": 1},
}
SEEDS = st.integers(-(2**40), 2**70)
CYCLES = st.sampled_from([1 / 60, 1 / 12, 0.25, 1.0, 3.0])


def same_component(a: Disturbance, b: Disturbance) -> bool:
    return (a.channel, a.component) == (b.channel, b.component)


# ------------------------------------------------------------------------------------------------------- draws


@given(SEEDS)
def test_a_draw_repeats(seed: int) -> None:
    assert draw(THREATS, seed) == draw(THREATS, seed)


def test_a_draw_is_the_same_in_every_process() -> None:
    """Python's own hash of a text is not."""
    code = (
        "from gridpilot.disturbances import LINE_TRIP, Threat, draw\n"
        "print(draw([Threat(LINE_TRIP, ('A', 'B', 'C'), (0.0, 9.0), (1.0, 4.0))], 3))"
    )
    texts = {
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": key}).stdout
        for key in ("1", "2")
    }
    assert len(texts) == 1
    assert b"from_h" in texts.pop()


def test_seeds_differ() -> None:
    assert len({draw(THREATS, seed) for seed in range(50)}) == 50


@given(SEEDS, st.permutations(THREATS))
def test_the_order_of_the_threats_changes_nothing(seed: int, threats: list[Threat]) -> None:
    assert draw(threats, seed) == draw(THREATS, seed)


@given(SEEDS)
def test_another_threat_elsewhere_changes_nothing(seed: int) -> None:
    elsewhere = Threat(LINE_TRIP, LINES[3:], between_h=(0.0, 24.0), lasting_h=(1.0, 9.0))
    assert set(draw(THREATS, seed)) < set(draw((elsewhere, *THREATS), seed))


@given(SEEDS)
def test_everything_is_inside_its_ranges(seed: int) -> None:
    drawn = draw(THREATS, seed)
    assert drawn == tuple(sorted(drawn, key=lambda d: d.from_h))
    for d in drawn:
        fitting = [t for t in THREATS if t.kind.event == d.event and d.component in t.components]
        assert any(t.between_h[0] <= d.from_h <= t.between_h[1] for t in fitting)
        assert any(t.lasting_h[0] - 1e-9 <= d.until_h - d.from_h <= t.lasting_h[1] + 1e-9 for t in fitting)
        if d.channel == Channel.LOAD_FACTOR:
            assert 1.1 <= d.value <= 1.3
            assert d.rest == 1.0
        else:
            assert (d.value, d.rest) == (1.0, 0.0)


@given(SEEDS)
def test_no_component_is_hit_while_it_is_down(seed: int) -> None:
    drawn = draw(THREATS, seed)
    for k, a in enumerate(drawn):
        for b in drawn[k + 1 :]:
            assert not same_component(a, b) or b.from_h > a.until_h


@given(SEEDS)
def test_a_threat_goes_to_a_component_that_is_free(seed: int) -> None:
    always = [Threat(LINE_TRIP, LINES[:3], between_h=(1.0 + k, 1.0 + k), lasting_h=(9.0, 9.0)) for k in range(4)]
    drawn = draw(always, seed)
    assert sorted(d.component for d in drawn) == list(LINES[:3]), "three lines take three faults; the fourth finds none"
    assert [d.from_h for d in drawn] == [1.0, 2.0, 3.0]


def test_what_is_never_restored_lasts_for_ever() -> None:
    (fault,) = draw([Threat(LINE_TRIP, LINES[:1], between_h=(1.0, 2.0), lasting_h=(inf, inf))], 0)
    assert fault.until_h == inf
    assert schedule([[fault]], PLACE, 0.25).begins.tolist() == [[1]]


def test_every_problem_of_a_threat_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        Threat(LINE_TRIP, (), between_h=(9.0, 2.0), lasting_h=(1.0, nan), magnitude=(-1.0, 1.0))
    assert {problem.where for problem in caught.value.problems} == {"components", "between_h", "lasting_h", "magnitude"}


# --------------------------------------------------------------------------------------------------- schedules


def replayed(plan: Schedule, steps: int) -> dict[tuple[int, int], list[float]]:
    """Value of every channel and component of element 0 after each step, entries applied in their order."""
    now: dict[tuple[int, int], float] = {}
    course: dict[tuple[int, int], list[float]] = {}
    for step in range(steps):
        for k in np.flatnonzero(plan.step[0] == step):
            now[int(plan.channel[0, k]), int(plan.index[0, k])] = float(plan.value[0, k])
        for key, value in now.items():
            course.setdefault(key, [nan] * step).append(value)
    return course


@given(SEEDS, CYCLES)
def test_every_begin_has_its_restoration(seed: int, dt_h: float) -> None:
    drawn = draw(THREATS, seed)
    plan = schedule([drawn], PLACE, dt_h)
    assert plan.begins.sum() == len(drawn) == (plan.begins == 0).sum()
    assert (plan.step >= 1).all()
    ends = plan.event[plan.begins == 0]
    assert (ends == Event.RESTORATION).all()
    course = replayed(plan, int(plan.step.max()) + 1)
    for (channel, _), values in course.items():
        assert values[-1] == (1.0 if channel == Channel.LOAD_FACTOR else 0.0)


@given(SEEDS, CYCLES)
def test_between_begin_and_end_the_value_stands(seed: int, dt_h: float) -> None:
    drawn = draw(THREATS, seed)
    plan = schedule([drawn], PLACE, dt_h)
    course = replayed(plan, int(plan.step.max()) + 1)
    for d in drawn:
        key = (int(d.channel), PLACE[d.channel][d.component])
        mine = (plan.channel[0] == key[0]) & (plan.index[0] == key[1])
        begin = min(plan.step[0][mine & (plan.begins[0] == 1) & (plan.value[0] == d.value) & (plan.step[0] * dt_h >= d.from_h - 1e-6)])
        end = min(plan.step[0][mine & (plan.begins[0] == 0) & (plan.step[0] > begin)])
        assert course[key][begin:end] == [d.value] * (end - begin)


@given(SEEDS, CYCLES)
def test_a_cycle_moves_instants_by_no_more_than_its_length(seed: int, dt_h: float) -> None:
    drawn = [d for d in draw(THREATS, seed) if d.until_h - d.from_h >= dt_h]
    apart = [d for d in drawn if not any(same_component(d, e) and d is not e for e in drawn)]
    plan = schedule([apart], PLACE, dt_h)
    for d, (begin, end) in zip(apart, plan.step[0].reshape(-1, 2) * dt_h, strict=True):
        assert d.from_h - 1e-6 <= begin < d.from_h + dt_h
        assert d.until_h - 1e-6 <= end < d.until_h + dt_h


@pytest.mark.parametrize("dt_h", [1 / 60, 1 / 12, 0.1, 0.25, 0.5, 1.0])
def test_a_whole_hour_is_its_own_step(dt_h: float) -> None:
    for hour in range(1, 24):
        fault = Disturbance(Event.LINE_TRIP, Channel.BRANCH_FAULT, "LN00", float(hour), float(hour + 1), 1.0, 0.0)
        assert schedule([[fault]], PLACE, dt_h).step.tolist() == [[round(hour / dt_h), round((hour + 1) / dt_h)]]


def test_what_begins_at_once_begins_with_the_first_step() -> None:
    fault = Disturbance(Event.LINE_TRIP, Channel.BRANCH_FAULT, "LN00", 0.0, 0.01, 1.0, 0.0)
    assert schedule([[fault]], PLACE, 1.0).step.tolist() == [[1, 2]]


@given(st.lists(st.tuples(st.floats(0.01, 0.6), st.floats(0.01, 0.6)), min_size=2, max_size=6), CYCLES)
def test_short_faults_of_one_line_follow_each_other(spells: list[tuple[float, float]], dt_h: float) -> None:
    """Even where several of them are inside one long cycle, no restoration undoes the next fault."""
    edges = np.cumsum([edge for spell in spells for edge in spell]).reshape(-1, 2)
    faults = [Disturbance(Event.LINE_TRIP, Channel.BRANCH_FAULT, "LN00", float(a), float(b), 1.0, 0.0) for a, b in edges]
    plan = schedule([faults], PLACE, dt_h)
    begins, ends = plan.step[0][plan.begins[0] == 1], plan.step[0][plan.begins[0] == 0]
    assert (begins < ends).all()
    assert (begins[1:] >= ends[:-1]).all()
    for first, second in pairwise(np.lexsort((np.arange(len(plan.step[0])), plan.step[0]))):
        assert plan.begins[0][first] != plan.begins[0][second], "begins and ends alternate as the twin applies them"


def test_elements_with_less_trouble_are_padded() -> None:
    drawn = draw(THREATS, 0)
    plan = schedule([(), drawn, drawn[:1]], PLACE, 0.25)
    assert plan.step.shape == (3, 2 * len(drawn))
    assert (plan.step[0] == -1).all()
    assert (plan.step >= 0).sum(axis=1).tolist() == [0, 2 * len(drawn), 2]
    assert plan.step.dtype == plan.event.dtype == plan.index.dtype == plan.channel.dtype == np.int64
    assert plan.value.dtype == np.float64
    assert schedule([(), ()], PLACE, 0.25).step.shape == (2, 0)


def test_every_component_that_does_not_exist_is_told_once() -> None:
    fault = Disturbance(Event.LINE_TRIP, Channel.BRANCH_FAULT, "LN99", 1.0, 2.0, 1.0, 0.0)
    spike = Disturbance(Event.LOAD_SPIKE, Channel.LOAD_FACTOR, "LN00", 1.0, 2.0, 1.2, 1.0)
    known = replace(fault, component="LN01")
    with pytest.raises(ConfigError) as caught:
        schedule([[fault, known], [spike, fault]], PLACE, 0.25)
    assert [problem.where for problem in caught.value.problems] == ["LN00", "LN99"]
    with pytest.raises(ConfigError, match="LN01"):
        schedule([[known]], {}, 0.25)


def test_drawn_trouble_ends() -> None:
    assert all(isfinite(d.until_h) for seed in range(20) for d in draw(THREATS, seed))
