"""`state_hash`: one number for the physics of a state, equal wherever its bits are equal.

Only arrays of `GridState` go in: no wall clock, no latency, no name of who decided. So two runs which took the same
actions have the same hashes, in one process or in many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridpilot.values import GridState

SHORT = 8
"""Hexadecimal digits kept per array: enough to say which one differs, not to prove anything."""


class Fingerprint(NamedTuple):
    """What identifies a state."""

    state_hash: str
    """SHA-256 over all arrays, in hexadecimal."""
    arrays: dict[str, str]
    """The beginning of each array's own hash, by its path, as in `flow.v_pu`."""


def state_hash(state: GridState) -> str:
    """SHA-256 of the physics of a state, in hexadecimal."""
    return fingerprint(state).state_hash


def fingerprint(state: GridState) -> Fingerprint:
    """Hash of a state, and the hashes of its arrays."""
    total = sha256()
    arrays = {}
    for path, array in named_arrays(state):
        digest = _array_hash(array)
        total.update(f"{path} {digest}\n".encode())
        arrays[path] = digest[:SHORT]
    return Fingerprint(total.hexdigest(), arrays)


def named_arrays(value: Any, path: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Every array of a nested value with its path: fields in the order of their class, keys of mappings sorted."""
    if isinstance(value, np.ndarray):
        yield path, value
        return
    for name, part in _parts(value):
        yield from named_arrays(part, f"{path}.{name}" if path else name)


def _parts(value: Any) -> list[tuple[str, Any]]:
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, Mapping):
        return sorted(value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    raise TypeError(f"A state holds arrays, mappings, NamedTuples and dataclasses; found {type(value).__name__}.")


def _array_hash(array: NDArray[Any]) -> str:
    """Shape and element type are part of it; memory layout and byte order of the machine are not."""
    dtype = array.dtype.newbyteorder("<")
    canonical = np.ascontiguousarray(array, dtype=dtype)
    digest = sha256(f"{dtype.str} {array.shape}\n".encode())
    digest.update(canonical.tobytes())
    return digest.hexdigest()
