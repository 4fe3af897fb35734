"""A working directory of its own for every test, and no setting from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridpilot.cli.main import cli

COMMAND = (sys.executable, "-c", "from gridpilot.cli import main; main()")
"""The console script, whether or not it is on the path."""

Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def quiet_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("GRIDPILOT_") and name != "GRIDPILOT_DATA":
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def invoke() -> Invoke:
    """Call the command line in this process; stdout and stderr are kept apart."""

    def call(*arguments: str, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(cli, arguments, env=env)

    return call


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the command line in a process of its own, without a terminal."""

    def call(*arguments: str, env: dict[str, str] | None = None, typed: str = "") -> subprocess.CompletedProcess[str]:
        own = {**os.environ, **(env or {})}
        return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=own, check=False, input=typed)

    return call
