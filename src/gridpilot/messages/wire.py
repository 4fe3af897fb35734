"""The one door that messages go through: size, then signature, then decoding, then bounds.

What comes later, may this role do that and can this device, belongs to who owns roles and devices.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gridpilot.errors import MessageError
from gridpilot.messages.codec import Codec
from gridpilot.messages.envelope import Envelope, subject_of
from gridpilot.messages.signing import MAGIC, VARIABLE, Keyring

MAX_FRAME_BYTES = 2**20


@dataclass(frozen=True)
class Wire:
    """How envelopes become frames of bytes and frames become envelopes; both ends of a run have the same."""

    codec: Codec = field(default_factory=Codec)
    """msgpack, or JSON."""
    keyring: Keyring | None = None
    """Keys that sign and verify; None: nothing is signed, and a signed message is refused."""
    max_frame_bytes: int = MAX_FRAME_BYTES
    """Larger ones are refused before anything else is done with them."""

    def write(self, envelope: Envelope) -> tuple[str, bytes]:
        """Subject and frame of an envelope; raises `MessageError` where it is too large to be taken on the other side."""
        subject, body = subject_of(envelope), self.codec.encode(envelope)
        frame = body if self.keyring is None else self.keyring.seal(subject, body)
        self._check_size(subject, frame)
        return subject, frame

    def read(self, subject: str, frame: bytes) -> Envelope:
        """The envelope in a frame. Raises `MessageError` and nothing else, with the reason `size`, `mac`, `decode` or `bounds`."""
        self._check_size(subject, frame)
        if self.keyring is None and frame.startswith(MAGIC):
            raise MessageError("mac", f"A message on {subject!r} is signed, and here are no keys: set {VARIABLE} on this side too.")
        body = frame if self.keyring is None else self.keyring.open(subject, frame)
        envelope = self.codec.decode(body)
        if subject_of(envelope) != subject:
            raise MessageError("bounds", f"A message for {subject_of(envelope)!r} came on {subject!r}.")
        return envelope

    def _check_size(self, subject: str, frame: bytes) -> None:
        if len(frame) > self.max_frame_bytes:
            raise MessageError("size", f"A message on {subject!r} has {len(frame)} bytes, at most {self.max_frame_bytes}.")
