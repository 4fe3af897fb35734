"""Subjects and patterns: tokens between dots, as in `gp.run7.MG1.act`.

    gp.<run>.<host>.<phase>          a request to a host, for one or several of its roles
    gp.<run>.<host>.<phase>.reply    its reply
    gp.<run>.all.hello               a call to every host of a run
    gp.<run>.<host>.hello.reply      a host says that it is there

In a pattern `*` stands for one token, and `>` at the end for one or more. Drivers translate both into what their broker
calls wildcards.
"""

from __future__ import annotations

import re
from typing import Final

from gridpilot.errors import ConfigError, Problem

ROOT: Final = "gp"
EVERYONE: Final = "all"
HELLO: Final = "hello"
REPLY: Final = "reply"
MAX_LENGTH: Final = 255
"""Characters of a subject: what AMQP's routing keys can hold."""

TOKEN_PATTERN: Final = "^[A-Za-z0-9_-]{1,64}$"
_TOKEN = re.compile("[A-Za-z0-9_-]{1,64}")


def request_subject(run: str, host: str, phase: str) -> str:
    """Where requests to a host go."""
    return f"{ROOT}.{run}.{host}.{phase}"


def reply_subject(run: str, host: str, phase: str) -> str:
    """Where the replies of a host go."""
    return f"{ROOT}.{run}.{host}.{phase}.{REPLY}"


def requests_pattern(run: str, host: str) -> str:
    """All requests to a host."""
    return f"{ROOT}.{run}.{host}.*"


def replies_pattern(run: str) -> str:
    """The replies of all hosts of a run."""
    return f"{ROOT}.{run}.*.*.{REPLY}"


def kind_of(subject: str) -> str:
    """What a subject is about, without run and host: `act`, `act.reply`; a foreign subject is `other`."""
    tokens = subject.split(".", 3)
    return tokens[3] if len(tokens) == 4 and tokens[0] == ROOT else "other"


def check_name(name: str, kind: str) -> str:
    """The name of a run, host or role itself; raises `ConfigError` for what cannot be one token."""
    if not _TOKEN.fullmatch(name):
        raise ConfigError(f"The name of a {kind} is 1 to 64 letters, digits, '_' or '-'; found {name!r}.")
    return name


def check_subject(subject: str) -> str:
    """The subject itself; raises `ConfigError` for what no broker takes."""
    return _checked(subject, "subject", wildcards=False)


def check_pattern(pattern: str) -> str:
    """The pattern itself; raises `ConfigError` for what no broker takes."""
    return _checked(pattern, "pattern", wildcards=True)


def matches(pattern: str, subject: str) -> bool:
    """Whether a pattern matches a subject."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))


def _checked(text: str, kind: str, *, wildcards: bool) -> str:
    tokens = text.split(".")
    last = len(tokens) - 1
    wrong = [
        Problem(f"token {place + 1}", f"{token!r} is not 1 to 64 letters, digits, '_' or '-'")
        for place, token in enumerate(tokens)
        if not (_TOKEN.fullmatch(token) or (wildcards and (token == "*" or (token == ">" and place == last))))
    ]
    if len(text) > MAX_LENGTH:
        wrong.append(Problem("length", f"{len(text)} characters, at most {MAX_LENGTH}"))
    if wrong:
        raise ConfigError(f"{text!r} is no {kind}.", wrong)
    return text
