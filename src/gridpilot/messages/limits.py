"""Sizes and times that all drivers share."""

from __future__ import annotations

from typing import Final

from gridpilot.errors import MessageError

CONNECT_TIMEOUT_S: Final = 5.0
"""How long a first connection may take."""
RECONNECT_S: Final = 0.1
"""Pause between attempts to connect again: below a step's deadline, and easy on a broker that starts."""
PUBLISH_TIMEOUT_S: Final = 2.0
"""How long a client may hold a message back before `publish` gives up: a late command is worse than none."""


def check_payload(payload: bytes, max_payload_bytes: int) -> None:
    """Raises `MessageError` for a payload which the broker would refuse."""
    if len(payload) > max_payload_bytes:
        raise MessageError("size", f"A payload has {len(payload)} bytes, and this broker takes {max_payload_bytes}. Send less at once.")
