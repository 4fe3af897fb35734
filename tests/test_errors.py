"""An error says what was found, what was expected, and what to do; with all problems at once."""

from __future__ import annotations

import inspect

import pytest

from gridpilot import errors
from gridpilot.errors import ConfigError, GridpilotError, MissingExtraError, Problem, UnknownNameError


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for name, error in inspect.getmembers(errors, inspect.isclass):
        if issubclass(error, GridpilotError) and name != "ProblemsError":
            assert name in drawn, f"{name} is not in the tree"
    assert issubclass(UnknownNameError, ConfigError)


def test_every_problem_is_in_the_message_and_in_the_error() -> None:
    problems = [Problem("row 3", "no bus"), Problem("row 9", "no name")]
    error = ConfigError("The table cannot be read.", problems, hint="Repair it.")
    assert str(error).splitlines() == ["The table cannot be read.", "  - row 3: no bus", "  - row 9: no name", "Repair it."]
    assert error.problems == tuple(problems)


@pytest.mark.parametrize(
    ("name", "valid", "told"),
    [
        ("ieee15", ["six-bus", "ieee14"], "There is no scenario called 'ieee15'. Did you mean 'ieee14'? Valid: six-bus, ieee14."),
        ("moon", ["six-bus"], "There is no scenario called 'moon'. Valid: six-bus."),
        ("moon", [], "There is no scenario called 'moon'. Valid: none."),
    ],
)
def test_an_unknown_name_comes_with_the_valid_ones_and_a_near_one(name: str, valid: list[str], told: str) -> None:
    assert str(UnknownNameError("scenario", name, valid)) == told


def test_a_missing_extra_says_how_to_install_it() -> None:
    error = MissingExtraError("pandapower", "pandapower", "Reading a pandapower net")
    assert "pip install 'gridpilot[pandapower]'" in str(error)
    assert "'pandapower'" in str(error)
