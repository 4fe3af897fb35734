"""`preview`: candidates × horizon on the outlook in one batch, do-nothing always among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridpilot.actions import Orders
from gridpilot.errors import ConfigError
from gridpilot.twin.model import Model
from gridpilot.twin.outlook import make_outlook, on_outlook
from gridpilot.twin.situation import order_all, setpoints_of, situation
from gridpilot.twin.step import step
from gridpilot.twin.world import World
from gridpilot.values import REWARD_TERMS, Action, Candidate, GridState, Preview, Transition

DEFAULT_HORIZON_H = 1.0


def preview(
    model: Model, world: World, state: GridState, candidates: Sequence[Sequence[Action]],
    *, horizon: int | None = None, key: int = 0, element: int = 0,
) -> Preview:  # fmt: skip
    """What each candidate would lead to if it were ordered now and held over the horizon.

    Only forecasts are seen (`outlook`): never the true weather, never the schedule of disturbances. Raises `ConfigError`
    for a horizon below one cycle.
    """
    ahead = max(1, round(DEFAULT_HORIZON_H / model.dt_h)) if horizon is None else horizon
    if ahead < 1:
        raise ConfigError(f"A preview looks at least one cycle ahead, found a horizon of {ahead}.")
    orders = order_all(model, situation(model, state, element), [(), *candidates])
    setpoints = setpoints_of(orders)
    outlook = make_outlook(world, state, ahead, key, element)
    now = on_outlook(state, element, len(orders))
    seen: list[Transition] = []
    for _ in range(ahead):
        moved = step(model, outlook, now, setpoints)
        seen.append(moved)
        now, setpoints = moved.state, moved.setpoints
    rows = _candidates([(), *candidates], orders, seen)
    return Preview(horizon=ahead, nothing=rows[0], candidates=tuple(rows[1:]))


def _candidates(asked: Sequence[Sequence[Action]], orders: Sequence[Orders], seen: Sequence[Transition]) -> list[Candidate]:
    reward = sum(moved.reward for moved in seen)
    terms = sum(moved.reward_terms[:, 0] for moved in seen)
    outcomes = [moved.outcomes for moved in seen]
    trips = sum(moved.events.tripped.sum(axis=1) for moved in seen)

    def total(name: str) -> list[float]:
        values: list[float] = np.sum([getattr(o, name) for o in outcomes], axis=0).tolist()
        return values

    overload, voltage, unserved, curtailed = map(total, ("overload_min", "voltage_min", "unserved_mwh", "curtailed_mwh"))
    highest = np.max([o.max_loading for o in outcomes], axis=0)
    low = np.min([o.min_v_pu for o in outcomes], axis=0)
    high = np.max([o.max_v_pu for o in outcomes], axis=0)
    return [
        Candidate(
            actions=tuple(actions),
            receipts=orders[k].receipts,
            reward=float(np.asarray(reward)[k]),
            terms=dict(zip(REWARD_TERMS, np.asarray(terms)[k].tolist(), strict=True)),
            max_loading=float(highest[k]),
            overload_min=overload[k],
            voltage_min=voltage[k],
            min_v_pu=float(low[k]),
            max_v_pu=float(high[k]),
            unserved_mwh=unserved[k],
            curtailment_mwh=curtailed[k],
            trips=int(np.asarray(trips)[k]),
            survives=not bool(seen[-1].state.collapsed[k]),
        )
        for k, actions in enumerate(asked)
    ]
