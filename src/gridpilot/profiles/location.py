"""Where the data sets lie that are not shipped with gridpilot."""

from __future__ import annotations

import os
from pathlib import Path

from gridpilot.errors import ProfileError

VARIABLE = "GRIDPILOT_DATA"
FOLDER = "timeseries"


def timeseries_file(name: str, root: str | Path | None = None) -> Path:
    """A file of the `timeseries` folder below `root`, else below `GRIDPILOT_DATA`; raises `ProfileError` where it is not there."""
    chosen = root if root is not None else os.environ.get(VARIABLE, "")
    if not chosen:
        raise ProfileError(f"{name} is not shipped with gridpilot: set {VARIABLE} to the folder that holds {FOLDER}/{name}.")
    path = Path(chosen) / FOLDER / name
    if not path.is_file():
        raise ProfileError(f"There is no {path}: set {VARIABLE} to the folder that holds {FOLDER}/{name}.")
    return path
