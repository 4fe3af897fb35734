"""A process that holds grid agents: it listens on a broker until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from gridpilot.agents.grid.agent import GridAgent
from gridpilot.agents.grid.changes import Changes
from gridpilot.agents.grid.narration import Narration
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

    `changes` are parameters of devices, `DEVICE.parameter` → value, in the place of those that the environment tells; each
    goes to the role that has the device. Raises what `open_broker` and `Broker.connect` raise, and `BrokerError` where the
    connection ends for good.
    """
    own = Changes(changes, roles)
    agents = {role: GridAgent(role, own) for role in roles}
    narration = Narration(tell)
    broker = open_broker(url, security=security)
    await broker.connect()
    try:
        host = "-".join(roles)[:_LONGEST]
        responder = Responder(broker, run, host, {role: narration.of(agent.answer) for role, agent in agents.items()}, wire=wire)
        await responder.open()
        try:
            ready(responder)
            watching = asyncio.create_task(narration.watch(responder))
            try:
                await responder.finished()
            finally:
                watching.cancel()
        finally:
            await responder.close()
    finally:
        await broker.close()


_LONGEST = 64
"""Characters of a host's name."""
