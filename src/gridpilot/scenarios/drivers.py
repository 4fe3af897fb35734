"""Which column of a user's time series drives which device.

The nearest name wins:

| column | means |
|---|---|
| `DEVICE.p_mw`, `DEVICE.q_mvar` (loads), `DEVICE.available_mw` (plants) | that series of that device, as it is |
| `DEVICE_mw`, `DEVICE_mvar`, `DEVICE_pu` | the device; `_pu` times its nominal power |
| `load_pu`, `solar_pu`, `wind_pu` | every device of the kind that has no column of its own, times its nominal power |

A load without a column for its reactive power draws it at the power factor of the case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gridpilot.errors import ConfigError, Problem
from gridpilot.profiles import Profiles

SERIES = {"load": "p_mw", "solar": "available_mw", "wind": "available_mw"}
"""The active power series of each kind that time drives."""
KIND_COLUMNS = {kind: f"{kind}_pu" for kind in SERIES}
"""The column that drives every device of a kind."""
_REACTIVE = "q_mvar"


class Driven(NamedTuple):
    """A device that follows a time series."""

    name: str
    kind: str
    p_mw: float
    """Nominal power: what 1 per unit means. Demand of a load, rated power of a plant."""
    q_mvar: float = 0.0
    """Reactive demand of a load at its nominal power."""


Columns = dict[str, tuple[str, float]]


def match_columns(profiles: Profiles, devices: Sequence[Driven], kind_columns: Mapping[str, str]) -> Columns:
    """Per driver, `DEVICE.series`, its column and factor; `kind_columns` names other columns for whole kinds.

    Raises `ConfigError` with every driver that has no column and every column that names a series of no device.
    """
    shared = {**KIND_COLUMNS, **kind_columns}
    problems = [Problem(f"columns: {kind}", f"no such kind; expected {', '.join(SERIES)}") for kind in shared if kind not in SERIES]
    problems += [
        Problem(f"columns: {kind}", f"the profiles have no column {column!r}")
        for kind, column in kind_columns.items()
        if column not in profiles.columns
    ]
    found: Columns = {}
    for device in devices:
        active = _active(profiles, device, shared)
        if active is None:
            names = (f"{device.name}.{SERIES[device.kind]}", f"{device.name}_mw", f"{device.name}_pu", shared[device.kind])
            problems.append(Problem(names[0], f"no column drives it; expected one of {', '.join(names)}"))
            continue
        found[f"{device.name}.{SERIES[device.kind]}"] = active
        if device.kind == "load":
            found[f"{device.name}.{_REACTIVE}"] = _reactive(profiles, device, active)
    problems += _astray(profiles, devices)
    if problems:
        raise ConfigError(f"Profiles {profiles.name!r} do not drive this grid.", problems)
    return found


def _active(profiles: Profiles, device: Driven, shared: Mapping[str, str]) -> tuple[str, float] | None:
    candidates = (
        (f"{device.name}.{SERIES[device.kind]}", 1.0),
        (f"{device.name}_mw", 1.0),
        (f"{device.name}_pu", device.p_mw),
        (shared[device.kind], device.p_mw),
    )
    return next((pair for pair in candidates if pair[0] in profiles.columns), None)


def _reactive(profiles: Profiles, load: Driven, active: tuple[str, float]) -> tuple[str, float]:
    for column in (f"{load.name}.{_REACTIVE}", f"{load.name}_mvar"):
        if column in profiles.columns:
            return column, 1.0
    ratio = load.q_mvar / load.p_mw if load.p_mw else 0.0
    return active[0], active[1] * ratio


def _astray(profiles: Profiles, devices: Sequence[Driven]) -> Iterator[Problem]:
    """Columns that say which series of which device they are, and are wrong about it: a slip that must not pass."""
    known = {f"{device.name}.{SERIES[device.kind]}" for device in devices}
    known |= {f"{device.name}.{_REACTIVE}" for device in devices if device.kind == "load"}
    for column in profiles.columns:
        series = column.rpartition(".")[2] if "." in column else ""
        if series in {*SERIES.values(), _REACTIVE} and column not in known:
            yield Problem(f"column {column}", "is a series of no device of this grid")


def peaks_mw(profiles: Profiles, columns: Columns, devices: Sequence[Driven]) -> dict[str, float]:
    """Per load the highest demand in the profiles."""
    top = dict(zip(profiles.columns, profiles.values.max(axis=0).tolist(), strict=True))
    drivers = {device.name: columns[f"{device.name}.p_mw"] for device in devices if device.kind == "load"}
    return {name: top[column] * factor for name, (column, factor) in drivers.items()}
