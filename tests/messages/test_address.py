"""A URL and the environment say where a broker is; what is unsafe or unknown is refused with a sentence."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from gridpilot.errors import ConfigError, MissingExtraError, UnknownNameError
from gridpilot.messages import Security, driver_names, open_broker
from gridpilot.messages.address import IN_MEMORY, parse_address
from gridpilot.messages.signing import VARIABLE

SAFE = Security()
CLIENTS = {"amqp": ("aio_pika", "rabbitmq"), "kafka": ("confluent_kafka", "kafka"), "mqtt": ("paho.mqtt.client", "mqtt"),
           "nats": ("nats.aio.client", "nats"), "redis": ("redis.asyncio", "redis")}  # fmt: skip


def test_there_are_six_drivers() -> None:
    assert driver_names() == ("amqp", "in_memory", "kafka", "mqtt", "nats", "redis")


@pytest.mark.parametrize(
    ("url", "scheme", "tls"),
    [
        ("nats://localhost", "nats", False), ("tls://far:1", "nats", True), ("nats+tls://far", "nats", True),
        ("amqps://far/vhost", "amqp", True), ("mqtts://far", "mqtt", True), ("rediss://far/3", "redis", True),
        ("kafka+tls://a:1,b:2", "kafka", True), ("redis://[::1]:7", "redis", False), ("mqtt://127.0.0.9", "mqtt", False),
    ],
)  # fmt: skip
def test_a_url_names_driver_and_safety(url: str, scheme: str, tls: bool) -> None:
    address = parse_address(url, SAFE)
    assert (address.scheme, address.tls) == (scheme, tls)


def test_credentials_come_from_the_environment_or_the_url_and_are_never_shown() -> None:
    environment = {"GRIDPILOT_BROKER_USERNAME": "grid", "GRIDPILOT_BROKER_PASSWORD": "s3cret", "GRIDPILOT_BROKER_CA_FILE": "ca.pem"}
    security = Security.from_environment(environment)
    assert security.ca_file == Path("ca.pem")
    for url, username in (("nats://localhost:9", "grid"), ("nats://me:s3cret@localhost:9", "me")):
        address = parse_address(url, security)
        assert (address.username, address.password) == (username, "s3cret")
        assert "s3cret" not in repr(address) + str(address)
    with pytest.raises(ConfigError) as caught:
        parse_address("nats://me:s3cret@localhost:port", security)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["nats://broker.example", "amqp://192.0.2.1", "kafka://localhost,broker.example", "mqtt://0.0.0.0"])
def test_plaintext_leaves_this_machine_only_where_it_is_allowed(url: str) -> None:
    with pytest.raises(ConfigError, match="in plaintext"):
        parse_address(url, SAFE)
    assert parse_address(url, Security.from_environment({"GRIDPILOT_BROKER_ALLOW_PLAINTEXT": "1"})).tls is False


@pytest.mark.parametrize("url", ["", "nats", "localhost:4222", "nats+ssl://x", "nats://", "nats://a:70000", "nats://localhost?x=1", "://x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_address(url, SAFE)


def test_an_unknown_broker_comes_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"message broker called 'zeromq'.*in_memory"):
        open_broker("zeromq://localhost", security=SAFE)


def test_a_setting_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected 1 or 0"):
        Security.from_environment({"GRIDPILOT_BROKER_ALLOW_PLAINTEXT": "yes"})


@pytest.mark.parametrize("url", ["mqtt://localhost,localhost", "redis://localhost,localhost", "redis://localhost/first"])
def test_a_driver_refuses_what_it_cannot_do_with_a_url(url: str) -> None:
    pytest.importorskip(CLIENTS[url.partition(":")[0]][0])
    with pytest.raises(ConfigError):
        import_module("asyncio").run(open_broker(url, security=SAFE).connect())


def test_certificates_that_cannot_be_read_are_told() -> None:
    address = parse_address("nats+tls://localhost", Security(ca_file=Path("no-such.pem")))
    with pytest.raises(ConfigError, match=r"no-such\.pem"):
        address.tls_context()


@pytest.mark.parametrize("scheme", CLIENTS)
def test_a_missing_client_names_its_extra(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, extra = CLIENTS[scheme]
    monkeypatch.delitem(sys.modules, f"gridpilot.messages.drivers.{scheme}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"gridpilot\[{extra}\]"):
        open_broker(f"{scheme}://localhost", security=SAFE)


def test_the_page_tells_every_driver_and_every_variable() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
    named = [f"`{IN_MEMORY}`", VARIABLE, *(f"`{scheme}://" for scheme in CLIENTS), *(f"`{extra}`" for _, extra in CLIENTS.values())]
    named += [f"GRIDPILOT_BROKER_{field.upper()}" for field in Security.__dataclass_fields__]
    assert [name for name in named if name not in page] == []
