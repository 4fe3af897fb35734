"""EV: charges below the price that its driver is willing to pay, and in time whatever the price.

A session that still needs E MWh in the battery, with h hours until it leaves, has to take at least

    c_min = (E/η − p_max·(h − dt)⁺) / dt

in this step, or full power in all later ones would not be enough: the latest start of a deferrable load with a deadline
(Subramanian et al., "Real-time scheduling of distributed resources", IEEE Trans. Smart Grid 4(4), 2013). Nothing else
binds it: it waits for prices. The setpoint is the injection: charging is negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from gridpilot.agents.coordination.offers.kind import OfferKind
from gridpilot.agents.coordination.offers.offer import Offer, make_offer
from gridpilot.devices.device import parameters_from_rows
from gridpilot.values import Floats


class Points(Protocol):
    """What is read of the parameters of charging points `[n]`."""

    @property
    def p_max_mw(self) -> Floats: ...

    @property
    def charge_efficiency(self) -> Floats: ...


class Sessions(Protocol):
    """What is read of the state of charging points `[B, n]`; 0 without a car."""

    @property
    def needed_mwh(self) -> Floats: ...

    @property
    def left_h(self) -> Floats: ...


class Terms(NamedTuple):
    """Per charging point `[n]`."""

    willing_usd_per_mwh: Floats
    """Below this price it charges as fast as it can, above as late as it can."""
    give_back_usd_per_mwh: Floats
    """Above this price it feeds back, where the device's bounds let it and its car can wait."""


def terms(rows: Sequence[Mapping[str, Any]]) -> Terms:
    """Terms from one dict per point, `willing_usd_per_mwh` at least; raises `ConfigError`."""
    made: Terms = parameters_from_rows(
        Terms, rows, {"give_back_usd_per_mwh": np.inf}, rising=(("willing_usd_per_mwh", "give_back_usd_per_mwh"),)
    )
    return made


def least_charge_mw(need_mwh: Floats, left_h: Floats, p_max_mw: Floats, efficiency: Floats, dt_h: float) -> Floats:
    """Power at the grid `[B, n]` that a session must take now so that it can still be ready; at most `p_max_mw`."""
    later_mwh = p_max_mw * np.maximum(left_h - dt_h, 0.0)
    least = (need_mwh / efficiency - later_mwh) / dt_h
    return np.minimum(np.maximum(least, 0.0), p_max_mw)


def make(parameters: Points, state: Sessions, terms: Terms, exogenous: Floats, low_mw: Floats, high_mw: Floats, dt_h: float) -> Offer:
    """The offer `[B, n]`; `exogenous` `[B, 2n]` has the energy and the stay of cars that come in this step."""
    n = low_mw.shape[1]
    comes = exogenous[:, :n] > 0.0
    needed = np.where(comes, exogenous[:, :n], state.needed_mwh)
    left = np.where(comes, exogenous[:, n : 2 * n], state.left_h)
    least = least_charge_mw(needed, left, parameters.p_max_mw, parameters.charge_efficiency, dt_h)
    slowest = np.maximum(np.minimum(high_mw, -least), low_mw)
    return make_offer(
        low_mw,
        np.where(least > 0.0, slowest, high_mw),
        buy_below_usd_per_mwh=terms.willing_usd_per_mwh,
        sell_above_usd_per_mwh=terms.give_back_usd_per_mwh,
    )


OFFER = OfferKind(kinds=("ev",), terms=Terms, from_rows=terms, make=make)
