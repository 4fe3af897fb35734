"""A state's hash is a matter of its bits: all of them, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from gridpilot.traces import fingerprint, state_hash
from gridpilot.traces.fingerprint import named_arrays
from gridpilot.twin import make_twin
from gridpilot.values import GridState

ELSEWHERE = """
from gridpilot.traces import state_hash
from gridpilot.twin import make_twin
twin = make_twin("six-bus", seeds=(3,), cycles=4)
state = twin.first()
for _ in range(3):
    state = twin.step(state, state.setpoints).state
print(state_hash(state))
"""


@pytest.fixture(scope="module")
def state() -> GridState:
    return make_twin("six-bus", seeds=(3,), cycles=4).first()


def changed(value: Any, path: str, make: Any) -> Any:
    """The value with the array at a path replaced by `make(array)`; built from new parts all the way."""
    name, _, rest = path.partition(".")
    if not name:
        return make(value)
    if isinstance(value, Mapping):
        return {key: changed(part, rest, make) if key == name else part for key, part in value.items()}
    keys = [field.name for field in fields(value)] if is_dataclass(value) else value._fields
    return type(value)(*(changed(getattr(value, key), rest, make) if key == name else getattr(value, key) for key in keys))


def one_bit_flipped(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    raw = bytearray(array.tobytes())
    raw[-1] ^= 1
    return np.frombuffer(bytes(raw), dtype=array.dtype).reshape(array.shape)


def test_one_bit_of_any_array_changes_the_hash_and_only_that_array(state: GridState) -> None:
    before = fingerprint(state)
    paths = [path for path, array in named_arrays(state) if array.size]
    assert {"step", "flow.v_re_pu", "devices.storage.energy_mwh", "setpoints.devices.load", "protection.tripped"} <= set(paths)
    for path in paths:
        after = fingerprint(changed(state, path, one_bit_flipped))
        assert after.state_hash != before.state_hash
        assert [p for p in before.arrays if before.arrays[p] != after.arrays[p]] == [path]


def test_no_field_of_the_state_is_left_out(state: GridState) -> None:
    found = {path.split(".")[0] for path, _ in named_arrays(state)}
    assert found == {field.name for field in fields(GridState)}


def test_layout_byte_order_and_order_of_keys_do_not_matter(state: GridState) -> None:
    expected = state_hash(state)
    assert state_hash(changed(state, "flow.v_pu", np.asfortranarray)) == expected
    assert state_hash(changed(state, "flow.v_pu", lambda a: a.astype(a.dtype.newbyteorder(">")))) == expected
    assert state_hash(changed(state, "devices", lambda kinds: dict(reversed(kinds.items())))) == expected


def test_shape_and_element_type_matter(state: GridState) -> None:
    expected = state_hash(state)
    assert state_hash(changed(state, "flow.v_pu", lambda a: a.reshape(-1))) != expected
    assert state_hash(changed(state, "flow.v_pu", lambda a: a.view(np.int64))) != expected


def test_another_process_finds_the_same_hash() -> None:
    here: dict[str, Any] = {}
    exec(ELSEWHERE.replace("print(state_hash(state))", "found = state_hash(state)"), here)
    there = subprocess.run([sys.executable, "-c", ELSEWHERE], check=True, capture_output=True, text=True)
    assert there.stdout.strip() == here["found"]


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(TypeError, match="found list"):
        list(named_arrays({"p_mw": [1.0, 2.0]}))
