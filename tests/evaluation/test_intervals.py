"""Confidence intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gridpilot.errors import ConfigError
from gridpilot.evaluation import estimate, paired_difference


@pytest.mark.parametrize("n", [2, 3, 8, 40])
def test_intervals_are_students(n: int) -> None:
    samples = np.random.default_rng(n).normal(3.0, 2.0, n)
    found = estimate(samples.tolist())
    low, high = stats.t.interval(0.95, n - 1, loc=samples.mean(), scale=stats.sem(samples))
    assert (found.mean, found.low, found.high) == pytest.approx((samples.mean(), low, high), rel=1e-12)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(1)
    found = [estimate(random.normal(10.0, 4.0, 6).tolist()) for _ in range(2000)]
    share = np.mean([e.low <= 10.0 <= e.high for e in found if e.low is not None and e.high is not None])
    assert share == pytest.approx(0.95, abs=0.015)  # three standard errors of a share of 2000


def test_pairs_leave_out_what_episodes_have_in_common() -> None:
    random = np.random.default_rng(2)
    day = random.normal(0.0, 50.0, 8)
    ours, theirs = (day + 3.0 + random.normal(0, 0.5, 8)).tolist(), (day + random.normal(0, 0.5, 8)).tolist()
    apart = paired_difference(ours, theirs)
    assert apart.low is not None
    assert apart.low > 0.0
    alone = estimate(ours)
    assert alone.low is not None
    assert alone.low < np.mean(theirs)


def test_one_sample_has_no_interval() -> None:
    found = estimate([4.0])
    assert (found.mean, found.low, found.high) == (4.0, None, None)


def test_nothing_and_unequal_pairs_are_refused() -> None:
    with pytest.raises(ConfigError, match="no episode"):
        estimate([])
    with pytest.raises(ConfigError, match="same episodes"):
        paired_difference([1.0, 2.0], [1.0])
