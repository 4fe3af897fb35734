"""A process that holds grid agents: it listens on a broker until it is told to stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gridpilot.agents.grid.agent import GridAgent
from gridpilot.agents.grid.changes import Changes
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
) -> None:
    """Answer for these roles of a run until cancelled; `ready` is called once the broker has the subscriptions.

    `changes` are parameters of devices, `DEVICE.parameter` → value, in the place of those that the environment tells; each
    goes to the role that has the device. Raises what `open_broker` and `Broker.connect` raise, and `BrokerError` where the
    connection ends for good.
    """
    own = Changes(changes, roles)
    agents = {role: GridAgent(role, own) for role in roles}
    broker = open_broker(url, security=security)
    await broker.connect()
    try:
        host = "-".join(roles)[:_LONGEST]
        responder = Responder(broker, run, host, {role: agent.answer for role, agent in agents.items()}, wire=wire)
        await responder.open()
        try:
            ready(responder)
            await responder.finished()
        finally:
            await responder.close()
    finally:
        await broker.close()


_LONGEST = 64
"""Characters of a host's name."""
