"""Drivers: one broker per file, named as the scheme of its URLs, with a `make` and the native client imported at the top."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from gridpilot.errors import UnknownNameError
from gridpilot.messages.address import Security, parse_address
from gridpilot.messages.seam import Broker

__all__ = ["driver_names", "open_broker"]


def driver_names() -> tuple[str, ...]:
    """Schemes of the URLs that `open_broker` knows, each also with `+tls`; `in_memory` stands alone."""
    return tuple(sorted(info.name for info in iter_modules(__path__)))


def open_broker(url: str, *, security: Security | None = None) -> Broker:
    """The client of a broker, not yet connected.

    `url` is `in_memory`, `nats://…`, `amqp://…`, `kafka://…`, `mqtt://…`, `redis://…` or a TLS form of one (`nats+tls://…`,
    `amqps://…`). Raises `ConfigError` for a URL which cannot be read or is unsafe, `UnknownNameError` for a broker without a
    driver, and `MissingExtraError` where its client is not installed.
    """
    address = parse_address(url, security)
    if address.scheme not in driver_names():
        raise UnknownNameError("message broker", address.scheme, driver_names())
    made: Broker = import_module(f"{__name__}.{address.scheme}").make(address)
    return made
