"""Traces that several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.traces.samples import header, record

from gridpilot.traces import create_log


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A closed trace of a header and four records."""
    path = tmp_path / "trace.jsonl"
    with create_log(path, header()) as log:
        for number in range(1, 5):
            log.append(record(number))
    return path
