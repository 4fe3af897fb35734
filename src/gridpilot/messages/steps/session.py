"""The step protocol for callers that are not asynchronous: a context manager with an event loop of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType

from gridpilot.messages.address import IN_MEMORY, Security
from gridpilot.messages.drivers import open_broker
from gridpilot.messages.faults import Faults, FaultyBroker
from gridpilot.messages.loop import LoopThread
from gridpilot.messages.metrics import MeteredBroker
from gridpilot.messages.seam import Broker
from gridpilot.messages.steps.answers import Answers
from gridpilot.messages.steps.awaited import Watch, unwatched
from gridpilot.messages.steps.question import Answer
from gridpilot.messages.steps.requester import Requester
from gridpilot.messages.steps.responder import Responder
from gridpilot.messages.steps.settings import StepSettings
from gridpilot.messages.wire import Wire


class StepSession:
    """A broker, a requester, and responders in this process where it has some; `with StepSession(…) as session: session.ask(…)`.

    In memory, time is virtual: delays and deadlines cost nothing, and the same seed gives the same faults at the same steps.
    Leaving the block closes everything; no task and no thread is left.
    """

    def __init__(
        self,
        url: str,
        run: str,
        *,
        wire: Wire | None = None,
        settings: StepSettings | None = None,
        faults: Faults | None = None,
        epoch: int | None = None,
        security: Security | None = None,
        watch: Watch = unwatched,
    ) -> None:
        """Connects; `watch` hears who is waited for.

        Raises as `open_broker` and `Broker.connect`, and `ConfigError` for a name of a run that is none.
        """
        self._wire = wire or Wire()
        self._responders: list[Responder] = []
        broker: Broker = open_broker(url, security=security)
        self.traffic = MeteredBroker(broker if faults is None else FaultyBroker(broker, faults))
        """What this process published, counted by kind."""
        self._loop = LoopThread(virtual=url == IN_MEMORY)
        try:
            self._requester = Requester(
                self.traffic, run, wire=self._wire, settings=settings, epoch=epoch, clock=self._loop.clock, watch=watch
            )
            self._loop.run(self._open())
        except BaseException:
            self._loop.run(self.traffic.close())
            self._loop.close()
            raise

    @property
    def counts(self) -> Counter[str]:
        """What happened on the asking side: see `Requester`."""
        return self._requester.counts

    @property
    def requester(self) -> Requester:
        return self._requester

    @property
    def now_s(self) -> float:
        """Seconds since 1970, or virtual ones in memory: the clock of `Question.valid_until`."""
        return self._loop.clock()

    def host(self, host: str, roles: Mapping[str, Answer]) -> Responder:
        """Answer for some roles in this process; raises `ConfigError` for a host or run that cannot be a subject."""
        responder = Responder(self.traffic, self._requester.run, host, roles, wire=self._wire, clock=self._loop.clock)
        self._loop.run(responder.open())
        self._responders.append(responder)
        return responder

    def wait_for(self, roles: Iterable[str], timeout_s: float = 10.0) -> None:
        """Until every role has a host; raises `BrokerError` which names those that have none."""
        self._loop.run(self._requester.wait_for(roles, timeout_s))

    def ask(
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
        """One step: see `Requester.ask`."""
        return self._loop.run(self._requester.ask(episode, step, phase, payloads, reply, deadline_s, wait=wait))

    def close(self) -> None:
        """Close responders, requester, broker and loop, in this order; calling it again does nothing."""
        if self._loop.closed:
            return
        try:
            self._loop.run(self._close())
        finally:
            self._loop.close()

    def __enter__(self) -> StepSession:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    async def _open(self) -> None:
        await self.traffic.connect()
        await self._requester.open()

    async def _close(self) -> None:
        try:
            for responder in self._responders:
                await responder.close()
            await self._requester.close()
        finally:
            await self.traffic.close()
