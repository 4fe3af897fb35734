"""Messages inside one event loop, without a broker; under a `VirtualClockLoop` also without waiting.

Order and delivery are exact. Clients that share `Routes` hear each other; `open_broker("in_memory")` is alone with itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from gridpilot.errors import BrokerError
from gridpilot.messages.address import Address
from gridpilot.messages.limits import check_payload
from gridpilot.messages.routes import Routes
from gridpilot.messages.seam import Health
from gridpilot.messages.subjects import check_pattern, check_subject
from gridpilot.messages.subscription import LIMIT, Message, Subscription

MAX_PAYLOAD_BYTES = 16 * 2**20
"""Room for anything that the brokers take."""


class InMemoryBroker:
    """A broker that is a table of subscriptions."""

    def __init__(self, routes: Routes | None = None) -> None:
        self.max_payload_bytes = MAX_PAYLOAD_BYTES
        self._routes = Routes() if routes is None else routes
        self._own: list[Subscription] = []
        self._open = False
        self._known: set[str] = set()

    async def connect(self) -> None:
        self._open = True

    async def publish(self, subject: str, payload: bytes) -> None:
        self._deliver(subject, payload)

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for subject, payload in messages:
            self._deliver(subject, payload)

    def _deliver(self, subject: str, payload: bytes) -> None:
        self._require_open()
        if subject not in self._known:
            self._known.add(check_subject(subject))
        check_payload(payload, self.max_payload_bytes)
        message = Message(subject, payload)
        for subscription in self._routes.of(subject):
            subscription.deliver(message)

    async def subscribe(self, pattern: str, *, limit: int = LIMIT) -> Subscription:
        self._require_open()
        subscription = Subscription(check_pattern(pattern), self._unsubscribe, limit=limit)
        self._routes.add(subscription)
        self._own.append(subscription)
        return subscription

    async def flush(self, timeout_s: float = 5.0) -> None:
        self._require_open()

    async def health(self) -> Health:
        dropped = sum(subscription.dropped for subscription in self._own)
        return Health(self._open, 0, dropped, f"in memory, {len(self._routes)} subscriptions")

    async def close(self) -> None:
        self._open = False
        for subscription in self._own:
            subscription.end()
            self._routes.remove(subscription)
        self._own = []

    async def _unsubscribe(self, subscription: Subscription) -> None:
        self._routes.remove(subscription)

    def _require_open(self) -> None:
        if not self._open:
            raise BrokerError("The broker in memory is not connected: call connect() first, and nothing after close().")


def make(address: Address) -> InMemoryBroker:
    """A broker of its own."""
    return InMemoryBroker()
