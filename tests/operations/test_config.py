"""A configuration is refused with all of its problems, or means what it says."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields
from itertools import pairwise

import pytest

from gridpilot.errors import ConfigError
from gridpilot.operations import RunConfig


def test_defaults_are_a_run() -> None:
    assert RunConfig.from_mapping({}) == RunConfig()


def test_keys_have_dashes_or_underscores_and_numbers_may_be_text() -> None:
    given = {"cycle-minutes": "15", "seed": "7", "growth": "true", "cycles": 3, "speed": "60", "start": "2016-07-04"}
    config = RunConfig.from_mapping(given)
    assert config == RunConfig(cycle_minutes=15.0, seed=7, growth=True, cycles=3, speed="60", start="2016-07-04")
    assert config.times_real_time == 60.0


def test_a_mapping_comes_back() -> None:
    config = RunConfig(agent="rules", speed=12.5, cycles=3)
    assert RunConfig.from_mapping(config.to_mapping()) == config


def test_every_unknown_key_and_wrong_type_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_mapping({"scenari": "six-bus", "sede": 3, "cycles": "many", "seed": 1.5})
    assert [problem.where for problem in caught.value.problems] == ["scenari", "sede", "cycles", "seed"]
    assert "cycle_minutes" in str(caught.value)


def test_every_value_that_cannot_be_used_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(
            scenario="six-buss", agent="ruler", profiles="simbunch", engine="newtom", period="never", cycles=0, cycle_minutes=0.0,
            seed=-1, out="", speed="slow", start="monday",
        )  # fmt: skip
    told = {problem.where: problem.what for problem in caught.value.problems}
    assert set(told) == {
        "scenario", "agent", "profiles", "engine", "period", "cycles", "cycle_minutes", "seed", "out", "speed", "start",
    }  # fmt: skip
    for key, valid in {"scenario": "six-bus", "agent": "rules", "profiles": "simbench", "engine": "newton", "period": "judging"}.items():
        assert valid in told[key]


def test_every_field_is_documented() -> None:
    tree = ast.parse(inspect.getsource(RunConfig))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    documented = {
        statement.target.id
        for statement, following in pairwise(body)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
    }  # fmt: skip
    assert documented == {field.name for field in fields(RunConfig)}
