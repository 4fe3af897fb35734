"""Command line > environment > .env > --config > default; and no key is passed over in silence."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from gridpilot.cli.errors import told
from gridpilot.cli.settings import config_option, option, read_dotenv, read_file
from gridpilot.errors import ConfigError

KEYS = {"cycle-minutes": "cycle_minutes", "growth": "growth", "agents": "agents"}


@click.command()
@option("--cycle-minutes", type=float, default=5.0, help="A number.")
@option("--growth/--no-growth", default=False, help="A flag.")
@option("--agents", default="none", help="A list.")
@config_option
def show(cycle_minutes: float, growth: bool, agents: str) -> None:
    """Show what it was given."""
    click.echo(f"{cycle_minutes:g} {growth} {agents}")


class Told(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        with told():
            return super().invoke(ctx)


def shown(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(Told(commands={"show": show}), ["show", *arguments], env=env)


def written(text: str, name: str = "settings.yaml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_each_source_wins_over_the_next() -> None:
    file = written("cycle-minutes: 10\n")
    env = {"GRIDPILOT_CYCLE_MINUTES": "15"}
    assert shown().stdout == "5 False none\n"
    assert shown("--config", file).stdout == "10 False none\n"
    assert shown("--config", file, env=env).stdout == "15 False none\n"
    assert shown("--config", file, "--cycle-minutes", "20", env=env).stdout == "20 False none\n"
    assert shown(env={"GRIDPILOT_CONFIG": file}).stdout == "10 False none\n"


@pytest.mark.parametrize("key", ["cycle-minutes", "cycle_minutes"])
def test_keys_may_have_dashes_or_underscores(key: str) -> None:
    assert shown("--config", written(f"{key}: 10")).stdout == "10 False none\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("growth: true", "5 True none"),
        ("growth: no", "5 False none"),
        ("agents: [rules, planner]", "5 False rules,planner"),
        ("agents: rules, planner", "5 False rules, planner"),
        ("agents:", "5 False none"),
        ("agents: 2016-07-04", "5 False 2016-07-04"),
        ("# nothing", "5 False none"),
    ],
)
def test_values_are_read_as_they_are_written(text: str, expected: str) -> None:
    assert shown("--config", written(text)).stdout == f"{expected}\n"


def test_a_flag_of_a_file_can_be_taken_back() -> None:
    assert shown("--config", written("growth: true"), "--no-growth").stdout == "5 False none\n"


def test_all_unknown_keys_are_told_with_the_valid_ones() -> None:
    result = shown("--config", written("speeed: 3\ncycle-minutes: 10\nseeed: 1\n"))
    assert result.exit_code == 2
    assert result.stdout == ""
    for said in ("line 1, speeed", "line 3, seeed", "agents, cycle-minutes, growth"):
        assert said in result.stderr


@pytest.mark.parametrize(
    "text",
    ["- a\n- b", "just text", "growth: true\ngrowth: false", "cycle-minutes: 1\ncycle_minutes: 2", "agents: {a: 1}", "agents: [[a]]",
     "a: [", "agents: &x [*x]"],
)  # fmt: skip
def test_what_is_no_set_of_settings_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_file(Path(written(text)), KEYS)


def test_bytes_that_are_no_text_are_refused() -> None:
    Path("x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a YAML file"):
        read_file(Path("x.yaml"), KEYS)


def test_a_value_out_of_range_is_refused_wherever_it_comes_from() -> None:
    for result in (
        shown("--cycle-minutes", "x"),
        shown(env={"GRIDPILOT_CYCLE_MINUTES": "x"}),
        shown("--config", written("cycle-minutes: x")),
        shown("--config", "nowhere.yaml"),
    ):
        assert result.exit_code == 2
        assert result.stdout == ""


def test_dotenv_adds_what_the_environment_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    written("GRIDPILOT_AGENT=rules\nGRIDPILOT_SEED=7\nOTHER_THING=1\n", ".env")
    monkeypatch.setattr(os, "environ", {"GRIDPILOT_SEED": "3"})
    read_dotenv()
    assert os.environ == {"GRIDPILOT_SEED": "3", "GRIDPILOT_AGENT": "rules"}


def test_dotenv_that_is_no_text_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"\.env"):
        read_dotenv()


def test_the_console_script_reads_dotenv(process: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    written("GRIDPILOT_SCENARIO=atlantis\n", ".env")
    done = process("run")
    assert done.returncode == 2
    assert "atlantis" in done.stderr
    done = process("run", env={"GRIDPILOT_SCENARIO": "lemuria"})
    assert "lemuria" in done.stderr
    assert "atlantis" not in done.stderr
