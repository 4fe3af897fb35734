"""Grids with their cards, made once for all tests, and a local endpoint that embeds."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from gridpilot.knowledge import Index, Retriever, shipped_documents
from gridpilot.knowledge.topology import Survey, refresh_topology, survey
from gridpilot.twin import Twin, make_twin

DAY = "2016-07-04"


@pytest.fixture(scope="session")
def twins() -> dict[str, Twin]:
    return {name: make_twin(name, start=DAY) for name in ("six_bus", "ieee14")}


@pytest.fixture(scope="session")
def surveys(twins: dict[str, Twin]) -> dict[str, Survey]:
    return {name: survey(twin, twin.first()) for name, twin in twins.items()}


@pytest.fixture(scope="session")
def retrievers(twins: dict[str, Twin]) -> dict[str, Retriever]:
    """What is shipped, with the cards of one grid each."""
    found = {}
    for name, twin in twins.items():
        index = Index()
        index.synchronise("shipped", shipped_documents())
        refresh_topology(index, twin, twin.first())
        found[name] = Retriever(index)
    return found


Answer = Callable[[dict[str, Any]], tuple[int, Any]]


@dataclass
class Endpoint:
    """A server of embeddings on this machine: words are hashed into 64 places, so that equal words are near."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    answer: Answer | None = None
    """Status and body instead of embeddings."""


def embedded(text: str) -> list[float]:
    vector = np.zeros(64)
    for word in text.lower().replace(",", " ").replace(".", " ").split():
        vector[sha256(word.encode()).digest()[0] % 64] += 1.0
    return [float(value) for value in vector]


def embeddings(asked: dict[str, Any]) -> tuple[int, Any]:
    rows = [{"object": "embedding", "index": k, "embedding": embedded(text)} for k, text in enumerate(asked["input"])]
    return 200, {"object": "list", "model": asked["model"], "data": rows[::-1], "usage": {"prompt_tokens": 1, "total_tokens": 1}}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    held = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            held.requests.append(asked)
            held.keys.append(self.headers["Authorization"])
            status, body = (held.answer or embeddings)(asked)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    held.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield held
    server.shutdown()
    thread.join()
    server.server_close()
