"""Your own agent: a function from what is seen to what is ordered. A battery by the clock sounds sensible; the card tells."""

from gridpilot.evaluation import evaluate
from gridpilot.values import Action, Decision, View


class BatteryClock:
    """Charges at noon, discharges in the evening; asks nobody."""

    name = "battery-clock"

    def decide(self, view: View) -> Decision:
        hour = int(view.time[11:13])
        charge_mw = 25 if 10 <= hour < 14 else -25 if 17 <= hour < 21 else 0
        return Decision(
            assessment=f"It is {hour} o'clock.",
            actions=(Action("STORAGE", "BESS-SUBURB", {"setpoint_mw": charge_mw}, reason="the clock says so"),),
        )


cards = evaluate("six-bus", ("do-nothing", BatteryClock()), episodes=2, cycle_minutes=15).cards
for name, card in cards.items():
    print(f"{name:14} reward {card.reward.mean:9.1f}   overload {card.overload_min:6.0f} min   cost {card.cost_usd:10,.0f} USD")
