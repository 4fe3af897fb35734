"""Where two values differ, bit for bit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def difference(a: Any, b: Any, *, without: Collection[str] = (), where: str = "") -> str:
    """The first place at which two values of arrays, mappings, tuples and dataclasses differ; empty where none does.

    Fields named in `without` are not looked at.
    """
    if type(a) is not type(b):
        return f"{where or 'value'}: {type(a).__name__} is not {type(b).__name__}"
    if isinstance(a, np.ndarray):
        return "" if a.shape == b.shape and a.tobytes() == b.tobytes() else where or "array"
    if isinstance(a, Mapping) or is_dataclass(a) or isinstance(a, tuple | list):
        mine, yours = _parts(a, without), _parts(b, without)
        if list(mine) != list(yours):
            return f"{where or 'value'}: other keys"
        found = (difference(mine[key], yours[key], without=without, where=f"{where}.{key}".lstrip(".")) for key in mine)
        return next((place for place in found if place), "")
    return "" if a == b or (a != a and b != b) else where or "value"


def _parts(value: Any, without: Collection[str]) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.name not in without}
    return dict(enumerate(value))
