"""Which subscriptions a subject belongs to, for drivers whose broker does not say."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

from gridpilot.messages.subjects import matches
from gridpilot.messages.subscription import Subscription

REMEMBERED = 4096
"""Subjects whose subscriptions are remembered; enough for a run of a thousand hosts."""


class Routes:
    """Subscriptions by pattern; may be read by one thread while another subscribes."""

    def __init__(self) -> None:
        self._all: tuple[Subscription, ...] = ()
        self._found: dict[str, tuple[Subscription, ...]] = {}
        self._lock = Lock()

    def add(self, subscription: Subscription) -> None:
        with self._lock:
            self._all = (*self._all, subscription)
            self._found = {}

    def remove(self, subscription: Subscription) -> None:
        with self._lock:
            self._all = tuple(other for other in self._all if other is not subscription)
            self._found = {}

    def of(self, subject: str) -> tuple[Subscription, ...]:
        """The subscriptions whose pattern matches a subject, in the order in which they were made."""
        found = self._found.get(subject)
        return self._search(subject) if found is None else found

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def dropped(self) -> int:
        """Messages that slow consumers lost."""
        return sum(subscription.dropped for subscription in self._all)

    def end(self) -> None:
        """End every subscription."""
        for subscription in self._all:
            subscription.end()
        self._all, self._found = (), {}

    def _search(self, subject: str) -> tuple[Subscription, ...]:
        with self._lock:
            found = tuple(subscription for subscription in self._all if matches(subscription.pattern, subject))
            if len(self._found) >= REMEMBERED:
                self._found = {}
            self._found[subject] = found
        return found
