"""What a view lets a role move, as short words: slots for the most important devices, and the values each may be given.

The model never sees a name. The largest units are `g1`, `g2` …, storage `b1` …, renewable plants `p1` …, flexible loads `l1` …,
branches that stand open for no reason `t1` …; what is beyond the last slot of its kind is left as it is. Powers are whole numbers
of the grid's own *quantum*, a share of all that can be moved, so that large and small grids read alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor

from gridpilot.agents.reading import closable, devices_of, dispatchable, number, supplied
from gridpilot.values import Action, Reading, View

LARGEST = 99
"""Largest number that has a word."""
MOST = {"g": 6, "b": 4, "p": 6, "l": 4, "t": 2}
"""Slots per letter, in the order in which a reply names them."""
LOW, HIGH, CLOSE = "min", "max", "close"
_QUANTA = 300.0
_LEAST_MW = 0.05


@dataclass(frozen=True)
class Lever:
    """One thing that may be moved."""

    word: str
    """Its slot."""
    device: str
    verb: str
    parameter: str
    why: str
    base_mw: float
    """What the number 0 means: a unit's output of now, a plant's offer of now, else 0 MW."""
    low: float
    high: float
    """What can be followed this cycle, with the operator's sign."""
    told: float
    """The order in force."""
    quantum_mw: float

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Words that its value can be: the whole numbers between the ends, and the ends."""
        if not self.parameter:
            return (CLOSE,)
        least = max(ceil((self.low - self.base_mw) / self.quantum_mw - 1e-9), -LARGEST)
        most = min(floor((self.high - self.base_mw) / self.quantum_mw + 1e-9), LARGEST)
        return (*map(str, range(least, most + 1)), LOW, HIGH)

    def action(self, value: str) -> Action:
        """The order that a word of `values` stands for."""
        if value == CLOSE:
            return Action(self.verb, self.device, {"status": "closed"}, self.why)
        low, high = self.ends
        if value in (LOW, HIGH):
            mw = low if value == LOW else high
        else:
            mw = min(max(round(self.base_mw + int(value) * self.quantum_mw, 1), low), high)
        return Action(self.verb, self.device, {self.parameter: mw + 0.0}, self.why)

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The bounds to 0.1 MW inside them; as they are where there is no such number between them."""
        low, high = ceil(self.low * 10.0 - 1e-9) / 10.0, floor(self.high * 10.0 + 1e-9) / 10.0
        return (low, high) if low <= high else (self.low, self.high)

    def value(self, wanted: float) -> str:
        """The word nearest to an order, of which an end comes before a number that is no nearer."""
        inside = min(max(wanted, self.low), self.high)
        if self.high - inside <= self.quantum_mw / 2:
            return HIGH
        if inside - self.low <= self.quantum_mw / 2:
            return LOW
        number = round((inside - self.base_mw) / self.quantum_mw)
        return str(min(max(number, int(self.values[0])), int(self.values[-3]))) if len(self.values) > 2 else LOW


def quanta(mw: float, quantum_mw: float) -> int:
    """Power as a whole number that has a word."""
    return min(max(round(mw / quantum_mw), -LARGEST), LARGEST)


@dataclass(frozen=True)
class Levers:
    """All that a role may move, by slot in the order of a reply."""

    quantum_mw: float
    by_word: dict[str, Lever]

    def of(self, letter: str) -> list[Lever]:
        """The levers of one kind."""
        return [lever for word, lever in self.by_word.items() if word[0] == letter]

    def words(self, actions: Sequence[Action]) -> tuple[str, ...]:
        """Actions as the words of a reply, slot and value; what has no slot or changes nothing is left out."""
        wanted = {(action.type, action.target): action for action in actions}
        said: list[str] = []
        for lever in self.by_word.values():
            action = wanted.get((lever.verb, lever.device))
            if action is None:
                continue
            if not lever.parameter:
                said += [lever.word, CLOSE] if action.params.get("status") == "closed" else []
                continue
            asked = float(action.params.get(lever.parameter, lever.told))
            value = lever.value(asked)
            if abs(asked - lever.told) > _LEAST_MW and value != lever.value(lever.told):
                said += [lever.word, value]
        return tuple(said)

    def actions(self, words: Sequence[str]) -> tuple[Action, ...]:
        """The words of a reply, slot and value in turn, as actions."""
        return tuple(self.by_word[slot].action(value) for slot, value in zip(words[::2], words[1::2], strict=True))


def levers_of(view: View) -> Levers:
    """The slots of a view, the largest device of a kind first."""
    quantum_mw = quantum(view)
    found = [lever for lever in _all(view, quantum_mw) if not lever.parameter or lever.high - lever.low > _LEAST_MW]
    return Levers(quantum_mw, {lever.word: lever for lever in found})


def quantum(view: View) -> float:
    """The step in MW in which powers are told; the same while devices come and go."""
    named = {name for verb in ("REDISPATCH", "STORAGE", "CURTAIL") for name in view.verbs.get(verb, ())}
    nameplates = (number(device, "p_max_mw") for device in view.devices.values() if device.name in named and "p_max_mw" in device.values)
    return max(sum(nameplates) / _QUANTA, _LEAST_MW)


def _all(view: View, quantum_mw: float) -> Iterator[Lever]:
    yield from _kind(view, "g", _largest(dispatchable(view), "p_max_mw"), "target_mw", quantum_mw)
    yield from _kind(view, "b", _largest(devices_of(view, "storage"), "p_max_mw"), "setpoint_mw", quantum_mw)
    yield from _kind(view, "p", _largest(devices_of(view, "solar", "wind"), "p_max_mw"), "limit_mw", quantum_mw)
    yield from _kind(view, "l", _largest(devices_of(view, "load"), "demand_mw"), "delta_mw", quantum_mw)
    for k, name in enumerate(closable(view)[: MOST["t"]], start=1):
        yield Lever(f"t{k}", name, "TOPOLOGY", "", "close what stands open", 0.0, 0.0, 0.0, 0.0, quantum_mw)


_VERBS = {
    "target_mw": ("REDISPATCH", "keep the slack unit near its schedule at least cost"),
    "setpoint_mw": ("STORAGE", "energy where it is worth most"),
    "limit_mw": ("CURTAIL", "take what the grid can carry"),
    "delta_mw": ("LOAD_SHAPE", "relieve a limit"),
}


def _kind(view: View, letter: str, devices: Sequence[Reading], parameter: str, quantum_mw: float) -> Iterator[Lever]:
    verb, why = _VERBS[parameter]
    able = [one for one in devices if parameter in one.bounds and one.name in view.verbs.get(verb, ()) and supplied(view, one)]
    for k, device in enumerate(able[: MOST[letter]], start=1):
        base = number(device, {"g": "p_mw", "p": "available_mw"}[letter]) if letter in "gp" else 0.0
        base = min(base, number(device, "p_max_mw")) if letter == "p" else base
        yield Lever(
            f"{letter}{k}", device.name, verb, parameter, why, base, *device.bounds[parameter], number(device, "setpoint_mw"), quantum_mw
        )


def _largest(devices: Sequence[Reading], by: str) -> list[Reading]:
    """Largest first; of equals in the order of the view."""
    return sorted(devices, key=lambda device: -number(device, by))
