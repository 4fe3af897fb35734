"""A process that holds grid agents: it listens on a broker until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from gridpilot.agents.grid.agent import GridAgent
from gridpilot.agents.grid.changes import Changes
from gridpilot.agents.grid.narration import Narration
from gridpilot.agents.grid.watch import Watch
from gridpilot.messages.address import Security
from gridpilot.messages.drivers import open_broker
from gridpilot.messages.steps import Responder
from gridpilot.messages.wire import Wire


async def serve(
    url: str,
    run: str,
    roles: Sequence[str],
    *,
    changes: Mapping[str, float] | None = None,
    wire: Wire | None = None,
    security: Security | None = None,
    ready: Callable[[Responder], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Answer for these roles of a run until cancelled; `ready` is called once the broker has the subscriptions, `tell` with sentences of
    what happens then: environments that join or leave, answers that fail, messages that are refused.

    Devices whose environment is not heard any more hold and then leave the grid (see `gridpilot.agents.grid.watch`); `tell` hears
    a sentence when that begins, and when it is over.

    `changes` are parameters of devices, `DEVICE.parameter` → value, in the place of those that the environment tells; each
    goes to the role that has the device. Raises what `open_broker` and `Broker.connect` raise, and `BrokerError` where the
    connection ends for good.
    """
    own = Changes(changes, roles)
    agents = {role: GridAgent(role, own, Watch(role, tell)) for role in roles}
    narration = Narration(tell)
    broker = open_broker(url, security=security)
    await broker.connect()
    try:
        host = "-".join(roles)[:_LONGEST]
        responder = Responder(broker, run, host, {role: narration.of(agent.answer) for role, agent in agents.items()}, wire=wire)
        await responder.open()
        watching = [
            asyncio.create_task(_watch([agent.watch for agent in agents.values()]), name="gridpilot watch"),
            asyncio.create_task(narration.watch(responder), name="gridpilot narration"),
        ]
        try:
            ready(responder)
            await responder.finished()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await responder.close()
    finally:
        await broker.close()


async def _watch(watches: Sequence[Watch]) -> None:
    """Look at the clock whenever something may be due, whatever becomes of the broker."""
    while True:
        await asyncio.sleep(min(watch.check() for watch in watches))


_LONGEST = 64
"""Characters of a host's name."""
