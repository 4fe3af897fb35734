"""The committed AsyncAPI document is what the structs say."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from gridpilot.messages import Codec, StepId, Wire
from gridpilot.messages.asyncapi import asyncapi
from gridpilot.messages.envelope import Answered, Asked, Call, Envelope, Hello, Reply, Request
from make_asyncapi import TARGET, text

AT = StepId(1, 0, 7, "act")
SAMPLES = [
    Request("run", "MG1", AT, 5.0, (Asked("MG1", msgspec.Raw(b"1")),)),
    Reply("run", "MG1", AT, 3, 1, (Answered("MG1", "ok", msgspec.Raw(b"2")),)),
    Call("run", 1, 5.0),
    Hello("run", "MG1", 3, ("MG1",)),
]


def test_the_document_is_fresh() -> None:
    assert TARGET.read_text(encoding="utf-8") == text(), "run .venv/bin/python scripts/make_asyncapi.py"


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [target for key, part in value.items() for target in ([part] if key == "$ref" else references(part))]
    return [target for part in value for target in references(part)] if isinstance(value, list) else []


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi()
    for target in references(document):
        place: Any = document
        for part in target.removeprefix("#/").split("/"):
            place = place[part]
        assert place


@pytest.mark.parametrize("envelope", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_what_is_sent_is_what_the_document_says(envelope: Envelope) -> None:
    document = asyncapi()
    name = type(envelope).__name__
    subject, frame = Wire(Codec("json")).write(envelope)
    [address] = [c["address"] for c in document["channels"].values() if name in c["messages"]]
    assert re.fullmatch(re.sub(r"\{\w+\}", "[^.]+", address).replace(".", r"\.").replace(r"[^\.]", "[^.]"), subject)
    schema = document["components"]["schemas"][name]
    sent = msgspec.json.decode(frame)
    assert set(schema["required"]) <= set(sent) <= set(schema["properties"])
    assert sent["type"] in schema["properties"]["type"]["enum"]
