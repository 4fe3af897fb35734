"""One line of a trace: JSON that carries its own hash and the hash of the line before.

    {"hash":"<64 digits>","prev":"<64 digits>","kind":"record", …}

`hash` is SHA-256 over every byte of the line after itself, so that no byte can change unseen, and `prev` ties the lines
into a chain. Floats are written with as many digits as bring back the same bits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import numpy as np

from gridpilot.errors import Problem, TraceError
from gridpilot.traces.record import SCHEMA, Header, Record

FIRST: Final = "0" * 64
"""What stands for the line before the first."""
HEADER, RECORD = "header", "record"
_BEFORE, _AFTER = b'{"hash":"', b'",'
_REST = len(_BEFORE) + 64 + len(_AFTER)

T = TypeVar("T")


class Sealed(NamedTuple):
    """A line and its hash."""

    line: bytes
    """With its newline."""
    digest: str


def seal_header(header: Header) -> Sealed:
    """The first line; raises `TraceError` where a value is not a finite number or no JSON."""
    return seal({"kind": HEADER, "schema": SCHEMA, **_plain(header)}, FIRST)


def seal_record(record: Record, previous: str) -> Sealed:
    """The line of a record after the line whose hash is `previous`; raises as `seal_header`."""
    views = tuple(replace(view, preview=None, sensitivity={}, voltage_sensitivity={}, loss_sensitivity={}) for view in record.views)
    return seal({"kind": RECORD, **_plain(replace(record, views=views))}, previous)


def open_line(line: bytes, previous: str) -> tuple[dict[str, Any], str]:
    """Body and hash of a line without its newline.

    Raises `TraceError` where a byte was changed, or where the line does not follow the one whose hash is `previous`.
    """
    digest = sha256(line[_REST:]).hexdigest()
    if line[:_REST] != _BEFORE + digest.encode() + _AFTER:
        raise TraceError("its hash does not match its content: it was altered or damaged")
    body: dict[str, Any] = json.loads(b"{" + line[_REST:])
    if body.pop("prev", None) != previous:
        raise TraceError("it does not follow the line before it: a line was removed, added or moved")
    return body, digest


def header_of(body: Mapping[str, Any]) -> Header:
    """The header in a body; raises `TraceError` for another schema, or what is no header."""
    if body.get("kind") != HEADER:
        raise TraceError(f"it is a {body.get('kind')!r}, and a trace begins with its {HEADER!r}")
    if body.get("schema") != SCHEMA:
        raise TraceError(f"it has schema {body.get('schema')!r}, and this version of gridpilot reads schema {SCHEMA}")
    return _typed(body, Header)


def record_of(body: Mapping[str, Any]) -> Record:
    """The record in a body; raises `TraceError` for what is none."""
    if body.get("kind") != RECORD:
        raise TraceError(f"it is a {body.get('kind')!r}, expected a {RECORD!r}")
    return _typed(body, Record)


def seal(body: dict[str, Any], previous: str) -> Sealed:
    """The line of a body with a `kind`, after the line whose hash is `previous`; raises `TraceError` for what is not finite."""
    wrong = [Problem(where, f"is {value}, and a trace holds finite numbers only") for where, value in _non_finite(body, body["kind"])]
    if wrong:
        raise TraceError("Nothing was written.", wrong)
    # ASCII, so that text with half a surrogate pair, which models do produce, can be written too.
    rest = json.dumps({"prev": previous, **body}, allow_nan=False, separators=(",", ":"))[1:].encode("ascii")
    digest = sha256(rest).hexdigest()
    return Sealed(_BEFORE + digest.encode() + _AFTER + rest + b"\n", digest)


def _plain(value: Header | Record) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = msgspec.to_builtins(value, enc_hook=_unwrap)
    except TypeError as error:
        raise TraceError(f"Nothing was written: a value cannot be put in JSON. {error}") from error
    return plain


def _unwrap(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"Found {type(value).__name__}; expected numbers, text, lists and mappings.")


def _typed(body: Mapping[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise TraceError(f"it is not a {kind.__name__}: {error}") from error


def _non_finite(value: Any, where: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        if not math.isfinite(value):
            yield where, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _non_finite(part, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for k, part in enumerate(value):
            yield from _non_finite(part, f"{where}[{k}]")
