"""A seat at the controls of a batch: what a learner hands in, and what it gets back, in memory that kernels share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.envs.actions import VectorOrders, decode
from gridpilot.envs.ground import Ground
from gridpilot.envs.observation import Lens, Observation, normalise, read_entries
from gridpilot.jit import Resident, borrowed, kernel
from gridpilot.twin.memory import Memory
from gridpilot.values import REWARD_TERMS, Bools, Floats, Ints


class Seat(NamedTuple):
    """Arrays that the learner's side of a step reads and writes."""

    orders: VectorOrders
    lens: Lens
    steps: int
    """Cycles of an episode."""
    vector: Floats
    """Action vectors `[B, d]`."""
    reward: Floats
    terms: Floats
    """Reward terms, unweighted `[B, 7]`; with what a collapse costs until the end of the day."""
    terminated: Bools
    """The grid went down `[B]`."""
    truncated: Bools
    """The episode is over, and the grid stands `[B]`."""
    raw: Floats
    """Scratch: one observation in its own units `[k]`."""
    numbers: Floats
    flags: Bools
    """Blocks of the memory, and views of it from here on."""
    ordered: Floats
    closed: Bools
    bus_active: Bools
    collapsed: Bools
    step: Ints
    row: Ints
    booked_reward: Floats
    booked_terms: Floats


def take_seat(ground: Ground, memory: Memory) -> Seat:
    """A seat at the grids of a memory."""
    batch, view = memory.batch, memory.blocks.view
    lens = ground.observer.lens(batch)
    return Seat(
        orders=ground.orders,
        lens=lens,
        steps=ground.steps,
        vector=np.zeros((batch, len(ground.orders.low))),
        reward=np.zeros(batch),
        terms=np.zeros((batch, len(REWARD_TERMS))),
        terminated=np.zeros(batch, dtype=np.bool_),
        truncated=np.zeros(batch, dtype=np.bool_),
        raw=np.zeros(len(lens.low)),
        numbers=memory.blocks.arrays[0],
        flags=memory.blocks.arrays[1],
        ordered=view("orders"),
        closed=view("closed"),
        bus_active=view("bus_active"),
        collapsed=view("collapsed"),
        step=view("step"),
        row=view("row"),
        booked_reward=view("reward"),
        booked_terms=view("terms"),
    )


@kernel
def hand_in(held: Resident[Seat]) -> bool:
    """The vectors become the orders of all elements; says whether all are numbers, else nothing is ordered."""
    seat = borrowed(held)
    return decode(seat.orders, seat.vector, seat.ordered, seat.closed)


@kernel
def hand_out(held: Resident[Seat], shown: Observation, first: int, end: int) -> bool:
    """Endings, rewards and observations `[B, k]` of elements `first` … `end` − 1; says whether any episode is over.

    A grid that went down stays down: the terms of the step in which it fell are booked for the rest of the episode
    at once, so that ending an episode early is never cheaper than standing it through.
    """
    seat = borrowed(held)
    over = False
    for b in range(first, end):
        fell = seat.collapsed[b]
        left = seat.steps - seat.step[b]
        times = 1.0 + max(left, 0) if fell else 1.0
        for k in range(seat.terms.shape[1]):
            seat.terms[b, k] = seat.booked_terms[b, k] * times
        seat.reward[b] = seat.booked_reward[b] * times
        seat.terminated[b], seat.truncated[b] = fell, left <= 0 and not fell
        over = over or fell or left <= 0
        read_entries(seat.lens, seat.numbers, seat.flags, seat.bus_active, seat.step, seat.row, b, seat.raw)
        normalise(seat.lens, seat.raw, shown, b)
    return over
