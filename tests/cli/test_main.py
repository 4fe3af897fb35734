"""Every command answers for help at once, and every refusal is a sentence."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from tests.cli.conftest import Invoke

from gridpilot.cli.errors import Interrupted, told
from gridpilot.cli.main import COMMANDS, cli
from gridpilot.errors import ConfigError

HEAVY = {"numpy", "numba", "scipy", "rich", "yaml", "pandas", "msgspec", "gymnasium"}


def commands() -> list[tuple[str, click.Command]]:
    """Every command and subcommand, by what is typed."""
    found: list[tuple[str, click.Command]] = []
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        inner = command.commands if isinstance(command, click.Group) else {}
        found += [(name, command), *((f"{name} {below}", part) for below, part in inner.items())]
    return found


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom gridpilot.cli import main\nsys.argv[0] = 'gridpilot'\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(end.code, *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    ended, *loaded = done.stderr.split()
    assert ended == "0"
    assert done.stdout.startswith("Usage: gridpilot")
    assert HEAVY & set(loaded) == set()


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_and_option_is_explained(name: str, command: click.Command, invoke: Invoke) -> None:
    result = invoke(*name.split(), "--help")
    assert result.exit_code == 0
    assert command.help
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help, f"{name} {param.opts}"
            assert param.opts[0] in result.stdout


def test_the_help_of_the_group_is_that_of_its_commands(invoke: Invoke) -> None:
    shown = invoke("--help").stdout
    assert all(name in shown and said in shown for name, said in COMMANDS.items())


def test_an_unknown_command_is_refused(invoke: Invoke) -> None:
    result = invoke("fly")
    assert result.exit_code == 2
    assert "fly" in result.stderr
    assert result.stdout == ""


def test_what_gridpilot_raises_is_a_sentence_and_no_traceback(invoke: Invoke) -> None:
    result = invoke("data", "info", "nowhere")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr
    assert "simbench" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (ConfigError("no such thing"), 2, "no such thing"),
        (PermissionError(13, "Permission denied", "runs"), 2, "runs: Permission denied"),
        (KeyboardInterrupt(), 130, "Stopped"),
    ],
)
def test_each_kind_of_end_has_its_code(raised: BaseException, code: int, said: str) -> None:
    with pytest.raises(click.ClickException) as ended, told():
        raise raised
    assert ended.value.exit_code == code
    assert said in ended.value.message


@pytest.mark.parametrize("raised", [BrokenPipeError(32, "Broken pipe"), ZeroDivisionError()])
def test_a_closed_pipe_is_left_to_click_and_a_bug_is_not_hidden(raised: Exception) -> None:
    with pytest.raises(type(raised)), told():
        raise raised


def test_an_interrupt_is_not_told_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    Interrupted("Stopped after 3 cycles.").show()
    assert capsys.readouterr().err.strip() == "Stopped after 3 cycles."
