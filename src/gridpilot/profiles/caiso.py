"""CAISO 2023: hourly load by area, solar and wind by hub, and the day-ahead price at one node. Clock: UTC."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from gridpilot.errors import Problem, ProfileError
from gridpilot.profiles.location import timeseries_file
from gridpilot.profiles.profiles import Profiles, make_profiles
from gridpilot.profiles.table import read_csv, to_table
from gridpilot.profiles.validation import CLIP, check

FILE: Final = "caiso_hourly_2023.csv.gz"
SOURCE: Final = "CAISO OASIS (SLD_FCST actual, SLD_REN_FCST actual, PRC_LMP day-ahead), http://oasis.caiso.com"
LICENCE: Final = "published by CAISO for public use under its terms of use; no open licence"


def load_caiso(root: str | Path | None = None, *, repair: str | Collection[str] = ()) -> Profiles:
    """The year 2023; `root`, else `GRIDPILOT_DATA`, is the folder above `timeseries/`.

    Values a little below 0 (plants' own use at night) are always clipped, which `repairs` tells. The data has
    missing hours and impossible loads, so that it is refused without `repair="interpolate"`. Raises `ProfileError`.
    """
    path = timeseries_file(FILE, root)
    text = read_csv(path)
    places = {_renamed(name, path): i for i, name in enumerate(text.header) if i > 0}
    wanted = {repair} if isinstance(repair, str) else set(repair)
    checked = check(to_table(path, text, 0, places), "caiso", step_min=60.0, repair={CLIP, *wanted})
    return make_profiles(
        name="caiso",
        start=checked.start,
        step_min=checked.step_min,
        columns=tuple(places),
        values=checked.values,
        source=SOURCE,
        licence=LICENCE,
        repairs=checked.repairs,
    )


def _renamed(name: str, path: Path) -> str:
    """`load_CA ISO-TAC` is `load_CA_ISO-TAC_mw`; `dam_LMP_…_usd_mwh` is `price_LMP_…_usd_per_mwh`."""
    plain = name.replace(" ", "_")
    if plain.startswith("dam_") and plain.endswith("_usd_mwh"):
        return f"price_{plain.removeprefix('dam_').removesuffix('_usd_mwh')}_usd_per_mwh"
    if plain.startswith(("load_", "solar_", "wind_")):
        return f"{plain}_mw"
    problem = Problem(f"column {name}", "expected load_…, solar_…, wind_… or dam_…_usd_mwh")
    raise ProfileError(f"{path} has a column that is not of CAISO's table.", [problem])
