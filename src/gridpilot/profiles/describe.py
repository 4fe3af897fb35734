"""Profiles as plain values for a table or a JSON document, and the import of a user's own file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np

from gridpilot.errors import ConfigError
from gridpilot.profiles.catalogue import entries, load_profiles
from gridpilot.profiles.columns import unit_of
from gridpilot.profiles.csv import load_csv
from gridpilot.profiles.profiles import Profiles


def list_profiles() -> list[dict[str, Any]]:
    """One row per source: `name`, `about`, `span`, `step_min`, `licence`, `available`, and what it `needs` where it is not."""
    return [
        {
            "name": entry.name,
            "about": entry.about,
            "span": entry.span,
            "step_min": entry.step_min,
            "licence": entry.licence,
            "available": not entry.missing,
            "needs": entry.missing,
        }
        for entry in entries()
    ]


def describe(profiles: Profiles) -> dict[str, Any]:
    """All there is to know of loaded profiles; `columns` holds kind, unit, min, mean, max and peak of each."""
    ahead = profiles.day_ahead
    return {
        "name": profiles.name,
        "start": str(profiles.start),
        "end": str(profiles.end),
        "step_min": profiles.step_min,
        "rows": len(profiles),
        "seams": [str(profiles.time(seam)) for seam in profiles.seams],
        "source": profiles.source,
        "licence": profiles.licence,
        "repairs": list(profiles.repairs),
        "forecasts": None if ahead is None else {"step_min": ahead.step_min, "lead_min": ahead.lead_min, "columns": list(ahead.columns)},
        "columns": [_column(profiles, c) for c in range(len(profiles.columns))],
    }


def profile_info(name_or_path: str | Path, **options: Any) -> dict[str, Any]:
    """`describe` of what `load_profiles` loads."""
    return describe(load_profiles(name_or_path, **options))


def import_csv(path: str | Path, folder: str | Path, *, name: str = "", overwrite: bool = False, **options: Any) -> dict[str, Any]:
    """Check a CSV file and write it as `folder/<name>.csv`: regular ISO times, numbers, units in the names.

    The file is written whole or not at all. `options` are those of `load_csv`. Returns `describe` with the `path`
    written. Raises `ProfileError` for bad data, `ConfigError` where the file is there already and `overwrite` is not set.
    """
    profiles = load_csv(path, **options)
    stem = name or profiles.name
    if Path(stem).name != stem or stem.startswith("."):
        raise ConfigError(f"{stem!r} cannot name a file; expected a plain name, such as my-town.")
    target = Path(folder) / f"{stem}.csv"
    if target.exists() and not overwrite:
        raise ConfigError(f"{target} is there already. Choose another name, or ask for it to be overwritten.")
    _write_whole(target, profiles)
    return {**describe(profiles), "name": stem, "path": str(target)}


def _column(profiles: Profiles, c: int) -> dict[str, Any]:
    name, values = profiles.columns[c], profiles.values[:, c]
    return {
        "name": name,
        "kind": profiles.kinds[c],
        "unit": unit_of(name),
        "min": float(values.min()),
        "mean": float(values.mean()),
        "max": float(values.max()),
        "peak": float(profiles.peak[c]),
    }


def _write_whole(target: Path, profiles: Profiles) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", newline="", dir=target.parent, prefix=".part-", delete=False) as file:
        try:
            writer = csv.writer(file)
            writer.writerow(["time", *profiles.columns])
            writer.writerows(_rows(profiles))
            file.flush()
            # The name must not appear before the bytes are on the disk.
            os.fsync(file.fileno())
            os.replace(file.name, target)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise


def _rows(profiles: Profiles) -> Iterator[list[str]]:
    seconds = np.round(np.arange(len(profiles)) * profiles.step_min * 60.0).astype("timedelta64[s]")
    for time, row in zip(profiles.start.astype("datetime64[s]") + seconds, profiles.values.tolist(), strict=True):
        yield [str(time), *map(repr, row)]
