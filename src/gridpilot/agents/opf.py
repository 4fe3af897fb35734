"""Optimal power flow over the outlook: one linear program in the reward's own units, checked by a preview.

The program (`gridpilot.agents.lookahead`) moves units, storage, flexible load and renewable limits so that forecast demand
is met at the least cost, with branch flows, voltages, losses and the slack unit linear around the flow of now. What it
wants for the next cycle is ordered; the next cycle solves anew (receding horizon). Because the program is linear and the
grid is not, a batched preview compares its orders with smaller versions of them and with holding, and the best by the
reward over the next cycles is what counts, with energy kept in storage at its value; orders which, held over the whole
outlook, would break more limits than holding are left out before. Branches that stand open for no reason are closed.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridpilot.agents.best_of import is_worse
from gridpilot.agents.limits import Floats, Margins
from gridpilot.agents.lookahead import Lookahead
from gridpilot.agents.reading import binding, closable, devices_of, number, order, risk_ahead, supplied
from gridpilot.agents.worth import kept_mwh
from gridpilot.values import Action, Candidate, Decision, Preview, Reading, View

NAME = "opf"
Move = tuple[Action, ...]
_SHARES = (1.0, 0.5, 0.2)
_COLLAPSE = 1e3
_LEAST_MW = 0.5
_CAREFUL = 0.8


@dataclass(frozen=True, slots=True)
class Opf:
    """How careful it is, and what energy in storage is worth."""

    horizon: int = 3
    """Cycles over which the reward of orders is compared: they are for the next one; the program itself sees all of the outlook."""
    margin_loading: float = 0.93
    """Loading from which on a branch has a price, for what forecasts miss."""
    margin_v_pu: float = 0.004
    """Distance from the voltage band within which a bus has a price."""
    margin_slack: float = 0.3
    """Part of the slack band, from its edges inwards, that has a price."""
    softness: float = 0.15
    """Price inside a margin, as a share of the price beyond the limit."""
    scarce: float = 3.0
    """Value of the first half of storage, in units of what energy of the units costs on average."""
    plenty: float = 1.0
    """Value of the second half of storage, in the same units."""
    name: str = NAME

    def decide(self, view: View) -> Decision:
        """The orders of the program as far as the outlook bears them out."""
        if view.preview is None:
            raise ValueError(f"The agent opf needs a view with system visibility; role {view.role!r} has none.")
        program, moves = self._program(view), self.plans(view)
        later = view.preview(moves)
        safe = [move for move, candidate in zip(moves, later.candidates, strict=True) if not is_worse(candidate, later.nothing)]
        seen = view.preview(safe, self.horizon)
        best = max((seen.nothing, *seen.candidates), key=lambda candidate: self._score(program, candidate))
        return Decision(
            assessment=_assess(view, seen, best), risk_level=risk_ahead(view, seen.nothing), actions=best.actions, agent=self.name
        )

    def plans(self, view: View) -> list[Move]:
        """The orders of the program, smaller versions of them, and with and without closing what stands open."""
        closing, program = _close(view), self._program(view)
        wanted = program.solve() if view.voltage_sensitivity else None
        plans = [_orders(program, wanted, share) for share in _SHARES] if wanted is not None else []
        moves = [*plans, *([(*plan, *closing) for plan in (*plans[:1], ())] if closing else [])]
        return [move for move in moves if move]

    def _program(self, view: View) -> Lookahead:
        margins = Margins(self.margin_loading, self.margin_v_pu, self.margin_slack, self.softness, self.scarce, self.plenty)
        return Lookahead(view, margins)

    def _score(self, program: Lookahead, candidate: Candidate) -> float:
        """Reward, with what the orders leave in storage at its value; a collapse is worse than anything."""
        kept = kept_mwh(program.view, candidate, self.horizon * program.view.dt_h)
        value = program.worth * kept / max(program.view.summary["demand_mw"], 1.0)
        return candidate.reward + value - (0.0 if candidate.survives else _COLLAPSE)


def make(**options: float) -> Opf:
    """The agent; options are the fields of `Opf`."""
    return Opf(**options)  # type: ignore[arg-type]  # the dataclass checks the names


# ----------------------------------------------------------------------------------------------------- orders


def _close(view: View) -> Move:
    """Close what stands open, with plants behind it limited to what it can carry when they come back all at once."""
    names = closable(view)
    found = [order("TOPOLOGY", name, "status", "closed", "close what stands open") for name in names]
    for plant in devices_of(view, "solar", "wind"):
        ways = [
            view.branches[name]
            for name in names
            if plant.values["bus"] in (view.branches[name].values["from"], view.branches[name].values["to"])
        ]
        if supplied(view, plant) or not ways or "limit_mw" not in plant.bounds:
            continue
        carried = _CAREFUL * sum(float(way.values.get("rating_mva", number(plant, "p_max_mw"))) for way in ways)
        if carried < number(plant, "setpoint_mw"):
            found.append(order("CURTAIL", plant.name, "limit_mw", carried, "come back within the rating of the way back"))
    return tuple(found)


def _orders(program: Lookahead, wanted_mw: Floats, share: float) -> Move:
    """A part of the way from what devices are told now to what the program wants of them."""
    found = [_order(program, device, float(wanted), share) for device, wanted in zip(program.moved, wanted_mw, strict=True)]
    return tuple(action for action in found if action is not None)


def _order(program: Lookahead, device: Reading, wanted_mw: float, share: float) -> Action | None:
    for parameter, (verb, sign, why) in _VERBS.items():
        if parameter not in device.bounds:
            continue
        told = number(device, "setpoint_mw")
        if parameter == "limit_mw":
            offered, rated = program.forecast(device.name, "available_mw")[0], number(device, "p_max_mw")
            wanted_mw = rated if wanted_mw >= min(offered, rated) - _LEAST_MW else wanted_mw
            told = min(told, max(offered, wanted_mw)) if wanted_mw < rated else told
        low, high = device.bounds[parameter]
        value = told + share * (sign * wanted_mw - told)
        value = min(max(value, low), high)
        if abs(value - number(device, "setpoint_mw")) >= _LEAST_MW:
            return order(verb, device.name, parameter, value, why)
    return None


_VERBS = {
    "target_mw": ("REDISPATCH", 1.0, "least cost inside the limits of the outlook"),
    "setpoint_mw": ("STORAGE", -1.0, "energy where it is worth most"),
    "delta_mw": ("LOAD_SHAPE", -1.0, "relieve a limit of the outlook"),
    "limit_mw": ("CURTAIL", 1.0, "take what the grid can carry"),
}
"""Verb of a parameter, the sign from injection to it, and the reason that is given."""


# ---------------------------------------------------------------------------------------------------- in words


def _assess(view: View, seen: Preview, best: Candidate) -> str:
    hot = binding(view)
    worst = f"{hot[0].name} at {100 * number(hot[0], 'loading'):.0f} %" if hot else "no branch is hot"
    slack = f"slack {view.summary['slack_mw']:.0f} MW for {view.summary['slack_schedule_mw']:.0f} MW scheduled"
    if best is seen.nothing:
        return f"{worst}; {slack}; holding is best on the outlook."
    return f"{worst}; {slack}; reward over {seen.horizon} cycles {best.reward:.2f} instead of {seen.nothing.reward:.2f}."
