"""Action masks: which values of the discrete controls can be followed now."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gridpilot.actions.controls import Control, Controls
from gridpilot.actions.orders import Situation
from gridpilot.values import Bools


def action_masks(controls: Controls, now: Situation) -> Mapping[str, Bools]:
    """Per discrete control, by its name, which of its values can be followed in this cycle.

    Of a position or a number of steps the values from the lowest to the highest `[high − low + 1]`; of a branch open and
    closed `[2]`. A device that is not there, or that the role may not move, has none.
    """
    discrete = (entry for entry in controls.entries if entry.whole or entry.verb.moves_branches)
    return {entry.name: _mask(entry, now) for entry in discrete}


def _mask(control: Control, now: Situation) -> Bools:
    mine = now.may_move is None or control.target in now.may_move
    if control.verb.moves_branches:
        k = control.index
        built = bool(now.branch_active[k]) and mine
        closes = built and not now.faulted[k] and not now.lockout_h[k] > 0.0
        return np.array([built, closes], dtype=np.bool_)
    values = control.sign * np.arange(round(control.low), round(control.high) + 1)
    low, high = now.low[control.kind][control.column], now.high[control.kind][control.column]
    reachable: Bools = (values >= low) & (values <= high)
    return reachable & bool(now.present[control.kind][control.index]) & mine
