"""The AsyncAPI 3 document of the messages, made from the structs themselves."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import getdoc
from typing import Any, Final

import msgspec

import gridpilot
from gridpilot.messages.envelope import SCHEMA, Call, Envelope, Hello, Reply, Request
from gridpilot.messages.subjects import EVERYONE, HELLO, REPLY, ROOT, TOKEN_PATTERN

_REFERENCES: Final = "#/components/schemas/{name}"
_CHANNELS: Final[Mapping[str, tuple[str, type, str]]] = {
    "requests": (f"{ROOT}.{{run}}.{{host}}.{{phase}}", Request, "send"),
    "replies": (f"{ROOT}.{{run}}.{{host}}.{{phase}}.{REPLY}", Reply, "receive"),
    "calls": (f"{ROOT}.{{run}}.{EVERYONE}.{HELLO}", Call, "send"),
    "hellos": (f"{ROOT}.{{run}}.{{host}}.{HELLO}.{REPLY}", Hello, "receive"),
}
"""Address, message, and what an environment does with it."""
_PARAMETERS: Final = {
    "run": "The run that the message belongs to.",
    "host": "The process that holds the roles.",
    "phase": "What is asked for within a step.",
}


def asyncapi() -> dict[str, Any]:
    """The document, from the environment's point of view: it sends requests and calls, and receives replies and hellos."""
    (_,), schemas = msgspec.json.schema_components((Envelope,), ref_template=_REFERENCES)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "gridpilot messages",
            "version": f"{SCHEMA}.0.0",
            "description": f"The step protocol of gridpilot {gridpilot.__version__}: msgpack or JSON maps, signed with HMAC-SHA256 where "
            "keys are given. A dot in an address is a slash in MQTT; in Kafka the first two tokens are the topic, all are the key.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/msgpack",
        "channels": {name: _channel(address, kind) for name, (address, kind, _) in _CHANNELS.items()},
        "operations": {
            f"{action}{name.capitalize()}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{kind.__name__}"}],
            }
            for name, (_, kind, action) in _CHANNELS.items()
        },
        "components": {"messages": {kind.__name__: _message(kind) for _, kind, _ in _CHANNELS.values()}, "schemas": schemas},
    }


def _channel(address: str, kind: type) -> dict[str, Any]:
    return {
        "address": address,
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}},
        "parameters": {
            name: {"description": f"{text} Matches {TOKEN_PATTERN}"} for name, text in _PARAMETERS.items() if f"{{{name}}}" in address
        },
    }


def _message(kind: type) -> dict[str, Any]:
    return {
        "name": kind.__name__.lower(),
        "summary": (getdoc(kind) or "").partition("\n")[0],
        "payload": {"$ref": _REFERENCES.format(name=kind.__name__)},
    }
