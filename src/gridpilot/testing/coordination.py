"""`check_vertical` and `check_horizontal`: what every coordination protocol promises, for those who write one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator

from gridpilot.agents.coordination.horizontal import HorizontalProtocol, make_horizontal
from gridpilot.agents.coordination.offers import Offer, make_offer
from gridpilot.agents.coordination.vertical import VerticalProtocol, coordinate, make_vertical
from gridpilot.errors import ActionError
from gridpilot.testing.compare import difference
from gridpilot.values import Floats

BATCH = 6
DEVICES = 9
LARGEST = 4.0
"""What grid agents say is drawn between 0 and this."""


def check_vertical(protocol: VerticalProtocol | str) -> None:
    """Moves drawn devices by drawn actions, and raises `AssertionError` at the first promise that is broken.

    Setpoints are inside the limits, for actions beyond −1 … 1 and for devices that must not move too; a batch is bit for bit
    the loop over its elements, and a device that answers alone gives the same bits; the same is said twice; arguments stay
    as they were; no setpoint falls as the action rises; an action of another shape, or with a NaN, raises `ActionError`.
    """
    made = make_vertical(protocol) if isinstance(protocol, str) else protocol
    random = np.random.default_rng(11)
    offer, own = _offer(random), random.normal(0.0, 5.0, (BATCH, DEVICES))
    entries = made.entries(DEVICES)
    for action in (random.uniform(-1.5, 1.5, (BATCH, entries)), *(np.full((BATCH, entries), end) for end in (-1.0, 0.0, 1.0))):
        _check_setpoints(made, action, offer, own)
    _check_monotone(made, random, offer, own)
    for wrong in (np.zeros((BATCH, entries + 1)), np.full((BATCH, entries), np.nan)):
        if wrong.size:
            _check_refused(partial(coordinate, made, wrong, offer, own), f"{made.name}: the action {wrong[0].tolist()}")


def check_horizontal(protocol: HorizontalProtocol | str, *, agents: int = 5) -> None:
    """Lets drawn grid agents deal with each other, and raises `AssertionError` at the first promise that is broken.

    Shapes are those that `says` and `hears` name, all finite; a batch is bit for bit the loop over its elements; the same
    comes of the same twice; what was said stays as it was; messages are rounds times those of one round; another shape, or a
    NaN, raises `ActionError`.
    """
    made = make_horizontal(protocol) if isinstance(protocol, str) else protocol
    said = np.random.default_rng(12).uniform(0.0, LARGEST, (BATCH, agents, len(made.says)))
    before, agreed = said.copy(), made.exchange(said)
    assert not difference(before, said), f"{made.name}: exchange changes what was said; return new arrays"
    expected = {"heard": (BATCH, agents, len(made.hears)), "rounds": (BATCH,), "messages": (BATCH,)}
    found = {field: getattr(agreed, field).shape for field in expected}
    assert found == expected, f"{made.name}: expected the shapes {expected}, found {found}"
    assert np.isfinite(agreed.heard).all(), f"{made.name}: somebody hears a number that is not finite"
    counted = agreed.rounds * made.messages_per_round(agents)
    assert (agreed.messages == counted).all(), f"{made.name}: counts {agreed.messages.tolist()} messages, expected {counted.tolist()}"
    again = difference(tuple(agreed), tuple(made.exchange(said)))
    assert not again, f"{made.name}: another result for the same words: {again}"
    for b in range(BATCH):
        alone = made.exchange(said[b : b + 1].copy())
        place = difference(tuple(part[b : b + 1] for part in agreed), tuple(alone))
        assert not place, f"{made.name}: element {b} alone has another result than in a batch: {place}"
    _check_refused(lambda: made.exchange(np.zeros((BATCH, agents, len(made.says) + 1))), f"{made.name}: a column too many")
    if said.size:
        _check_refused(lambda: made.exchange(np.where(said == said[0, 0, 0], np.nan, said)), f"{made.name}: a NaN")


def _offer(random: Generator) -> Offer:
    """Devices with steep, flat and no costs; some that must give, some that must take, some that cannot move."""
    shape = (BATCH, DEVICES)
    low = random.uniform(-10.0, 5.0, shape)
    high = low + random.uniform(0.0, 12.0, shape) * (np.arange(DEVICES) != 0)
    threshold = random.uniform(-20.0, 100.0, shape)
    return make_offer(
        low,
        high,
        rest_mw=random.choice([0.0, 1.0], shape),
        buy_below_usd_per_mwh=np.where(random.uniform(size=shape) < 0.3, -np.inf, threshold),
        sell_above_usd_per_mwh=threshold + random.choice([0.0, 30.0, np.inf], shape),
        slope_usd_per_mw2h=random.choice([0.0, 1e-300, 0.7, 40.0], shape),
    )


def _check_setpoints(protocol: VerticalProtocol, action: Floats, offer: Offer, own: Floats) -> None:
    given = (action.copy(), Offer(*(part.copy() for part in offer)), own.copy())
    setpoints = coordinate(protocol, action, offer, own)
    changed = difference(tuple(given), (action, offer, own))
    assert not changed, f"{protocol.name}: changes what it was given: argument {changed}"
    assert setpoints.shape == own.shape, f"{protocol.name}: expected setpoints {own.shape}, found {setpoints.shape}"
    inside = (setpoints >= offer.low_mw) & (setpoints <= offer.high_mw)
    assert inside.all(), f"{protocol.name}: setpoints outside the limits of devices {np.flatnonzero(~inside.all(axis=0)).tolist()}"
    again = difference(setpoints, coordinate(protocol, action, offer, own))
    assert not again, f"{protocol.name}: another setpoint for the same action"
    for b in range(BATCH):
        one = slice(b, b + 1)
        alone = coordinate(protocol, action[one].copy(), Offer(*(part[one].copy() for part in offer)), own[one].copy())
        assert not difference(setpoints[one], alone), f"{protocol.name}: element {b} alone has other setpoints than in a batch"
    told = protocol.tell(action, offer)
    for k in range(DEVICES):
        one = slice(k, k + 1)
        answer = protocol.answer(told[:, one].copy(), Offer(*(part[:, one].copy() for part in offer)), own[:, one].copy())
        assert not difference(setpoints[:, one].copy(), answer), f"{protocol.name}: device {k} alone answers otherwise than among others"


def _check_monotone(protocol: VerticalProtocol, random: Generator, offer: Offer, own: Floats) -> None:
    """All entries rise together, in steps small and large."""
    levels = np.sort(np.concatenate([random.uniform(-1.0, 1.0, 200), np.nextafter(0.0, [-1.0, 1.0]), [-1.0, 1.0, 1.2]]))
    last = np.full(own.shape, -np.inf)
    for level in levels:
        setpoints = coordinate(protocol, np.full((BATCH, protocol.entries(DEVICES)), level), offer, own)
        assert (setpoints >= last).all(), f"{protocol.name}: a setpoint falls as the action rises to {level:g}"
        last = setpoints


def _check_refused(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except ActionError:
        return
    raise AssertionError(f"{what} must raise ActionError")
