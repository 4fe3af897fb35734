"""`check_broker`: what every message broker's driver promises, for those who write one.

Each promise is a coroutine of a function that makes clients; `PROMISES` has them by name, so that a test can run them one by one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import uuid4

from gridpilot.errors import BrokerError, MessageError
from gridpilot.messages import Broker, Subscription
from gridpilot.messages.subjects import matches

Make = Callable[[], Broker]

PATIENCE_S = 10.0
"""How long a message may take that is certain to come."""
QUIET_S = 0.15
"""How long nothing must come where nothing may."""
LARGE_BYTES = 2**20
MANY = 100
"""Subscriptions of one client."""


def check_broker(make: Make) -> None:
    """Raises `AssertionError` with a sentence where a driver breaks a promise of `gridpilot.messages.Broker`.

    `make` returns a new client, not yet connected, of the same broker each time. Checked on two clients: a subscription is
    active when it returns; order per subject; exact dispatch by pattern; large payloads; a bounded inbox; the end of a
    subscription; `flush`, `health` and refusals; and that `close` leaves no task and no thread.
    """
    for promise in PROMISES.values():
        asyncio.run(promise(make))


async def active_on_return(make: Make) -> None:
    """What is published right after `subscribe` returned is received."""
    async with _Pair(make) as (one, other):
        for turn in range(10):
            subscription = await one.subscribe(f"gp.{_name()}.{turn}.>")
            subject = subscription.pattern.replace(">", "act")
            await other.publish(subject, b"%d" % turn)
            found = await subscription.next(PATIENCE_S)
            assert found == (subject, b"%d" % turn), f"the first message after subscribe() is lost or altered: found {found}"


async def order_per_subject(make: Make) -> None:
    """Messages of a subject arrive in the order of their publication, one by one and in bulk."""
    async with _Pair(make) as (one, other):
        run = _name()
        subscription = await one.subscribe(f"gp.{run}.>")
        for n in range(50):
            await other.publish(f"gp.{run}.{n % 3}.act", b"%d" % n)
        await other.publish_many([(f"gp.{run}.{n % 3}.act", b"%d" % n) for n in range(50, 300)])
        found: dict[str, list[int]] = {}
        for _ in range(300):
            message = await subscription.next(PATIENCE_S)
            found.setdefault(message.subject, []).append(int(message.payload))
        wanted = {f"gp.{run}.{key}.act": list(range(key, 300, 3)) for key in range(3)}
        assert found == wanted, "messages of one subject came out of order, twice or not at all"


async def exact_dispatch(make: Make) -> None:
    """Of many subscriptions each hears what its pattern matches, once, and nothing else."""
    async with _Pair(make) as (one, other):
        run = _name()
        patterns = [f"gp.{run}.h{n}.{tail}" for n in range(MANY // 4) for tail in ("act", "*", ">", "*.reply")]
        heard = [await one.subscribe(pattern) for pattern in patterns]
        subjects = [f"gp.{run}.h{n}.{tail}" for n in range(MANY // 4) for tail in ("act", "observe", "act.reply", "act.reply.late")]
        await other.publish_many([(subject, subject.encode()) for subject in (*subjects, f"gp.{run}.h1", f"gp.{run}.h10x.act")])
        for subscription in heard:
            wanted = sorted(subject for subject in subjects if matches(subscription.pattern, subject))
            found = sorted([(await subscription.next(PATIENCE_S)).subject for _ in wanted])
            assert found == wanted, f"{subscription.pattern!r} heard {found}, expected {wanted}"
        await asyncio.sleep(QUIET_S)
        extra = [(subscription.pattern, message.subject) for subscription in heard for message in subscription.take()]
        assert not extra, f"messages came twice, or where no pattern matches: {extra[:3]}"


async def large_payloads(make: Make) -> None:
    """A payload of 1 MiB, or of the broker's limit where that is less, arrives whole; one byte above the limit is refused."""
    async with _Pair(make) as (one, other):
        subject = f"gp.{_name()}.mg1.act"
        subscription = await one.subscribe(subject)
        payload = bytes(range(256)) * (min(LARGE_BYTES, other.max_payload_bytes) // 256)
        await other.publish(subject, payload)
        await other.publish(subject, b"")
        assert (await subscription.next(PATIENCE_S)).payload == payload, f"a payload of {len(payload)} bytes came altered"
        assert (await subscription.next(PATIENCE_S)).payload == b"", "an empty payload must arrive empty"
        try:
            await other.publish(subject, bytes(other.max_payload_bytes + 1))
        except MessageError:
            return
        raise AssertionError("publish() must raise MessageError for a payload above max_payload_bytes")


async def bounded_inbox(make: Make) -> None:
    """A slow consumer loses the oldest messages, and they are counted; others lose none."""
    async with _Pair(make) as (one, other):
        subject = f"gp.{_name()}.mg1.act"
        slow, quick = await one.subscribe(subject, limit=10), await one.subscribe(subject)
        await other.publish_many([(subject, b"%d" % n) for n in range(200)])
        for n in range(200):
            assert (await quick.next(PATIENCE_S)).payload == b"%d" % n, "a slow consumer must cost the others nothing"
        await asyncio.sleep(QUIET_S)
        kept = [int(message.payload) for message in slow.take()]
        assert kept == list(range(190, 200)), f"a full inbox keeps the newest; found {kept}"
        assert slow.dropped == 190 == (await one.health()).dropped, f"190 messages were dropped, counted {slow.dropped}"


async def ended_subscription(make: Make) -> None:
    """After `close` a subscription hears nothing, iteration over it ends, and another to the same pattern goes on."""
    async with _Pair(make) as (one, other):
        subject = f"gp.{_name()}.mg1.act"
        first, second = await one.subscribe(subject), await one.subscribe(subject)
        await first.close()
        await other.publish(subject, b"after")
        assert (await second.next(PATIENCE_S)).payload == b"after", "ending one subscription ended another to the same pattern"
        assert [message async for message in first] == [], "a closed subscription must hear nothing and end its iteration"


async def flush_and_health(make: Make) -> None:
    """`flush` returns while the broker is up, and raises after `close`, as `publish` does; `health` says which."""
    broker = make()
    assert not (await broker.health()).connected, "health() must not claim a connection before connect()"
    await broker.connect()
    await broker.publish(f"gp.{_name()}.mg1.act", b"")
    await broker.flush(PATIENCE_S)
    assert (await broker.health()).connected, "health() must tell that the broker is connected"
    await broker.close()
    await broker.close()
    assert not (await broker.health()).connected, "health() must not claim a connection after close()"
    for call in (lambda: broker.publish("gp.run.mg1.act", b""), lambda: broker.flush(1.0), lambda: broker.subscribe("gp.run.>")):
        await _refused(call)


async def nothing_left(make: Make) -> None:
    """`close` ends iterations over subscriptions, and leaves no task and no thread."""
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    broker = make()
    await broker.connect()
    subscription = await broker.subscribe(f"gp.{_name()}.>")
    reading = asyncio.create_task(_read(subscription))
    await asyncio.sleep(0)
    await broker.close()
    assert await asyncio.wait_for(reading, PATIENCE_S) == 0, "close() must end an iteration"
    await asyncio.sleep(0.05)
    left = [task.get_name() for task in asyncio.all_tasks() - tasks] + [thread.name for thread in set(threading.enumerate()) - threads]
    assert not left, f"close() leaves running: {', '.join(left)}"


PROMISES: dict[str, Callable[[Make], Coroutine[Any, Any, None]]] = {
    promise.__name__: promise
    for promise in (
        active_on_return, order_per_subject, exact_dispatch, large_payloads, bounded_inbox, ended_subscription, flush_and_health,
        nothing_left,
    )
}  # fmt: skip


class _Pair:
    """Two connected clients, which are closed at the end."""

    def __init__(self, make: Make) -> None:
        self._pair = make(), make()

    async def __aenter__(self) -> tuple[Broker, Broker]:
        for broker in self._pair:
            await broker.connect()
        return self._pair

    async def __aexit__(self, *_: object) -> None:
        for broker in self._pair:
            await broker.close()


async def _refused(call: Callable[[], Awaitable[object]]) -> None:
    try:
        await call()
    except BrokerError:
        return
    raise AssertionError("publish(), flush() and subscribe() must raise BrokerError on a client that is closed")


async def _read(subscription: Subscription) -> int:
    return len([message async for message in subscription])


def _name() -> str:
    return f"check-{uuid4().hex[:12]}"
