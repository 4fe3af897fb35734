"""Whatever takes long says so on stderr; whatever does not, says nothing."""

from __future__ import annotations

import threading

import pytest

from gridpilot.cli import progress


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.waiting("reading"):
        pass
    with progress.counting("episodes") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")


def test_what_is_slow_says_so_and_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(progress, "EVERY_S", 0.001)
    said = threading.Event()
    echo = progress.click.echo
    lines: list[str] = []

    def heard(line: str, err: bool) -> None:
        echo(line, err=err)
        lines.append(line)
        if len(lines) > 1:
            said.set()

    monkeypatch.setattr(progress.click, "echo", heard)
    with progress.waiting("compiling"):
        assert said.wait(60)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("gridpilot: compiling …\ngridpilot: still compiling, ")


def test_the_time_left_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 1.0, 4.0, 5.0, 30.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    with progress.counting("episodes") as report:
        for done in (1, 2, 3, 6):
            report(done, 12)
    assert capsys.readouterr().err.splitlines() == [
        "gridpilot: episodes: 2 of 12, about 20 s left",
        "gridpilot: episodes: 6 of 12, about 30 s left",
    ]
