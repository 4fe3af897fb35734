"""Whether a message broker is there, before anything is started that needs it."""

from __future__ import annotations

from gridpilot.errors import BrokerError
from gridpilot.messages.address import IN_MEMORY, Address, is_loopback, parse_address

_STARTED_BY = {
    "nats": "nats-server -a {host} -p {port}",
    "mqtt": "mosquitto -p {port}",
    "redis": "redis-server --port {port}",
    "amqp": "RABBITMQ_NODE_PORT={port} rabbitmq-server",
    "kafka": "docker run -p {port}:9092 apache/kafka",
}
_PORTS = {"nats": 4222, "mqtt": 1883, "redis": 6379, "amqp": 5672, "kafka": 9092}


def reach(url: str) -> None:
    """Connect to a broker and leave it again; raises `BrokerError` with the command that starts one, and as `open_broker`."""
    from gridpilot.messages.loop import LoopThread

    if url == IN_MEMORY:
        return
    try:
        with LoopThread() as loop:
            loop.run(_visit(url))
    except BrokerError as error:
        raise BrokerError(f"{error}{_start(parse_address(url))}") from error


async def _visit(url: str) -> None:
    from gridpilot.messages.drivers import open_broker

    broker = open_broker(url)
    try:
        await broker.connect()
    finally:
        await broker.close()


def _start(address: Address) -> str:
    """The command that starts a broker here; nothing for another machine or one with certificates."""
    [(host, port), *others] = address.ports(_PORTS[address.scheme])
    if others or address.tls or not is_loopback(host):
        return ""
    return f" Start it with: {_STARTED_BY[address.scheme].format(host=host, port=port)}"
