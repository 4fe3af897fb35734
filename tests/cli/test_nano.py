"""`gridpilot nano build`: what it makes, and what it says where it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gridpilot.cli.main import cli


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("gridpilot.learning")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    done = CliRunner().invoke(cli, ["nano", "build", "--out", str(tmp_path / "nano")])
    assert done.exit_code == 2
    assert "pip install 'gridpilot[learn]'" in done.output


def test_help_names_what_can_be_set() -> None:
    done = CliRunner().invoke(cli, ["nano", "build", "--help"])
    assert done.exit_code == 0
    assert all(name in done.output for name in ("--seed", "--out", "--processes", "--json"))
