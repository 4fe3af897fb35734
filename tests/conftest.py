"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data sets that are not part of the repository."""
    folder = Path(os.environ.get("GRIDPILOT_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"The real data sets are not at {folder}; set GRIDPILOT_DATA to the folder that holds them.")
    return folder
