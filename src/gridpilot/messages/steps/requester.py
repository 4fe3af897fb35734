"""The asking side of a step: an environment, or whoever coordinates."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Raw

from gridpilot.errors import BrokerError, ConfigError, MessageError
from gridpilot.messages.envelope import Answered, Asked, Call, Envelope, Hello, Reply, Request, StepId
from gridpilot.messages.seam import Broker
from gridpilot.messages.steps.answers import Answers, Received
from gridpilot.messages.steps.awaited import Awaited, Watch, refusals, unwatched
from gridpilot.messages.steps.grouping import grouped, room_bytes
from gridpilot.messages.steps.settings import FREE_RUNNING, LOCKSTEP, StepSettings
from gridpilot.messages.subjects import HELLO, check_name, replies_pattern
from gridpilot.messages.subscription import Message, Subscription
from gridpilot.messages.wire import Wire


@dataclass
class _Round:
    """A request that is under way."""

    at: StepId
    valid_until: float
    kind: type
    waiting: dict[str, Raw]
    """Payloads of the roles that have not answered."""
    replies: dict[str, Received] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Requester:
    """Asks the roles of a run, step by step. Start with `open` and `wait_for`, end with `close`; the broker stays its owner's.

    `counts` tells what happened: `requests` and `replies` (per role), `resent`, `missed`, `late`, `duplicate`, `refused` (messages that did
    not pass the wire's checks) and `unsent` (the broker was down).
    """

    def __init__(
        self,
        broker: Broker,
        run: str,
        *,
        wire: Wire | None = None,
        settings: StepSettings | None = None,
        epoch: int | None = None,
        clock: Callable[[], float] = time.time,
        watch: Watch = unwatched,
    ) -> None:
        """`epoch` must be above that of whoever had the run before; left out, it is the clock's seconds.

        `watch` hears who is waited for.
        """
        self.run = check_name(run, "run")
        self.epoch = int(clock()) if epoch is None else epoch
        self.settings = settings or StepSettings()
        self.counts: Counter[str] = Counter()
        self.hosts: dict[str, str] = {}
        """Who holds a role."""
        self.incarnations: dict[str, int] = {}
        """By host: a number that grows when its process is started again."""
        self.refused: dict[str, str] = {}
        """By check: the first message that did not pass it, as a sentence."""
        self._broker, self._wire, self._clock, self._watch = broker, wire or Wire(), clock, watch
        self._shown = False
        """Whether somebody was told to be missing."""
        self._heard: Subscription
        self._newest: dict[tuple[str, str], Received] = {}
        """By role and phase."""
        self._kinds: dict[str, type] = {}
        """By phase the type of its answers."""
        self._asked: tuple[tuple[int, int, int], frozenset[str]] = ((0, 0, -1), frozenset())

    async def open(self) -> None:
        """Listen to the run's hosts."""
        self._heard = await self._broker.subscribe(replies_pattern(self.run))

    async def close(self) -> None:
        await self._heard.close()

    async def wait_for(self, roles: Iterable[str], timeout_s: float = 10.0) -> None:
        """Until every role has a host; raises `BrokerError` which names those that have none."""
        wanted = set(roles)
        again = _now()
        give_up = again + timeout_s
        while wanted - self.hosts.keys():
            if _now() >= give_up:
                missing = ", ".join(sorted(wanted - self.hosts.keys()))
                sentence = f"Nobody in run {self.run!r} holds {missing} after {timeout_s:g} s. Start their agents on the same broker."
                raise BrokerError(sentence + self.refusals)
            if _now() >= again:
                await self._publish([self._call(timeout_s)])
                again = _now() + self.settings.resend_s
            self._show(HELLO, wanted - self.hosts.keys(), wanted & self.hosts.keys())
            self._take_all(await self._heard.batch(again - _now()), None)
        self._show(HELLO, (), wanted)

    @property
    def refusals(self) -> str:
        """How many messages were refused, and why, as something to add to an error; empty where none were."""
        return refusals(self.counts["refused"], tuple(self.refused.values()))

    async def ask(
        self,
        episode: int,
        step: int,
        phase: str,
        payloads: Mapping[str, object],
        reply: type = bytes,
        deadline_s: float | None = None,
        *,
        wait: bool = False,
    ) -> Answers:
        """Ask every role that has a payload, and wait as the mode says; `reply` is the type of the answers.

        `deadline_s` takes the place of the settings', where a question takes longer than others. In mode `free_running`, `wait` asks for
        the answers to this very question.

        Raises `BrokerError` in mode `lockstep` where a role does not answer until the deadline, `MessageError` with the reason
        `fenced` where a newer epoch has taken the run over, and `ConfigError` for a step that was asked before.
        """
        at = StepId(self.epoch, episode, step, phase)
        self._check_new(at)
        began_s = _now()
        packed = {role: self._wire.codec.pack(payload) for role, payload in payloads.items()}
        patience_s = self.settings.deadline_s if deadline_s is None else deadline_s
        current = _Round(at, self._clock() + patience_s, reply, packed)
        self.counts["requests"] += len(packed)
        self._kinds[phase] = reply
        await self._send(current)
        goes_on = self.settings.mode == FREE_RUNNING and not wait
        if goes_on:
            await asyncio.sleep(self.settings.pace_s)
            self._take_all(self._heard.take(), current)
        else:
            await self._collect(current, began_s, patience_s)
        return self._finished(current, tuple(payloads), began_s, self._newest_of(at) if goes_on else current.replies)

    def _check_new(self, at: StepId) -> None:
        place, phases = self._asked
        if at.place < place or (at.place == place and at.phase in phases):
            raise ConfigError(f"{at} was asked already, or is before {place}. Each step is asked once per phase, in order.")
        self._asked = at.place, frozenset({at.phase}) | (phases if at.place == place else frozenset())

    async def _collect(self, current: _Round, began_s: float, patience_s: float) -> None:
        """Take replies until all are there or the time is over, and ask again in between."""
        give_up = began_s + patience_s
        pause_s = self.settings.resend_s
        again = began_s + pause_s
        while current.waiting and (now := _now()) < give_up:
            self._take_all(await self._heard.batch(min(again, give_up) - now), current)
            if current.waiting and again <= _now() < give_up:
                self.counts["resent"] += len(current.waiting)
                self._show(current.at.phase, current.waiting, current.replies)
                await self._send(current)
                pause_s *= 2.0
                again = _now() + pause_s

    def _newest_of(self, at: StepId) -> dict[str, Received]:
        """The newest answers to a phase in the same episode."""
        mine = {role: received for (role, phase), received in self._newest.items() if phase == at.phase}
        return {role: received for role, received in mine.items() if received.at.place[:2] == at.place[:2]}

    def _finished(self, current: _Round, order: tuple[str, ...], began_s: float, replies: Mapping[str, Received]) -> Answers:
        missed = tuple(role for role in order if role not in replies and role not in current.failed)
        if self._shown:
            self._show(current.at.phase, (), replies)
        self.counts["missed"] += len(missed)
        if missed and self.settings.mode == LOCKSTEP:
            asked = f"{current.at.phase!r} of step {current.at.step} within {_now() - began_s:.3g} s"
            raise BrokerError(
                f"{', '.join(missed)} did not answer {asked}. Look whether their processes run, or raise deadline_s.{self.refusals}"
            )
        in_order = {role: replies[role] for role in order if role in replies}
        return Answers(current.at, in_order, current.failed, missed, _now() - began_s)

    def _show(self, phase: str, missing: Iterable[str], here: Iterable[str]) -> None:
        awaited = Awaited(phase, tuple(sorted(missing)), tuple(sorted(here)), tuple(self.refused.values()))
        self._shown = bool(awaited.missing)
        self._watch(awaited)

    # ---------------------------------------------------------------------------------------------- sending

    async def _send(self, current: _Round) -> None:
        """Requests to all roles that have not answered; a role without a host is called for."""
        by_host: dict[str, list[Asked]] = {}
        for role, payload in current.waiting.items():
            by_host.setdefault(self.hosts.get(role, ""), []).append(Asked(role, payload))
        envelopes: list[Envelope] = [self._call(self.settings.deadline_s)] if by_host.pop("", None) else []
        room, alone = room_bytes(self._wire, self._broker), not self.settings.batch_per_host
        for host, items in by_host.items():
            for group in grouped(items, room, alone=alone):
                envelopes.append(Request(self.run, host, current.at, current.valid_until, group))
        await self._publish(envelopes)

    def _call(self, valid_s: float) -> Call:
        return Call(self.run, self.epoch, self._clock() + valid_s)

    async def _publish(self, envelopes: list[Envelope]) -> None:
        """A broker which is down is no error yet: it may be back before the deadline."""
        try:
            await self._broker.publish_many([self._wire.write(envelope) for envelope in envelopes])
        except BrokerError:
            self.counts["unsent"] += len(envelopes)

    # -------------------------------------------------------------------------------------------- receiving

    def _take_all(self, messages: list[Message], current: _Round | None) -> None:
        for message in messages:
            self._take(message, current)

    def _take(self, message: Message, current: _Round | None) -> None:
        try:
            envelope = self._wire.read(*message)
        except MessageError as error:
            self.counts["refused"] += 1
            self.refused.setdefault(error.reason, str(error))
            return
        if isinstance(envelope, Hello):
            self._meet(envelope)
        elif isinstance(envelope, Reply):
            self._hear(envelope, current)

    def _meet(self, hello: Hello) -> None:
        """The newest process that claims a role has it."""
        if hello.incarnation < max((self.incarnations.get(self.hosts.get(role, ""), 0) for role in hello.roles), default=0):
            self.counts["late"] += 1
            return
        self.incarnations[hello.host] = hello.incarnation
        self.hosts.update(dict.fromkeys(hello.roles, hello.host))

    def _hear(self, reply: Reply, current: _Round | None) -> None:
        if reply.fence > self.epoch:
            raise MessageError("fenced", f"Run {self.run!r} was taken over by epoch {reply.fence}; this is epoch {self.epoch}. Stop here.")
        for item in reply.items:
            stale = self.hosts.get(item.role) != reply.host or reply.incarnation != self.incarnations[reply.host]
            if stale:
                self.counts["late"] += 1
            else:
                self._hear_item(reply.at, item, current)

    def _hear_item(self, at: StepId, item: Answered, current: _Round | None) -> None:
        newest = self._newest.get((item.role, at.phase))
        answers_now = current is not None and at == current.at
        if current is not None and answers_now and item.role in current.waiting:
            del current.waiting[item.role]
            self._keep(at, item, current)
        elif answers_now or (newest is not None and at == newest.at):
            self.counts["duplicate"] += 1
        elif current is not None and self.settings.mode == FREE_RUNNING and (newest is None or at > newest.at):
            self._keep(at, item, current)
        else:
            self.counts["late"] += 1

    def _keep(self, at: StepId, item: Answered, current: _Round) -> None:
        self.counts["replies"] += 1
        if item.status == "failed":
            current.failed[item.role] = item.why
            return
        kind = current.kind if at == current.at else self._kinds.get(at.phase, current.kind)
        try:
            value: Any = self._wire.codec.unpack(item.payload, kind)
        except MessageError as error:
            current.failed[item.role] = str(error)
            return
        received = self._newest[item.role, at.phase] = Received(at, value)
        if at == current.at:
            current.replies[item.role] = received


def _now() -> float:
    """The event loop's seconds, which are virtual ones under a `VirtualClockLoop`."""
    return asyncio.get_running_loop().time()
