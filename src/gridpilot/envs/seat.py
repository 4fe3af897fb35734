"""A seat at the controls of a batch: what a learner hands in, and what it gets back, in memory that kernels share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.envs.actions import VectorOrders, decode
from gridpilot.envs.ground import Ground
from gridpilot.envs.lens import Lens
from gridpilot.envs.observation import Observation, Scale, look
from gridpilot.frame import Frame, frame_at
from gridpilot.jit import Resident, borrowed, kernel
from gridpilot.twin.memory import Memory
from gridpilot.values import REWARD_TERMS, Bools, Floats, Ints


class Seat(NamedTuple):
    """Arrays that the learner's side of a step reads and writes."""

    orders: VectorOrders
    lens: int
    """Address of the frame of a `Lens`."""
    scale: Scale
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
    ordered: Floats
    """Views of the memory from here on."""
    closed: Bools
    collapsed: Bools
    step: Ints
    row: Ints
    booked_reward: Floats
    booked_terms: Floats


_lens_at = frame_at(Lens)


def take_seat(ground: Ground, memory: Memory, lens: Frame[Lens]) -> Seat:
    """A seat at the grids of a memory, which are seen through this lens: whoever takes the seat keeps it."""
    batch, view = memory.batch, memory.blocks.view
    return Seat(
        orders=ground.orders,
        lens=lens.address,
        scale=ground.observer.scale(lens.value),
        steps=ground.steps,
        vector=np.zeros((batch, len(ground.orders.low))),
        reward=np.zeros(batch),
        terms=np.zeros((batch, len(REWARD_TERMS))),
        terminated=np.zeros(batch, dtype=np.bool_),
        truncated=np.zeros(batch, dtype=np.bool_),
        ordered=view("orders"),
        closed=view("closed"),
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
    lens, over = _lens_at(seat.lens), False
    for b in range(first, end):
        fell = seat.collapsed[b]
        left = seat.steps - seat.step[b]
        times = 1.0 + max(left, 0) if fell else 1.0
        for k in range(seat.terms.shape[1]):
            seat.terms[b, k] = seat.booked_terms[b, k] * times
        seat.reward[b] = seat.booked_reward[b] * times
        seat.terminated[b], seat.truncated[b] = fell, left <= 0 and not fell
        over = over or fell or left <= 0
        look(lens, seat.scale, b, seat.row[b], shown)
    return over


@kernel
def show(held: Resident[Seat], elements: Ints, shown: Observation) -> None:
    """Observations of some elements, in their rows of `shown` `[B, k]`."""
    seat = borrowed(held)
    lens = _lens_at(seat.lens)
    for k in range(len(elements)):
        look(lens, seat.scale, elements[k], seat.row[elements[k]], shown)
