"""`check_device`: what every kind of device promises, checked on random orders and weather.

For the author of a new kind: call it in a test with a few devices of different sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from gridpilot.devices import DeviceKind, Outcome
from gridpilot.values import Bools, Floats

BATCH = 5
STEPS = 8
LARGEST_MW = 200.0
"""Weather and demand are drawn between 0 and this."""


class Case(NamedTuple):
    """Arguments of one step of a kind; what the kind's functions take, in their order."""

    parameters: Any
    state: Any
    setpoint: Floats
    exogenous: Floats
    in_service: Bools
    dt_h: float


def check_device(kind: DeviceKind, parameters: Any) -> None:
    """Raises `AssertionError` with a sentence where a kind breaks a promise of `gridpilot.devices.device`.

    Checked: NamedTuples, shapes and dtypes; no NaN; bounds followed and nothing exchanged out of service; outcomes that are
    not negative; functions that are pure; and that a batch is bit for bit the loop over its elements.
    """
    n = _check_parameters(kind, parameters)
    state = kind.initial_state(parameters, BATCH)
    found = type(state).__name__
    _require(type(state) is kind.state, f"initial_state of {kind.name!r} must return a {kind.state.__name__}, found {found}.")
    _check_arrays("initial_state", state, (BATCH, n))
    setpoint = kind.initial_setpoint(parameters)
    width = 2 * n if len(setpoint) == 2 * n else n
    _check_arrays("initial_setpoint", (setpoint,), (width,))
    random = np.random.default_rng(7)
    for k in range(STEPS):
        case = _draw_case(kind, parameters, state, setpoint, n, random, dt_h=(1 / 12, 0.25, 1.0)[k % 3])
        state = _check_step(kind, case, random)


def _require(condition: bool | np.bool_, sentence: str) -> None:
    if not condition:
        raise AssertionError(sentence)


# ------------------------------------------------------------------------------------------------------ shapes


def _check_parameters(kind: DeviceKind, parameters: Any) -> int:
    """Number of devices."""
    for role, made in (("parameters", kind.parameters), ("state", kind.state)):
        named = issubclass(made, tuple) and hasattr(made, "_fields")
        _require(named, f"{role} of {kind.name!r} must be a NamedTuple, so that kernels can take it.")
    wanted = kind.parameters.__name__
    _require(isinstance(parameters, kind.parameters), f"Devices of kind {kind.name!r} need {wanted}, found {type(parameters).__name__}.")
    lengths = {len(values) for values in parameters}
    _require(len(lengths) == 1, f"Parameters of {kind.name!r} must have one entry per device; found lengths {sorted(lengths)}.")
    return int(lengths.pop())


def _check_arrays(source: str, values: Any, shape: tuple[int, ...]) -> None:
    """Floats or Booleans of one shape, without a NaN."""
    names = getattr(values, "_fields", range(len(values)))
    for name, array in zip(names, values, strict=True):
        _require(isinstance(array, np.ndarray), f"{source}: {name} must be an array, found {type(array).__name__}.")
        _require(array.shape == shape, f"{source}: {name} must have the shape {shape}, found {array.shape}.")
        _require(array.dtype in (np.float64, np.bool_), f"{source}: {name} must be float64 or bool, found {array.dtype}.")
        _require(not np.isnan(array).any(), f"{source}: {name} holds a NaN.")


# ------------------------------------------------------------------------------------------------------- steps


def _draw_case(kind: DeviceKind, parameters: Any, state: Any, setpoint: Floats, n: int, random: Generator, dt_h: float) -> Case:
    """Weather from nothing to plenty, some devices out, and orders inside, at and far beyond the bounds."""
    shape = (BATCH, len(setpoint))
    exogenous = random.uniform(0.0, LARGEST_MW, (BATCH, len(kind.series) * n)) * random.integers(0, 2, (BATCH, 1))
    in_service = random.uniform(size=(BATCH, n)) < 0.85
    low, high = _called(kind.bounds, "bounds", parameters, state, exogenous, in_service, dt_h)
    _check_arrays("bounds", (low, high), shape)
    _require((low <= high).all(), f"bounds of {kind.name!r}: the lowest setpoint must not be above the highest.")
    out = np.tile(~in_service, len(setpoint) // n)
    _require(not (np.abs(low) + np.abs(high))[out].any(), f"bounds of {kind.name!r}: a device out of service can follow 0 only.")
    inside = np.clip(setpoint, low, high)
    inside = np.where(np.isfinite(high - low), low + random.uniform(size=shape) * (high - low), inside)
    choice = random.integers(0, 5, shape)
    orders = np.select([choice == 0, choice == 1, choice == 2, choice == 3], [low, high, low - 1e3, high + 1e3], inside)
    return Case(parameters, state, orders, exogenous, in_service, dt_h)


def _check_step(kind: DeviceKind, case: Case, random: Generator) -> Any:
    """The next state, after all promises of one step were checked."""
    p_mw = _check_inject(kind, case)
    # The grid takes what was offered, a part of it (shedding), or nothing (a dead bus).
    seen = p_mw * random.choice([1.0, 1.0, 1.0, 0.5, 0.0], p_mw.shape)
    full = _settled(kind, case, p_mw)[1]
    served = full.unserved_mwh[case.in_service]
    _require((served <= 1e-9).all(), f"settle of {kind.name!r}: nothing is unserved where the grid took all that was injected.")
    state, outcome = _settled(kind, case, seen)
    _require(type(state) is kind.state, f"settle of {kind.name!r} must return a {kind.state.__name__} and an Outcome.")
    _check_arrays("settle", state, p_mw.shape)
    _check_outcome(kind, outcome, p_mw.shape)
    _check_elements(kind, case, seen)
    _check_adjust(kind, case)
    if kind.safety is not None:
        measure = _called(kind.safety, "safety", case.parameters, state)
        _check_arrays("safety", (measure,), p_mw.shape)
        _require((measure >= 0.0).all(), f"safety of {kind.name!r} must not be negative.")
    value = _called(kind.closing_value_mwh, "closing_value_mwh", case.parameters, state)
    _check_arrays("closing_value_mwh", (value,), p_mw.shape)
    return state


def _check_inject(kind: DeviceKind, case: Case) -> Floats:
    injection = _called(kind.inject, "inject", *case)
    _require(hasattr(injection, "p_mw") and hasattr(injection, "q_mvar"), f"inject of {kind.name!r} must return an Injection.")
    _check_arrays("inject", injection, case.in_service.shape)
    idle = injection.p_mw[~case.in_service].any() or injection.q_mvar[~case.in_service].any()
    _require(not idle, f"inject of {kind.name!r}: a device out of service exchanges nothing.")
    low, high = kind.bounds(case.parameters, case.state, case.exogenous, case.in_service, case.dt_h)
    clipped = kind.inject(*case._replace(setpoint=np.minimum(np.maximum(case.setpoint, low), high)))
    _require(_same(clipped, injection), f"inject of {kind.name!r}: an order beyond `bounds` must do what the order at the bound does.")
    p_mw: Floats = injection.p_mw
    return p_mw


def _check_adjust(kind: DeviceKind, case: Case) -> None:
    """What it does to the grid: a number for every device, inside its bounds, and nothing from a bank that is out of service."""
    _require((kind.adjust is None) == (kind.adjusts == ""), f"{kind.name!r} must say what its `adjust` adjusts: 'tap' or 'bank'.")
    if kind.adjust is None:
        return
    asked = case.parameters, case.state, case.setpoint, case.in_service, case.dt_h
    found = _called(kind.adjust, "adjust", *asked)
    _check_arrays("adjust", (found,), case.in_service.shape)
    low, high = kind.bounds(case.parameters, case.state, case.exogenous, case.in_service, case.dt_h)
    clipped = kind.adjust(asked[0], asked[1], np.minimum(np.maximum(case.setpoint, low), high), *asked[3:])
    same = np.array_equal(clipped[case.in_service], found[case.in_service])
    _require(same, f"adjust of {kind.name!r}: an order beyond `bounds` must do what the order at the bound does.")
    if kind.adjusts == "tap":
        _require((found > 0.0).all(), f"adjust of {kind.name!r}: a ratio must be above 0.")
    else:
        _require(not found[~case.in_service].any(), f"adjust of {kind.name!r}: a bank out of service supplies nothing.")


def _settled(kind: DeviceKind, case: Case, p_mw: Floats) -> tuple[Any, Outcome]:
    state, outcome = _called(kind.settle, "settle", *case[:5], p_mw, case.dt_h)
    _require(isinstance(outcome, Outcome), f"settle of {kind.name!r} must return a state and an Outcome, found {type(outcome).__name__}.")
    return state, outcome


def _check_outcome(kind: DeviceKind, outcome: Outcome, shape: tuple[int, ...]) -> None:
    _check_arrays("settle", outcome, shape)
    for field in ("demand_mwh", "unserved_mwh", "available_mwh", "curtailed_mwh", "co2_t"):
        _require((getattr(outcome, field) >= 0.0).all(), f"settle of {kind.name!r}: {field} must not be negative.")
    for part, whole in (("unserved_mwh", "demand_mwh"), ("curtailed_mwh", "available_mwh")):
        inside = (getattr(outcome, part) <= getattr(outcome, whole) + 1e-9).all()
        _require(inside, f"settle of {kind.name!r}: {part} must not be above {whole}.")


def _check_elements(kind: DeviceKind, case: Case, p_mw: Floats) -> None:
    """A batch is the loop over its elements, bit for bit."""
    injection, settled = kind.inject(*case), kind.settle(*case[:5], p_mw, case.dt_h)
    for b in range(BATCH):
        state = kind.state(*(array[b : b + 1].copy() for array in case.state))
        alone = case._replace(state=state, setpoint=case.setpoint[b : b + 1].copy(), exogenous=case.exogenous[b : b + 1].copy(),
                              in_service=case.in_service[b : b + 1].copy())  # fmt: skip
        same = _same(kind.inject(*alone), [array[b : b + 1] for array in injection])
        state_alone, outcome_alone = kind.settle(*alone[:5], p_mw[b : b + 1].copy(), case.dt_h)
        same = same and _same([*state_alone, *outcome_alone], [array[b : b + 1] for part in settled for array in part])
        _require(same, f"{kind.name!r} gives another result for an element alone than for the same element in a batch.")


# ------------------------------------------------------------------------------------------------------ purity


def _called(function: Callable[..., Any], name: str, *arguments: Any) -> Any:
    """A result, after a look whether the call is pure: same result twice, arguments as they were, no shared memory."""
    given = _arrays(arguments)
    before = [array.copy() for array in given]
    result = function(*arguments)
    first = [array.copy() for array in _arrays(result)]
    _require(_same(given, before), f"{name} writes into its arguments: return new arrays.")
    again = _arrays(function(*arguments))
    _require(_same(again, first), f"{name} gives another result when it is called again: keep no state outside `state`.")
    shared = any(np.shares_memory(new, old) for new in _arrays(result) for old in given)
    _require(not shared, f"{name} returns an array that it was given: return a copy.")
    return result


def _arrays(value: Any) -> list[NDArray[Any]]:
    if isinstance(value, np.ndarray):
        return [value]
    return [array for part in value for array in _arrays(part)] if isinstance(value, tuple) else []


def _same(left: Any, right: Any) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(left, right, strict=True))
