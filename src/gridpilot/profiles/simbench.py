"""The profiles of the PyPI package `simbench`, all of them: the extra `data`.

Meinecke et al., "SimBench – a benchmark dataset of electric power systems to compare innovative solutions based on
power flow analysis", Energies 13 (2020) 3290. The profiles are one year (2016) at 15 min, relative to the nominal
power of the unit they drive. Only the package's CSV files are read: importing it would import pandapower and pandas.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from gridpilot.errors import MissingExtraError, ProfileError, UnknownNameError
from gridpilot.profiles.columns import CAPACITY_KINDS, kind_of
from gridpilot.profiles.profiles import Profiles, make_profiles
from gridpilot.profiles.validation import CLIP, Table, check
from gridpilot.values import Floats

SOURCE: Final = "SimBench (University of Kassel, Fraunhofer IEE, RWTH Aachen University, TU Dortmund), https://simbench.net"
LICENCE: Final = "ODbL 1.0 (database), DbCL 1.0 (contents)"

START: Final = np.datetime64("2016-01-01T00:00", "m")
"""Central European Time without daylight saving: the files' labels jump in March and October, their rows do not."""
STEP_MIN: Final = 15.0
N_ROWS: Final = 366 * 96

_FOLDER: Final = "networks/1-complete_data-mixed-all-0-sw"
_RES_PREFIX: Final = {"PV": "solar", "WP": "wind", "Hydro": "hydro", "BM": "gen"}


def load_simbench(columns: Sequence[str] | None = None) -> Profiles:
    """All profiles of the installed package, or the named columns.

    Names: `load_<profile>_p_pu` and `…_q_pu` (relative to nominal active and reactive power), `net_hv_…` for the residual
    load of high-voltage grids, `solar_PV1_pu`, `wind_WP1_pu`, `hydro_…`, `gen_…` (biomass and mixed plants).
    Wind a little below 0 is clipped. Raises `MissingExtraError`, `UnknownNameError`, `ProfileError`.
    """
    folder = package_folder()
    files = {folder / "LoadProfile.csv": _load_column, folder / "RESProfile.csv": _res_column}
    known = {label(text): (path, place) for path, label in files.items() for place, text in enumerate(_header(path)) if place}
    wanted = tuple(columns) if columns is not None else tuple(known)
    for name in wanted:
        if name not in known:
            raise UnknownNameError("SimBench column", name, tuple(known))
    values = np.empty((N_ROWS, len(wanted)))
    for path in files:
        picked = [i for i, name in enumerate(wanted) if known[name][0] == path]
        if picked:
            values[:, picked] = _read(path, [known[wanted[i]][1] for i in picked])
    times = START.astype("datetime64[s]") + np.arange(N_ROWS) * np.timedelta64(15, "m")
    checked = check(Table(times, wanted, values, np.arange(N_ROWS) + 2), "simbench-full", step_min=STEP_MIN, repair=CLIP)
    return make_profiles(
        name="simbench-full",
        start=checked.start,
        step_min=checked.step_min,
        columns=wanted,
        values=checked.values,
        # A plant is relative to its capacity; of a load the source states no peak, so that its largest value counts.
        peak={name: 1.0 for name in wanted if kind_of(name) in CAPACITY_KINDS},
        source=f"{SOURCE}; PyPI package simbench {version('simbench')}",
        licence=LICENCE,
        repairs=checked.repairs,
    )


def package_folder() -> Path:
    """Folder of the package's CSV files; raises `MissingExtraError` where it is not installed."""
    spec = find_spec("simbench")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("simbench", "data", "Reading all SimBench profiles")
    return Path(spec.submodule_search_locations[0]) / _FOLDER


def _load_column(text: str) -> str:
    profile, _, quantity = text.rpartition("_")
    prefix = "net" if profile.startswith("hv_") else "load"
    return f"{prefix}_{profile}_{quantity[0]}_pu"


def _res_column(text: str) -> str:
    kind = text.rstrip("0123456789")
    return f"{_RES_PREFIX[kind]}_{text}_pu" if kind in _RES_PREFIX else f"gen_{text}_pu"


def _header(path: Path) -> list[str]:
    if not path.is_file():
        raise ProfileError(f"The installed simbench has no {path.name} in {path.parent}; expected the layout of simbench 1.6.")
    with path.open(encoding="utf-8") as file:
        return file.readline().strip().split(";")


def _read(path: Path, places: list[int]) -> Floats:
    values = np.loadtxt(path, delimiter=";", skiprows=1, usecols=places, ndmin=2)
    if len(values) != N_ROWS:
        raise ProfileError(f"{path} has {len(values)} rows; expected {N_ROWS} (2016 at 15 min).")
    return values
