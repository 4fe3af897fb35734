"""Planner: propose moves for what binds, preview them all on the outlook in one batch, combine the best.

Moves come from two places. *Sensitivities* say how much each device relieves a branch that is hot now (PTDF) or a bus at the
edge of its voltage band (AC); a *grid of single-device moves* covers the rest: units, storage, flexible load, renewable
limits, breakers. A first batched preview scores every move alone, a second one the combinations of those that help. The
winner is what the outlook says is best by the reward, with a margin for what forecasts miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gridpilot.agents.reading import RISKY_LOADING, binding, closable, devices_of, dispatchable, number, order, risk_of
from gridpilot.values import Action, Candidate, Decision, Preview, Previewer, Reading, View

NAME = "planner"
Move = tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Planner:
    """How far it looks, and how careful it is."""

    horizon: int = 12
    """Cycles of the outlook."""
    margin_loading: float = 0.92
    """Loading above which a candidate is marked down, for what forecasts miss."""
    margin_v_pu: float = 0.005
    """Distance from the voltage band below which a candidate is marked down."""
    opening_cost: float = 0.3
    """What opening a branch must gain, for the security it takes away."""
    rounds: int = 2
    """Batched previews that combine moves, after the one that scores them alone."""
    breadth: int = 6
    """Moves that a combination may draw from."""
    worth_it: float = 0.01
    """Reward that an action must gain over the horizon."""
    name: str = NAME

    def decide(self, view: View) -> Decision:
        """The best plan found on the outlook, or none where nothing beats holding."""
        if view.preview is None:
            raise ValueError(f"The planner needs a view with system visibility; role {view.role!r} has none.")
        moves = _distinct(
            [
                *_close(view),
                *_balance(view),
                *_relieve(view),
                *_support(view, self.margin_v_pu),
                *_storage(view),
                *_shape(view),
                *_limits(view),
                *_open(view),
            ]
        )
        first = view.preview(moves, self.horizon)
        best, plan = self._search(view.preview, moves, first)
        if self._score(best) < self._score(first.nothing) + self.worth_it:
            best, plan = first.nothing, ()
        return Decision(
            assessment=_assess(view, first.nothing, best),
            risk_level=_risk(view, first.nothing, self.margin_loading),
            actions=tuple(plan),
            agent=self.name,
        )

    def _score(self, candidate: Candidate) -> float:
        """Reward less a mark-down for running close to a limit that a forecast error could cross."""
        near = max(candidate.max_loading - self.margin_loading, 0.0) * 10.0
        low = max(0.95 + self.margin_v_pu - candidate.min_v_pu, 0.0) + max(candidate.max_v_pu - 1.05 + self.margin_v_pu, 0.0)
        down = 0.0 if candidate.survives else 1e3
        return (
            candidate.reward - near - 20.0 * low - 10.0 * candidate.unserved_mwh - self.opening_cost * _openings(candidate.actions) - down
        )

    def _search(self, ask: Previewer, moves: Sequence[Move], first: Preview) -> tuple[Candidate, Move]:
        """Greedy combination: the best move of each device, joined best first, then grown while it helps."""
        scored = sorted(zip(first.candidates, moves, strict=True), key=lambda pair: -self._score(pair[0]))
        best, plan = (first.nothing, ()) if not scored else scored[0]
        if self._score(first.nothing) >= self._score(best):
            best, plan = first.nothing, ()
        floor = self._score(first.nothing) - 0.5
        useful = _one_per_device([move for candidate, move in scored if self._score(candidate) > floor])[: 3 * self.breadth]
        for _ in range(self.rounds):
            combined = _distinct(
                [*(_join(plan, move) for move in useful),
                 *(_join(_join(plan, a), b) for k, a in enumerate(useful[: self.breadth]) for b in useful[k + 1 : self.breadth])]
            )  # fmt: skip
            joined = [move for move in combined if _openings(move) <= 1]
            if not joined:
                break
            seen = ask(joined, self.horizon)
            top = max(zip(seen.candidates, joined, strict=True), key=lambda pair: self._score(pair[0]))
            if self._score(top[0]) <= self._score(best) + self.worth_it / 2:
                break
            best, plan = top
        return best, plan


def make(**options: float) -> Planner:
    """The agent; options are the fields of `Planner`."""
    return Planner(**options)  # type: ignore[arg-type]  # the dataclass checks the names


# ------------------------------------------------------------------------------------------------------ moves


def _balance(view: View) -> list[Move]:
    """All units together to where the slack unit is on its schedule, now and as far as the outlook goes."""
    units = dispatchable(view)
    summary, expected = view.summary, view.outlook["net_mw"]
    deviation = summary["slack_mw"] - summary["slack_schedule_mw"]
    now = summary["demand_mw"] - summary["renewable_available_mw"]
    leads = sorted({0, len(expected) // 2, len(expected) - 1})
    moves = [_share(units, deviation + expected[lead] - now + shift) for lead in leads for shift in _SHIFTS_MW]
    return moves + [_share([unit], shift) for unit in units for shift in _SHIFTS_MW if shift]


_SHIFTS_MW = (-40.0, -20.0, 0.0, 20.0, 40.0)


def _share(units: Sequence[Reading], change_mw: float) -> Move:
    """A change of the units' total, each by its room in that direction."""
    room = [number(u, "p_max_mw") - number(u, "p_mw") if change_mw > 0 else number(u, "p_mw") for u in units]
    total = sum(room)
    if total <= 0 or abs(change_mw) < 1.0:
        return ()
    share = max(-1.0, min(change_mw / total, 1.0))
    return tuple(
        order("REDISPATCH", unit.name, "target_mw", number(unit, "p_mw") + share * own, "bring the slack unit towards its schedule")
        for unit, own in zip(units, room, strict=True)
        if own > 0
    )


def _relieve(view: View) -> list[Move]:
    """For every hot branch the devices whose PTDF says that they relieve it, by what it takes to bring it to 90 %."""
    moves: list[Move] = []
    for branch in binding(view)[:3]:
        excess = (number(branch, "loading") - RISKY_LOADING) * number(branch, "rating_mva")
        towards = 1.0 if number(branch, "p_mw") > 0 else -1.0
        for device in view.devices.values():
            factor = view.sensitivity.get(device.name, {}).get(branch.name, 0.0) * towards
            if abs(factor) > 0.05 and device.values["in_service"]:
                moves.append(_move_by(device, -excess / factor, f"relieve {branch.name} at {100 * number(branch, 'loading'):.0f} %"))
    return moves


def _support(view: View, margin_pu: float) -> list[Move]:
    """For the buses furthest outside their band, less a margin, the devices that move their voltages most for a MW."""
    moves: list[Move] = []
    for bus, missing in sorted(_missing_pu(view, margin_pu).items(), key=lambda pair: -abs(pair[1]))[:2]:
        effect = {name: by_bus.get(bus, 0.0) for name, by_bus in view.voltage_sensitivity.items()}
        able = [device for device in view.devices.values() if device.values["in_service"] and device.bounds]
        for device in sorted(able, key=lambda device: -abs(effect.get(device.name, 0.0)))[:_SUPPORTERS]:
            if abs(effect.get(device.name, 0.0)) > _LEAST_EFFECT_PU_PER_MW:
                moves.append(_move_by(device, missing / effect[device.name], f"bring {bus} back into its voltage band"))
    return moves


_SUPPORTERS = 6
_LEAST_EFFECT_PU_PER_MW = 1e-5


def _missing_pu(view: View, margin_pu: float) -> dict[str, float]:
    """Change of voltage that every bus needs which is not inside its band by a margin; dead ones have none to change."""
    found = {}
    for bus in view.buses.values():
        v, low, high = (number(bus, key) for key in ("v_pu", "v_min_pu", "v_max_pu"))
        if bus.values["energised"] and not low + margin_pu <= v <= high - margin_pu:
            found[bus.name] = low + margin_pu - v if v < low + margin_pu else high - margin_pu - v
    return found


def _move_by(device: Reading, injection_mw: float, why: str) -> Move:
    """A change of what one device injects, in the words of its verb; clipped to what it can do now."""
    for parameter, (low, high) in device.bounds.items():
        verb, sign = _VERB_OF[parameter]
        base = number(device, "p_mw") if parameter in ("target_mw", "limit_mw") else number(device, "setpoint_mw")
        value = min(max(base + sign * injection_mw, low), high)
        if abs(value - number(device, "setpoint_mw")) >= 0.5:
            return (order(verb, device.name, parameter, value, why),)
    return ()


_VERB_OF = {
    "target_mw": ("REDISPATCH", 1.0),
    "setpoint_mw": ("STORAGE", -1.0),
    "delta_mw": ("LOAD_SHAPE", -1.0),
    "limit_mw": ("CURTAIL", 1.0),
}
"""Verb of a parameter, and the sign from injection to it."""


def _storage(view: View) -> list[Move]:
    levels = {-1.0: "discharge", -0.5: "discharge at half power", 0.0: "rest", 0.5: "charge at half power", 1.0: "charge"}
    return [
        _level(unit, "setpoint_mw", low * -level if level < 0 else high * level, why)
        for unit in devices_of(view, "storage")
        for low, high in (unit.bounds["setpoint_mw"],)
        for level, why in levels.items()
    ]


def _shape(view: View) -> list[Move]:
    levels = {-1.0: "shed flexible demand", -0.5: "shed half of the flexible demand", 0.0: "let demand return", 1.0: "consume now"}
    return [
        _level(load, "delta_mw", high * level, why)
        for load in devices_of(view, "load")
        if "delta_mw" in load.bounds
        for _, high in (load.bounds["delta_mw"],)
        for level, why in levels.items()
    ]


def _limits(view: View) -> list[Move]:
    moves = []
    for plant in devices_of(view, "solar", "wind"):
        offered, rated = number(plant, "available_mw"), number(plant, "p_max_mw")
        if number(plant, "setpoint_mw") < rated:
            moves.append(_level(plant, "limit_mw", rated, "lift the limit"))
        moves += [
            _level(plant, "limit_mw", share * offered, f"take {100 * share:.0f} % of what the weather offers")
            for share in (0.75, 0.5, 0.25)
        ]
    return moves


def _level(device: Reading, parameter: str, value: float, why: str) -> Move:
    if abs(value - number(device, "setpoint_mw")) < 0.5:
        return ()
    return (order(_VERB_OF[parameter][0], device.name, parameter, value, why),)


def _close(view: View) -> list[Move]:
    return [(order("TOPOLOGY", name, "status", "closed", "close what stands open"),) for name in closable(view)]


def _open(view: View) -> list[Move]:
    """Opening a branch moves flow elsewhere, and takes a path from the next fault: one at a time, only against an overload."""
    already = any(
        branch.values["built"] and not branch.values["closed"] and not branch.values["tripped"] for branch in view.branches.values()
    )
    if already or not binding(view, 1.0):
        return []
    return [
        (order("TOPOLOGY", name, "status", "open", "move flow to other branches"),)
        for name in view.verbs["TOPOLOGY"]
        if view.branches[name].values["closed"] and view.branches[name].values["built"]
    ]


# ----------------------------------------------------------------------------------------------- combinations


def _targets(move: Move) -> frozenset[tuple[str, str]]:
    return frozenset((action.type, action.target) for action in move)


def _openings(move: Move) -> int:
    """Branches that it opens."""
    return sum(action.params.get("status") == "open" for action in move)


def _join(plan: Move, move: Move) -> Move:
    """Both, the later one where they name the same component."""
    taken = _targets(move)
    return tuple(action for action in plan if (action.type, action.target) not in taken) + move


def _distinct(moves: Iterable[Move]) -> list[Move]:
    """Without empty ones and repetitions, in order."""
    seen: dict[tuple[tuple[str, str, str], ...], Move] = {}
    for move in moves:
        key = tuple(sorted((a.type, a.target, str(tuple(a.params.values()))) for a in move))
        if move:
            seen.setdefault(key, move)
    return list(seen.values())


def _one_per_device(moves: Iterable[Move]) -> list[Move]:
    """The two best moves of each set of components: a third one is the same idea again."""
    kept: list[Move] = []
    count: dict[frozenset[tuple[str, str]], int] = {}
    for move in moves:
        count[_targets(move)] = count.get(_targets(move), 0) + 1
        if count[_targets(move)] <= 2:
            kept.append(move)
    return kept


# -------------------------------------------------------------------------------------------------- in words


def _risk(view: View, nothing: Candidate, margin: float) -> str:
    if not nothing.survives:
        return "CRITICAL"
    if nothing.overload_min > 0 or nothing.voltage_min > 0 or nothing.unserved_mwh > 0:
        return "HIGH"
    return "MEDIUM" if nothing.max_loading > margin else risk_of(view)


def _assess(view: View, nothing: Candidate, best: Candidate) -> str:
    hot = binding(view)
    now = (
        f"{hot[0].name} at {100 * number(hot[0], 'loading'):.0f} %" if hot else f"largest loading {100 * view.summary['max_loading']:.0f} %"
    )
    ahead = (
        f"holding leads to {100 * nothing.max_loading:.0f} %, {nothing.min_v_pu:.3f} pu and reward {nothing.reward:.2f}"
        if nothing.survives
        else "holding leads to a collapse"
    )
    if best is nothing:
        return f"{now}; {ahead}; no plan on the outlook is better."
    return f"{now}; {ahead}; the plan to {100 * best.max_loading:.0f} %, {best.min_v_pu:.3f} pu and {best.reward:.2f}."
