"""Items in messages that are neither too many nor too large."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from gridpilot.messages.envelope import MAX_ITEMS, Answered, Asked
from gridpilot.messages.seam import Broker
from gridpilot.messages.wire import Wire

Item = TypeVar("Item", Asked, Answered)

FRAME_BYTES = 512
"""More than an envelope without items and its signature take."""
ITEM_BYTES = 128
"""More than the names around a payload take."""


def room_bytes(wire: Wire, broker: Broker) -> int:
    """Bytes of items in one message."""
    return min(wire.max_frame_bytes, broker.max_payload_bytes) - FRAME_BYTES


def grouped(items: Iterable[Item], room: int, *, alone: bool = False) -> Iterator[tuple[Item, ...]]:
    """Items in their order, as many in one message as fit; each `alone` where that is asked for."""
    group: list[Item] = []
    size = 0
    for item in items:
        more = ITEM_BYTES + len(memoryview(item.payload)) + 4 * len(getattr(item, "why", ""))
        if group and (alone or size + more > room or len(group) == MAX_ITEMS):
            yield tuple(group)
            group, size = [], 0
        group.append(item)
        size += more
    if group:
        yield tuple(group)
