"""Devices: pure step functions on `[B, n]` arrays. One kind per file; a new file is a new kind."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from gridpilot.devices.device import DeviceKind, DeviceTable, Injection, Outcome
from gridpilot.errors import UnknownNameError

__all__ = ["DeviceKind", "DeviceTable", "Injection", "Outcome", "device_kind", "device_kinds"]


@cache
def device_kinds() -> dict[str, DeviceKind]:
    """Every kind by name: each module of this package that has a `KIND`."""
    modules = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    kinds = (getattr(module, "KIND", None) for module in modules)
    return {kind.name: kind for kind in kinds if isinstance(kind, DeviceKind)}


def device_kind(name: str) -> DeviceKind:
    """One kind by name; raises `UnknownNameError`."""
    kinds = device_kinds()
    if name not in kinds:
        raise UnknownNameError("kind of device", name, sorted(kinds))
    return kinds[name]
