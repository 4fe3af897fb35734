"""Signatures: HMAC-SHA256 with a key id, over the subject and the body.

A signed frame is `GPS1`, the length of the key id (one byte), the key id, 32 bytes of MAC, and the body. The subject is part of
what is signed, so that a message cannot be moved to another role. Keys are exchanged by adding the new one everywhere, then
signing with it, then removing the old one.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gridpilot.errors import ConfigError, MessageError, Problem

MAGIC: Final = b"GPS1"
MAC_BYTES: Final = 32
MIN_KEY_BYTES: Final = 16
VARIABLE: Final = "GRIDPILOT_MESSAGE_KEYS"


@dataclass(frozen=True)
class Keyring:
    """Keys by id; the first signs, all verify. Raises `ConfigError` for keys that are missing, short or badly named."""

    keys: Mapping[str, bytes] = field(repr=False)
    """At least 16 bytes each; ids of 1 to 32 ASCII characters."""

    def __post_init__(self) -> None:
        wrong = [
            Problem(name, f"has {len(key)} bytes, at least {MIN_KEY_BYTES}") for name, key in self.keys.items() if len(key) < MIN_KEY_BYTES
        ]
        wrong += [Problem(name, "an id is 1 to 32 ASCII characters") for name in self.keys if not (name.isascii() and 0 < len(name) <= 32)]
        if not self.keys:
            wrong.append(Problem("keys", "there are none"))
        if wrong:
            raise ConfigError(
                "Messages cannot be signed.", wrong, hint="Make a key with: python -c 'import secrets; print(secrets.token_hex())'"
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Keyring | None:
        """The keys in `GRIDPILOT_MESSAGE_KEYS`, as `id:hex,id:hex`; None where it is empty. Raises `ConfigError`."""
        text = (os.environ if environment is None else environment).get(VARIABLE, "")
        keys, wrong = {}, []
        for place, entry in enumerate(filter(None, text.split(",")), start=1):
            name, _, digits = entry.strip().partition(":")
            try:
                key = bytes.fromhex(digits)
            except ValueError:
                key = b""
            if key:
                keys[name] = key
            else:
                wrong.append(Problem(f"entry {place}", "is not id:hexadecimal"))  # the entry itself is a secret
        if wrong:
            raise ConfigError(f"{VARIABLE} cannot be read.", wrong)
        return cls(keys) if keys else None

    def seal(self, subject: str, body: bytes) -> bytes:
        """The frame of a body for a subject."""
        name = next(iter(self.keys))
        head = MAGIC + bytes([len(name)]) + name.encode()
        return head + _mac(self.keys[name], head, subject, body) + body

    def open(self, subject: str, frame: bytes) -> bytes:
        """The body of a frame which came on a subject; raises `MessageError` for one that no key of ours has signed."""
        start = len(MAGIC) + 1
        if frame[: len(MAGIC)] != MAGIC or len(frame) < start or len(frame) < start + frame[start - 1] + MAC_BYTES:
            raise MessageError("mac", f"A message on {subject!r} is not signed, and here are keys: set {VARIABLE} on the other side too.")
        end = start + frame[start - 1]
        key = self.keys.get(frame[start:end].decode("latin-1"))
        body = frame[end + MAC_BYTES :]
        if key is None or not hmac.compare_digest(_mac(key, frame[:end], subject, body), frame[end : end + MAC_BYTES]):
            sentence = f"A message on {subject!r} was signed with none of the keys {', '.join(self.keys)}, or altered"
            raise MessageError("mac", f"{sentence}: {VARIABLE} must be the same on both sides.")
        return body


def _mac(key: bytes, head: bytes, subject: str, body: bytes) -> bytes:
    named = subject.encode()
    return hmac.digest(key, b"%b%d:%b%b" % (head, len(named), named, body), "sha256")
