"""Choosing and joining elements of a batch, for every value made of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from gridpilot.values import Ints

T = TypeVar("T")


def pick(value: T, elements: Ints) -> T:
    """Some elements of a value `[B, …]`, in the order asked for; an element may come more than once."""
    picked: T = value if _is_everything(value, elements) else _pick(value, elements)
    return picked


def _pick(value: Any, elements: Ints) -> Any:
    if isinstance(value, np.ndarray):
        return value[elements]
    if isinstance(value, Mapping):
        return {key: _pick(item, elements) for key, item in value.items()}
    return _rebuilt(value, [_pick(part, elements) for part in _parts(value)])


def put(value: Any, elements: Ints, part: Any) -> None:
    """Write a value `[len(elements), …]` over some elements of one `[B, …]` that nobody else holds."""
    if isinstance(value, np.ndarray):
        value[elements] = part
    elif isinstance(value, Mapping):
        for key, item in value.items():
            put(item, elements, part[key])
    else:
        for old, new in zip(_parts(value), _parts(part), strict=True):
            put(old, elements, new)


def replicate(value: T, element: int, copies: int) -> T:
    """One element of a value, `copies` times: the start of a what-if."""
    return pick(value, np.full(copies, element, dtype=np.int64))


def _is_everything(value: Any, elements: Ints) -> bool:
    """Whether all elements are asked for, in their order: then nothing needs to be copied, as values do not change."""
    return len(elements) == _batch(value) and bool((elements == np.arange(len(elements))).all())


def _batch(value: Any) -> int:
    while not isinstance(value, np.ndarray):
        value = next(iter(value.values())) if isinstance(value, Mapping) else _parts(value)[0]
    return len(value)


def _parts(value: Any) -> list[Any]:
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"A batch value holds arrays, mappings, NamedTuples and dataclasses; found {type(value).__name__}.")


def _rebuilt(value: Any, parts: list[Any]) -> Any:
    return type(value)(*parts)
