"""`gridpilot warm-up` tells how long each part took, and how far it is."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.cli.conftest import Invoke


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that have nothing to compile: `tests/operations/test_warm_up.py` shows what the real ones do."""
    parts: dict[str, Callable[[], None]] = {"engine": lambda: None, "twin": lambda: None}
    monkeypatch.setattr("gridpilot.operations.warm_up.PARTS", parts)


def test_the_document_has_seconds_per_part_and_in_all(invoke: Invoke) -> None:
    result = invoke("warm-up", "--json")
    document = json.loads(result.stdout)
    assert list(document["seconds"]) == ["imports", "engine", "twin"]
    assert document["total"] == pytest.approx(sum(document["seconds"].values()), abs=0.01)


def test_progress_goes_to_stderr_and_the_table_to_stdout(invoke: Invoke) -> None:
    result = invoke("warm-up")
    assert result.stderr.splitlines() == ["gridpilot: warming engine", "gridpilot: warming twin"]
    assert all(part in result.stdout for part in ("imports", "engine", "twin", "total"))
