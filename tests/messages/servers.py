"""Private message brokers on free ports of this machine, for as long as a test needs them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

START_S = 60.0
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/rabbitmq/bin"])
KAFKA_CLUSTER = "GRIDPILOT_TEST_KAFKA"
"""Names the bootstrap servers of a real cluster, as in `localhost:9092`."""

MOCK_CLUSTER = """
import sys
from confluent_kafka import Producer
producer = Producer({"test.mock.num.brokers": 1, "log_level": 0})
[broker] = producer.list_topics(timeout=10).brokers.values()
print(broker.port, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Server:
    """A broker that is running."""

    scheme: str
    port: int
    host: str = "127.0.0.1"
    rewritten: bool = False
    """Whether the broker tells clients its own port, so that a proxy must tell them another."""

    @property
    def url(self) -> str:
        return self.at(self.port)

    def at(self, port: int) -> str:
        """The same broker behind another port."""
        return f"{self.scheme}://{self.host}:{port}"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def require(binary: str, package: str) -> str:
    """Path of a program, or a skip which names the Debian package."""
    path = shutil.which(binary, path=SYSTEM_PATH)
    if path is None:
        pytest.skip(f"The Debian package {package} is not installed, so there is no {binary}: apt-get install {package}")
    return path


def require_client(module: str, extra: str) -> None:
    if find_spec(module) is None:
        pytest.skip(f"The client {module!r} is not installed: pip install 'gridpilot[{extra}]'")


@contextmanager
def process(command: list[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens on a port; what it says is shown where it does not start."""
    with tempfile.TemporaryFile() as said:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env={**os.environ, **(environment or {})})
        try:
            if not _listens(port, started):
                said.seek(0)
                pytest.fail(f"{command[0]} did not start: {said.read().decode(errors='replace')[-2000:]}")
            yield started
        finally:
            started.terminate()
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def _listens(port: int, started: subprocess.Popen[bytes]) -> bool:
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and started.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False


@contextmanager
def nats(*options: str) -> Iterator[Server]:
    require_client("nats", "nats")
    binary, port = require("nats-server", "nats-server"), free_port()
    with process([binary, "-a", "127.0.0.1", "-p", str(port), *options], port):
        yield Server("nats", port)


@contextmanager
def redis(*lines: str, tls: bool = False) -> Iterator[Server]:
    require_client("redis", "redis")
    binary, port = require("redis-server", "redis-server"), free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "redis.conf"
        listener = f"port 0\ntls-port {port}" if tls else f"port {port}"
        settings.write_text("\n".join(["bind 127.0.0.1", listener, 'save ""', f"dir {folder}", *lines, ""]))
        with process([binary, str(settings)], port):
            yield Server("redis", port)


@contextmanager
def mosquitto(*lines: str) -> Iterator[Server]:
    require_client("paho", "mqtt")
    binary, port = require("mosquitto", "mosquitto"), free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "mosquitto.conf"
        user = "user root" if os.geteuid() == 0 else ""
        settings.write_text(
            "\n".join([user, f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false", "set_tcp_nodelay true", *lines, ""])
        )
        with process([binary, "-c", str(settings)], port):
            yield Server("mqtt", port)


@contextmanager
def rabbitmq() -> Iterator[Server]:
    """RabbitMQ's own start script: Debian's wrapper would change the user. Erlang's port mapper is private too, and ends with it."""
    require_client("aio_pika", "rabbitmq")
    require("rabbitmq-server", "rabbitmq-server")
    binary = shutil.which("rabbitmq-server", path="/usr/lib/rabbitmq/bin") or require("rabbitmq-server", "rabbitmq-server")
    port, distribution, mapper = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "HOME": folder, "RABBITMQ_NODENAME": f"gridpilot{port}@localhost", "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_DIST_PORT": str(distribution), "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_MNESIA_BASE": folder, "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_PID_FILE": f"{folder}/pid", "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false",
        }  # fmt: skip
        epmd = require("epmd", "rabbitmq-server")
        with process([epmd, "-port", str(mapper), "-address", "127.0.0.1"], mapper), process([binary], port, environment):
            yield Server("amqp", port)


@contextmanager
def kafka() -> Iterator[Server]:
    """The cluster that the environment names, else the one that librdkafka has for tests, in a process of its own."""
    require_client("confluent_kafka", "kafka")
    named = os.environ.get(KAFKA_CLUSTER, "")
    if named:
        host, _, port = named.partition(",")[0].rpartition(":")
        yield Server("kafka", int(port), host)
        return
    command = [sys.executable, "-c", MOCK_CLUSTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as mock:
        assert mock.stdin is not None
        assert mock.stdout is not None
        try:
            yield Server("kafka", int(mock.stdout.readline()), rewritten=True)
        finally:
            mock.stdin.close()
            mock.wait(10)


SERVERS: Mapping[str, Callable[[], object]] = {"nats": nats, "redis": redis, "mqtt": mosquitto, "amqp": rabbitmq, "kafka": kafka}
