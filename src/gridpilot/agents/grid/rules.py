"""`GridRules`: a grid agent that is a page of rules; it knows its own measurements and devices, and no grid.

    engine    from the order that it has, up while the lowest own voltage is below `v_aim_pu`, down while it is above
    battery   discharges while energy is dear and charges while it is cheap, in proportion to the distance from the usual price;
              it does not charge while the lowest own voltage is below `v_charge_pu`
    the rest  at the upper end of its range: sun and wind are taken as they come

The engine is an integral controller whose memory is the order in force. It is stable while `gain_per_pu` times what full power
adds to the voltage stays below 1 where its measurements are fresh, and below that where they are late (see K. J. Åström,
R. M. Murray, *Feedback Systems*, 2008, ch. 10). So delays and lost messages show in what it achieves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gridpilot.errors import ConfigError, Problem

ENGINE, BATTERY = "generator", "storage"


@dataclass(frozen=True, slots=True)
class GridRules:
    """Settings of the rules; raises `ConfigError` with every one that is out of range."""

    v_aim_pu: float = 0.965
    """What engines hold the lowest own voltage at."""
    gain_per_pu: float = 4.0
    """Part of an engine's range that it moves by in a step, per pu of voltage that is missing."""
    v_charge_pu: float = 0.98
    """Lowest own voltage at which batteries may charge."""
    usual_usd_per_mwh: float = 42.0
    """Price at which batteries rest."""
    reach_usd_per_mwh: float = 80.0
    """Distance from the usual price at which batteries run at full power."""

    def __post_init__(self) -> None:
        problems = [
            Problem(name, f"is {getattr(self, name):g}; expected above 0")
            for name in ("v_aim_pu", "gain_per_pu", "v_charge_pu", "reach_usd_per_mwh")
            if not 0.0 < getattr(self, name) < float("inf")
        ]
        if problems:
            raise ConfigError("The rules of a grid agent cannot be used.", problems)

    def decide(self, seen: Mapping[str, float], ranges_mw: Mapping[str, tuple[float, float]]) -> dict[str, float]:
        """A setpoint in MW per device, injections positive, inside its range.

        `seen` are measurements by name in their own units, as `MicrogridsEnv.observation_names` has them; `ranges_mw` is the lowest
        and highest setpoint of every device. Raises `ConfigError` for a sight without an own voltage or without a price.
        """
        voltages = [value for name, value in seen.items() if name.startswith("bus.") and name.endswith(".v_pu")]
        prices = [value for name, value in seen.items() if name.startswith("now.") and name.endswith(".price_usd_per_mwh")]
        if not voltages or not prices:
            raise ConfigError(
                f"The rules need an own voltage and the price now; found {len(voltages)} and {len(prices)} in {len(seen)} measurements."
            )
        return {device: self._setpoint(seen, device, ends, min(voltages), prices[0]) for device, ends in ranges_mw.items()}

    def _setpoint(self, seen: Mapping[str, float], device: str, ends_mw: tuple[float, float], v_pu: float, price: float) -> float:
        low_mw, high_mw = ends_mw
        ordered_mw = seen.get(f"{ENGINE}.{device}.order_mw")
        if ordered_mw is not None:
            return _inside(ordered_mw + self.gain_per_pu * (self.v_aim_pu - v_pu) * (high_mw - low_mw), ends_mw)
        if f"{BATTERY}.{device}.order_mw" not in seen:
            return high_mw
        part = (price - self.usual_usd_per_mwh) / self.reach_usd_per_mwh
        if part < 0.0 and v_pu < self.v_charge_pu:
            return _inside(0.0, ends_mw)
        return _inside(part * high_mw if part > 0.0 else -part * low_mw, ends_mw)


def _inside(p_mw: float, ends_mw: tuple[float, float]) -> float:
    return min(max(p_mw, ends_mw[0]), ends_mw[1])
