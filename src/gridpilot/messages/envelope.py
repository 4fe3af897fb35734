"""What travels: four kinds of message, as structs from which the wire form, its checks and the AsyncAPI document are made.

Bounds are part of the types, so a message that decodes is inside them. An answer to an unknown future schema is refusal:
fields that a struct does not have are errors, and `schema` says which version wrote them.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Raw, Struct

from gridpilot.messages.subjects import EVERYONE, HELLO, TOKEN_PATTERN, reply_subject, request_subject

SCHEMA: Final = 1
MAX_ITEMS: Final = 4096
"""Roles in one message."""
MAX_TEXT: Final = 2000

Name = Annotated[str, Meta(pattern=TOKEN_PATTERN, description="1 to 64 letters, digits, '_' or '-'")]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Time = Annotated[float, Meta(ge=0.0, le=1e12, description="seconds since 1970 UTC, by the sender's clock")]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Version = Literal[1]


class StepId(Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """Which step of which episode; a repeated one is the same request."""

    epoch: Count
    """Grows each time that an environment takes a run over; an older one is fenced off."""
    episode: Count
    step: Count
    phase: Name
    """What is asked for within the step, as in `act`."""

    @property
    def place(self) -> tuple[int, int, int]:
        """Position in time, without the phase."""
        return self.epoch, self.episode, self.step


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """What one role is asked."""

    role: Name
    payload: Raw
    """The caller's own content."""


class Answered(Struct, frozen=True, forbid_unknown_fields=True):
    """What one role answers."""

    role: Name
    status: Literal["ok", "failed"]
    payload: Raw
    """The caller's own content; null where it failed."""
    why: Text = ""
    """A sentence where it failed."""


class Request(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="request"):
    """Work for the roles of one host; answered once, however often it comes."""

    run: Name
    host: Name
    at: StepId
    valid_until: Time
    """After this nothing of it may be carried out."""
    items: Annotated[tuple[Asked, ...], Meta(min_length=1, max_length=MAX_ITEMS)]
    schema: Version = SCHEMA


class Reply(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="reply"):
    """The answers of one host to one request."""

    run: Name
    host: Name
    at: StepId
    incarnation: Count
    """When the host's process started, in microseconds since 1970: a restarted one is a new one."""
    fence: Count
    """The newest epoch that the host has seen; where it is above `at.epoch`, the request was refused for it."""
    items: Annotated[tuple[Answered, ...], Meta(max_length=MAX_ITEMS)]
    schema: Version = SCHEMA


class Call(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="call"):
    """An environment asks who is there, and says which epoch is in force."""

    run: Name
    epoch: Count
    valid_until: Time
    schema: Version = SCHEMA


class Hello(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="hello"):
    """A host says which roles it holds: when it starts, and when it is called."""

    run: Name
    host: Name
    incarnation: Count
    roles: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MAX_ITEMS)]
    schema: Version = SCHEMA


Envelope = Request | Reply | Call | Hello


def subject_of(envelope: Envelope) -> str:
    """The one subject on which an envelope may travel."""
    match envelope:
        case Request():
            return request_subject(envelope.run, envelope.host, envelope.at.phase)
        case Reply():
            return reply_subject(envelope.run, envelope.host, envelope.at.phase)
        case Call():
            return request_subject(envelope.run, EVERYONE, HELLO)
        case Hello():
            return reply_subject(envelope.run, envelope.host, HELLO)
