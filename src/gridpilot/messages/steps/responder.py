"""The answering side of a step: a process that holds one or several roles."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gridpilot.errors import BrokerError, ConfigError, GridpilotError, MessageError
from gridpilot.messages.envelope import MAX_TEXT, Answered, Asked, Call, Envelope, Hello, Reply, Request
from gridpilot.messages.seam import Broker
from gridpilot.messages.steps.grouping import grouped, room_bytes
from gridpilot.messages.steps.question import Answer, Question
from gridpilot.messages.subjects import EVERYONE, HELLO, check_name, request_subject, requests_pattern
from gridpilot.messages.subscription import Message, Subscription
from gridpilot.messages.wire import Wire

PROTEST_S = 1.0
"""Seconds between two hellos to somebody whose signatures are refused."""
TOO_LARGE = "The answer is too large to be sent."


@dataclass
class _Memory:
    """What a role answered in its newest step, by phase."""

    place: tuple[int, int, int] = (0, 0, -1)
    answers: dict[str, Answered] = field(default_factory=dict)


class Responder:
    """Answers for the roles of one host, each request once. Start with `open`, end with `close`; the broker stays its owner's.

    `counts` tells what happened: `answered` (carried out), `repeated` (answered from memory), `stale` (of an older step), `expired` (past
    its `valid_until`), `fenced` (of an older epoch), `foreign` (of a role that is not here), `refused` (messages that did not pass the
    wire's checks) and `unsent` (the broker was down; the requester asks again).
    """

    def __init__(
        self,
        broker: Broker,
        run: str,
        host: str,
        roles: Mapping[str, Answer],
        *,
        wire: Wire | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not roles or host == EVERYONE:
            raise ConfigError(f"A host needs a role, and another name than {EVERYONE!r}; found {host!r} with {sorted(roles)}.")
        self.run, self.host = check_name(run, "run"), check_name(host, "host")
        self.roles = {check_name(role, "role"): answer for role, answer in roles.items()}
        self.counts: Counter[str] = Counter()
        self._protested_s = -PROTEST_S
        self.refused: dict[str, str] = {}
        """By check: the first message that did not pass it, as a sentence."""
        self.fence = 0
        """The newest epoch seen; requests of older ones are refused."""
        self._broker, self._wire, self._clock = broker, wire or Wire(), clock
        self._incarnation = time.time_ns() // 1000
        self._memory = {role: _Memory() for role in roles}
        self._requests: Subscription
        self._calls: Subscription
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen, say hello, and answer from now on in a task of the event loop."""
        self._requests = await self._broker.subscribe(requests_pattern(self.run, self.host))
        self._calls = await self._broker.subscribe(request_subject(self.run, EVERYONE, HELLO))
        await self._publish([self._hello()])
        self._task = asyncio.create_task(self._serve(), name=f"gridpilot responder {self.host}")

    async def finished(self) -> None:
        """Return when the responder was closed; raises what a role's function raised, if it was no `GridpilotError`."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        """Finish the request under way and stop; raises as `finished`."""
        task, self._task = self._task, None
        if task is not None:
            await self._requests.close()
            await self._calls.close()
            await task

    async def _serve(self) -> None:
        calls = asyncio.create_task(self._serve_calls(), name=f"gridpilot calls {self.host}")
        try:
            async for message in self._requests:
                await self.handle(message)
        finally:
            calls.cancel()
            await asyncio.gather(calls, return_exceptions=True)

    async def _serve_calls(self) -> None:
        async for message in self._calls:
            await self.handle(message)

    async def handle(self, message: Message) -> None:
        """Answer one message, whatever it holds: one that cannot be trusted is counted and dropped."""
        try:
            envelope = self._wire.read(*message)
        except MessageError as error:
            self.counts["refused"] += 1
            self.refused.setdefault(error.reason, str(error))
            if error.reason == "mac" and self._clock() - self._protested_s >= PROTEST_S:
                # Who has other keys, or none, refuses this hello too, and so learns why nobody answers.
                self._protested_s = self._clock()
                await self._publish([self._hello()])
            return
        if not isinstance(envelope, Request | Call) or envelope.run != self.run:
            self.counts["refused"] += 1
        elif self._clock() > envelope.valid_until:
            self.counts["expired"] += 1
        elif isinstance(envelope, Call):
            self.fence = max(self.fence, envelope.epoch)
            await self._publish([self._hello()])
        elif envelope.at.epoch < self.fence:
            self.counts["fenced"] += 1
            await self._publish([self._reply(envelope, ())])
        else:
            self.fence = envelope.at.epoch
            await self._answer(envelope)

    async def _answer(self, request: Request) -> None:
        answered = [found for item in request.items if (found := await self._answer_item(request, item)) is not None]
        room = room_bytes(self._wire, self._broker)
        small = [item if len(memoryview(item.payload)) <= room else self._failed(item.role, TOO_LARGE) for item in answered]
        await self._publish([self._reply(request, group) for group in grouped(small, room)])

    async def _answer_item(self, request: Request, item: Asked) -> Answered | None:
        """A role's answer, from memory where the request was carried out before; None for what must not be carried out."""
        memory = self._memory.get(item.role)
        if memory is None:
            self.counts["foreign"] += 1
            return None
        if request.at.place < memory.place:
            self.counts["stale"] += 1
            return None
        if request.at.place > memory.place:
            memory = self._memory[item.role] = _Memory(request.at.place)
        known = memory.answers.get(request.at.phase)
        if known is not None:
            self.counts["repeated"] += 1
            return known
        memory.answers[request.at.phase] = answer = await self._carry_out(request, item)
        self.counts["answered"] += 1
        return answer

    async def _carry_out(self, request: Request, item: Asked) -> Answered:
        question = Question(item.role, request.at, request.valid_until, item.payload, self._wire.codec)
        try:
            value = self.roles[item.role](question)
            if isinstance(value, Awaitable):
                value = await value
            return Answered(item.role, "ok", self._wire.codec.pack(value))
        except GridpilotError as error:
            return self._failed(item.role, str(error))

    def _failed(self, role: str, why: str) -> Answered:
        return Answered(role, "failed", self._wire.codec.pack(None), why[:MAX_TEXT])

    def _reply(self, request: Request, items: tuple[Answered, ...]) -> Reply:
        return Reply(self.run, self.host, request.at, self._incarnation, self.fence, items)

    def _hello(self) -> Hello:
        return Hello(self.run, self.host, self._incarnation, tuple(self.roles))

    async def _publish(self, envelopes: Sequence[Envelope]) -> None:
        try:
            await self._broker.publish_many([self._wire.write(envelope) for envelope in envelopes])
        except BrokerError:
            self.counts["unsent"] += len(envelopes)
