"""TLS and passwords, on real servers: the right ones get in, all others are an error with a reason."""

from __future__ import annotations

import asyncio
import gc
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.messages.servers import Server, mosquitto, nats, redis, require

from gridpilot.errors import BrokerError
from gridpilot.messages import Security, open_broker

USER, PASSWORD = "grid", "correct-horse"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority's `ca.pem`, and `server.pem` with `server.key` for localhost."""
    openssl, folder = require("openssl", "openssl"), tmp_path_factory.mktemp("certificates")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    commands = [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem "
        "-addext keyUsage=critical,keyCertSign,cRLSign",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    ]
    for command in commands:
        subprocess.run([openssl, *command.split()], cwd=folder, check=True, capture_output=True)
    for file in folder.iterdir():
        file.chmod(0o644)
    return folder


def guarded_nats(folder: Path) -> AbstractContextManager[Server]:
    return nats("--tls", "--tlscert", f"{folder}/server.pem", "--tlskey", f"{folder}/server.key", "--user", USER, "--pass", PASSWORD)


def guarded_redis(folder: Path) -> AbstractContextManager[Server]:
    files = [f"tls-cert-file {folder}/server.pem", f"tls-key-file {folder}/server.key", f"tls-ca-cert-file {folder}/ca.pem"]
    users = [f"user {USER} on >{PASSWORD} ~* &* +@all", "user default off"]
    return redis("tls-auth-clients no", *files, *users, tls=True)


def guarded_mosquitto(folder: Path) -> AbstractContextManager[Server]:
    passwords = folder / "passwords"
    passwords.unlink(missing_ok=True)
    subprocess.run([require("mosquitto_passwd", "mosquitto"), "-b", "-c", str(passwords), USER, PASSWORD], check=True, capture_output=True)
    passwords.chmod(0o644)
    return mosquitto("allow_anonymous false", f"password_file {passwords}", f"certfile {folder}/server.pem", f"keyfile {folder}/server.key")


@pytest.fixture(scope="module", params=[guarded_nats, guarded_redis, guarded_mosquitto], ids=["nats", "redis", "mqtt"])
def guarded(request: pytest.FixtureRequest, certificates: Path) -> Iterator[Server]:
    start: Callable[[Path], AbstractContextManager[Server]] = request.param
    with start(certificates) as server:
        yield replace(server, scheme=f"{server.scheme}+tls")


async def heard(url: str, security: Security) -> bytes:
    broker = open_broker(url, security=security)
    await broker.connect()
    subscription = await broker.subscribe("gp.run.>")
    await broker.publish("gp.run.MG1.act", b"secret")
    message = await subscription.next(5.0)
    await broker.close()
    return message.payload


def test_tls_and_the_right_password_get_in(guarded: Server, certificates: Path) -> None:
    security = Security(USER, PASSWORD, ca_file=certificates / "ca.pem")
    assert asyncio.run(heard(guarded.url, security)) == b"secret"


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves a socket whose handshake failed to the collector
@pytest.mark.parametrize("wrong", ["password", "authority", "plaintext"])
def test_nobody_else_gets_in(guarded: Server, certificates: Path, wrong: str) -> None:
    security = Security(
        USER, "wrong" if wrong == "password" else PASSWORD, ca_file=None if wrong == "authority" else certificates / "ca.pem"
    )
    url = guarded.url.replace("+tls", "") if wrong == "plaintext" else guarded.url
    with pytest.raises(BrokerError, match="cannot be reached") as caught:
        asyncio.run(heard(url, security))
    gc.collect()
    assert PASSWORD not in str(caught.value)
