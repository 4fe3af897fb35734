"""Whether a value that somebody wrote into a file or a call is what a type hint says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from gridpilot.errors import Problem

_WORDS: dict[Any, str] = {str: "a text", bool: "true or false", int: "a whole number", float: "a number", NoneType: "nothing"}


def misfits(where: str, value: object, hint: Any) -> Iterator[Problem]:
    """What does not fit: the value itself, or entries of a mapping. A bool is no number, and a whole number is one."""
    if get_origin(hint) is Mapping and isinstance(value, Mapping):
        _, inner = get_args(hint)
        for key, entry in value.items():
            yield from misfits(f"{where}.{key}", entry, inner)
    elif not _fits(value, hint):
        yield Problem(where, f"is {value!r}, expected {_said(hint)}")


def _fits(value: object, hint: Any) -> bool:
    if hint is Any:
        return True
    if _choices(hint):
        return any(_fits(value, one) for one in _choices(hint))
    if get_origin(hint) in (Sequence, tuple):
        return isinstance(value, list | tuple) and all(_fits(entry, get_args(hint)[0]) for entry in value)
    if hint in (int, float):
        return isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
    return isinstance(value, get_origin(hint) or hint)


def _said(hint: Any) -> str:
    if _choices(hint):
        return " or ".join(_said(one) for one in _choices(hint))
    kinds = {Mapping: "keys with values", Sequence: "a list", tuple: "a list"}
    return kinds.get(get_origin(hint)) or _WORDS.get(hint) or f"a {hint.__name__}"


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (UnionType, Union) else ()
