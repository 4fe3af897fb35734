"""Whatever takes long says so on stderr; whatever does not, says nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import click
import pytest

from gridpilot.cli import progress


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.waiting("reading"):
        pass
    with progress.counting("episodes") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], bool]:
    """Make progress impatient; waits until so many more lines were written."""
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(progress, "EVERY_S", 0.001)
    written = threading.Semaphore(0)
    echo = click.echo

    def write(line: str, err: bool) -> None:
        echo(line, err=err)
        written.release()

    monkeypatch.setattr(click, "echo", write)

    def wait(lines: int) -> bool:
        while written.acquire(blocking=False):
            pass
        return all(written.acquire(timeout=60) for _ in range(lines))

    return wait


def test_what_is_slow_says_so_again_and_again(heard: Callable[[int], bool], capsys: pytest.CaptureFixture[str]) -> None:
    with progress.waiting("compiling"):
        assert heard(3)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("compiling") >= 3
    assert "gridpilot: still compiling, " in shown.err


def test_what_is_counted_is_told_before_and_after_the_first(heard: Callable[[int], bool], capsys: pytest.CaptureFixture[str]) -> None:
    with progress.counting("episodes") as report:
        assert heard(1)
        report(3, 12)
        assert heard(2)
    shown = capsys.readouterr().err
    assert shown.startswith("gridpilot: episodes: none done yet")
    assert "gridpilot: episodes: 3 of 12, about " in shown


def test_the_time_left_is_that_of_the_pace_so_far() -> None:
    count = progress._Count("episodes")
    count.report(2, 12)
    assert count.sentence(4.0) == "episodes: 2 of 12, about 20 s left"
