"""Structs to bytes and back: msgpack on the wire, or JSON for who wants to read along."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from gridpilot.errors import ConfigError, MessageError, UnknownNameError
from gridpilot.messages.envelope import Call, Envelope, Reply, Request

T = TypeVar("T")

FORMATS: Final = ("json", "msgpack")
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""What msgspec raises for bytes that are no message: also text that is not UTF-8, and arrays without end."""


class Codec:
    """One of the formats; `decode` raises `MessageError` for whatever is not a whole, valid message."""

    def __init__(self, format: str = "msgpack") -> None:
        if format not in FORMATS:
            raise UnknownNameError("message format", format, FORMATS)
        self.format = format
        self._module: Any = msgspec.json if format == "json" else msgspec.msgpack
        self._encode: Callable[[object], bytes] = self._module.Encoder().encode
        self._decode: Callable[[bytes], Envelope] = self._module.Decoder(Envelope).decode
        self._decoders: dict[Any, Callable[[msgspec.Raw | bytes], Any]] = {}

    def encode(self, envelope: Envelope) -> bytes:
        return self._encode(envelope)

    def decode(self, body: bytes) -> Envelope:
        """The envelope in a body; raises `MessageError` with the reason `decode` or `bounds`."""
        try:
            envelope = self._decode(body)
        except msgspec.ValidationError as error:
            raise MessageError("bounds", f"A message is not of schema 1: {error}.") from error
        except _UNREADABLE as error:
            raise MessageError("decode", f"A message is no {self.format}: {error}.") from error
        _check_bounds(envelope)
        return envelope

    def pack(self, payload: object) -> msgspec.Raw:
        """A caller's struct, dataclass, bytes or plain value as the payload of an item; raises `ConfigError` for what cannot be sent."""
        try:
            return msgspec.Raw(self._encode(payload))
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f"A {type(payload).__name__} cannot be sent: {error}.") from error

    def unpack(self, payload: msgspec.Raw, kind: type[T]) -> T:
        """A payload as the type that the caller expects; raises `MessageError` where it is another."""
        decode = self._decoders.get(kind)
        if decode is None:
            decode = self._decoders[kind] = self._module.Decoder(kind).decode
        try:
            value: T = decode(payload)
        except _UNREADABLE as error:
            raise MessageError("payload", f"A payload is no {getattr(kind, '__name__', kind)}: {error}.") from error
        return value


def _check_bounds(envelope: Envelope) -> None:
    """What the types cannot say."""
    if isinstance(envelope, Request | Call) and not math.isfinite(envelope.valid_until):
        raise MessageError("bounds", f"valid_until is {envelope.valid_until}, expected a time.")
    if isinstance(envelope, Request | Reply):
        roles = {item.role for item in envelope.items}
        if len(roles) != len(envelope.items):
            raise MessageError("bounds", f"A message for {envelope.host!r} names a role twice.")
