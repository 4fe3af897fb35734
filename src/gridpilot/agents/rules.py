"""Rules: the heuristic operator. A handful of thresholds that a control room could write on one page.

1. Close what stands open for no reason.
2. Bring the slack unit back to its schedule with the other units, as far as it is outside its band.
3. When a branch is hot or a voltage is low: discharge storage, then shed flexible load.
4. When generation is in surplus: charge storage. When all is calm: give back what was shaped.
5. When a renewable plant pushes into a hot branch: take a tenth less of it; lift the limit when all is calm.

It looks at the present only: no preview, no forecast.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridpilot.agents.reading import binding, closable, devices_of, dispatchable, number, order, risk_of
from gridpilot.values import Action, Decision, Reading, View

NAME = "rules"


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds."""

    hot_loading: float = 0.95
    """A branch above this is relieved."""
    calm_loading: float = 0.8
    """Below this, flexible load is let go."""
    low_v_pu: float = 0.955
    """A voltage below this is supported."""
    reserve_share: float = 0.15
    """Part of its rating below which no unit is sent, so that something can be raised when a line is lost."""
    name: str = NAME

    def decide(self, view: View) -> Decision:
        """What the rules say of this view."""
        actions = [*_reclose(view), *_rebalance(view, self.reserve_share), *self._relieve(view), *self._limit(view)]
        hot = binding(view, self.hot_loading)
        worst = f"{hot[0].name} at {100 * number(hot[0], 'loading'):.0f} %" if hot else "no branch is hot"
        summary = view.summary
        said = f"{worst}; slack {summary['slack_mw']:.0f} MW for {summary['slack_schedule_mw']:.0f} MW scheduled."
        return Decision(said, risk_of(view), tuple(actions), agent=self.name)

    def _relieve(self, view: View) -> list[Action]:
        stressed = bool(binding(view, self.hot_loading)) or view.summary["min_v_pu"] < self.low_v_pu
        calm = view.summary["max_loading"] < self.calm_loading
        surplus = view.summary["renewable_mw"] > view.summary["load_mw"] * 0.7
        worst = binding(view, self.hot_loading)[:1]
        actions: list[Action] = []
        for unit in devices_of(view, "storage"):
            low, high = unit.bounds["setpoint_mw"]
            absorbs = (surplus and calm) or any(_pushes(view, unit, branch) for branch in worst)
            target = high if absorbs else low if stressed else 0.0
            if abs(target - number(unit, "setpoint_mw")) > 0.5:
                why = "relieve the grid" if stressed else "store the surplus" if target else "rest"
                actions.append(order("STORAGE", unit.name, "setpoint_mw", target, why))
        for load in devices_of(view, "load"):
            if "delta_mw" not in load.bounds:
                continue
            shed = stressed and not any(_pushes(view, load, branch) for branch in worst)
            target = load.bounds["delta_mw"][0] if shed else 0.0
            ordered = number(load, "setpoint_mw")
            if (shed and target < ordered - 0.5) or (calm and abs(ordered) > 0.5):
                why = "shed flexible demand" if shed else "let demand return"
                actions.append(order("LOAD_SHAPE", load.name, "delta_mw", target, why))
        return actions

    def _limit(self, view: View) -> list[Action]:
        worst = binding(view, self.hot_loading)[:1]
        calm = view.summary["max_loading"] < self.calm_loading
        actions: list[Action] = []
        for plant in devices_of(view, "solar", "wind"):
            rated, limit = number(plant, "p_max_mw"), number(plant, "setpoint_mw")
            if any(_pushes(view, plant, branch) for branch in worst):
                actions.append(order("CURTAIL", plant.name, "limit_mw", 0.9 * number(plant, "p_mw"), f"relieve {worst[0].name}"))
            elif calm and limit < rated:
                actions.append(order("CURTAIL", plant.name, "limit_mw", min(rated, limit + 0.1 * rated), "lift the limit"))
        return actions


def _reclose(view: View) -> list[Action]:
    return [order("TOPOLOGY", name, "status", "closed", "close what stands open") for name in closable(view)]


def _pushes(view: View, device: Reading, branch: Reading) -> bool:
    """Whether more injection at this device loads this branch further, by its PTDF."""
    factor = view.sensitivity.get(device.name, {}).get(branch.name, 0.0)
    return factor * number(branch, "p_mw") > 0.05 * abs(number(branch, "p_mw"))


def _rebalance(view: View, reserve_share: float) -> list[Action]:
    """Share the slack unit's deviation among the units, by the room each has above its reserve."""
    summary = view.summary
    deviation = summary["slack_mw"] - summary["slack_schedule_mw"]
    units = dispatchable(view)
    if abs(deviation) <= summary["slack_band_mw"] / 2 or not units:
        return []
    room = {
        unit.name: number(unit, "p_max_mw") - number(unit, "p_mw")
        if deviation > 0
        else max(number(unit, "p_mw") - reserve_share * number(unit, "p_max_mw"), 0.0)
        for unit in units
    }
    total = sum(room.values())
    if total <= 0:
        return []
    return [
        order("REDISPATCH", unit.name, "target_mw",
              number(unit, "p_mw") + max(-1.0, min(deviation / total, 1.0)) * room[unit.name],
              f"bring the slack unit back by {deviation:.0f} MW")
        for unit in units
        if room[unit.name] > 0
    ]  # fmt: skip


def make(**options: float) -> Rules:
    """The agent; options are the thresholds of `Rules`."""
    return Rules(**options)  # type: ignore[arg-type]  # the dataclass checks the names
