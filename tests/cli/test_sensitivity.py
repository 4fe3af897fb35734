"""`gridpilot sensitivity`: its document, its table, and what is kept after Ctrl-C."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.cli.conftest import Invoke

from gridpilot.evaluation.sensitivity import Curve, Point


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One curve of two points."""
    chosen = (Curve("action-delay", "delay", "orders late", "steps", (Point(0), Point(1, action_delay=1))),)
    monkeypatch.setattr("gridpilot.evaluation.sensitivity.study.curves", lambda: chosen)


def test_the_document_and_the_table_tell_the_same(invoke: Invoke) -> None:
    document = json.loads(invoke("sensitivity", "--days", "1", "--cycles", "3", "--json").stdout)
    assert document["days"] == 1
    assert document["machine"]["cores"]
    assert [row["value"] for row in document["rows"]] == [0, 1]
    shown = invoke("sensitivity", "--days", "1", "--cycles", "3").stdout
    assert "orders late" in shown
    assert f"{document['rows'][1]['reward']['mean']:,.1f}" in shown


def test_an_interrupted_one_tells_what_it_is_of(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    from gridpilot.evaluation.sensitivity import sensitivity as measure

    def interrupted(*arguments: Any, progress: Any, **options: Any) -> Any:
        def stop(done: int, total: int) -> None:
            progress(done, total)
            if done == 3:
                raise KeyboardInterrupt

        return measure(*arguments, progress=stop, **options)

    monkeypatch.setattr("gridpilot.evaluation.sensitivity.sensitivity", interrupted)
    result = invoke("sensitivity", "--days", "2", "--cycles", "2", "--json")
    assert result.exit_code == 130
    assert json.loads(result.stdout)["days"] == 1
    assert "1 days that are done, of 2" in result.stderr


def test_a_scenario_without_microgrids_is_refused(invoke: Invoke) -> None:
    result = invoke("sensitivity", "--scenario", "six-bus", "--days", "1")
    assert result.exit_code == 2
    assert "three_microgrids" in result.stderr
