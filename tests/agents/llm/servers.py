"""An OpenAI-compatible server on a free port of this machine, which answers as it is told to: well, late, wrong or not at all."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Asked = dict[str, Any]
"""Body of a request."""
Behaviour = Callable[["Exchange", Asked], None]
"""What is done with a request."""

HOLD = {"assessment": "Holding.", "risk_level": "MEDIUM", "actions": []}


@dataclass
class FakeServer:
    """What it was asked, and how it answers: the n-th request by the n-th behaviour, all later ones by the last."""

    behaviours: list[Behaviour]
    requests: list[Asked] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, asked: Asked, headers: dict[str, str]) -> Behaviour:
        with self._lock:
            self.requests.append(asked)
            self.headers.append(headers)
            return self.behaviours[min(len(self.requests), len(self.behaviours)) - 1]


class Exchange(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    fake: FakeServer

    def do_POST(self) -> None:  # the base class has the name
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.fake.next(asked, {name.lower(): value for name, value in self.headers.items()})(self, asked)

    def send(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, *, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


@contextmanager
def fake_server(*behaviours: Behaviour) -> Iterator[FakeServer]:
    """A server while the block lasts; its `url` is a base URL."""
    fake = FakeServer(list(behaviours))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnExchange", (Exchange,), {"fake": fake}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield fake
    finally:
        fake.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


# ------------------------------------------------------------------------------------------------- behaviours


def completion(content: str | None, finish: str = "stop") -> bytes:
    """Body of a completion."""
    message = {"role": "assistant", "content": content}
    return json.dumps(
        {"id": "1", "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    ).encode()


def says(content: Any, finish: str = "stop") -> Behaviour:
    """Answers with a text, or with a value as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    return lambda exchange, asked: exchange.send(completion(text, finish))


def slow(seconds: float, then: Behaviour) -> Behaviour:
    """Answers later."""

    def behave(exchange: Exchange, asked: Asked) -> None:
        if not exchange.fake.closing.wait(seconds):
            then(exchange, asked)

    return behave


def fails(status: int, said: str = "no", **headers: str) -> Behaviour:
    """Answers with an error."""
    return lambda exchange, asked: exchange.send(json.dumps({"error": {"message": said}}).encode(), status, headers)


def raw(body: bytes) -> Behaviour:
    """Answers with any body."""
    return lambda exchange, asked: exchange.send(body)


def cut(exchange: Exchange, asked: Asked) -> None:
    """Ends the connection in the middle of the body."""
    exchange.send(completion("half of it")[:40], length=4000)
    exchange.close_connection = True


def dripping(exchange: Exchange, asked: Asked) -> None:
    """Sends a byte now and then, so that no time-out between two bytes ever strikes."""
    exchange.send(b"", length=4000)
    while not exchange.fake.closing.wait(0.02):
        exchange.wfile.write(b" ")
        exchange.wfile.flush()


def hanging(exchange: Exchange, asked: Asked) -> None:
    """Says nothing as long as the server lives."""
    exchange.fake.closing.wait()


def without_format(then: Behaviour) -> Behaviour:
    """Refuses requests that have a `response_format`."""

    def behave(exchange: Exchange, asked: Asked) -> None:
        (fails(400, "response_format is not supported") if "response_format" in asked else then)(exchange, asked)

    return behave


def obedient(exchange: Exchange, asked: Asked) -> None:
    """Keeps to the schema of the probe, and holds in a decision."""
    schema = asked.get("response_format", {}).get("json_schema", {}).get("schema", {})
    says({"word": "ready"} if "word" in schema.get("properties", {}) else HOLD)(exchange, asked)


def echoing(exchange: Exchange, asked: Asked) -> None:
    """Tells everything that it was sent, in an error."""
    headers = json.dumps(dict(exchange.headers))
    exchange.send(json.dumps({"error": {"message": f"unauthorised: {headers}"}}).encode(), 401)
