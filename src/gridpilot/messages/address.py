"""Where a broker is, and how safely it is reached: a URL, and credentials from the environment."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from gridpilot.errors import ConfigError, Problem

ALIASES: Final[Mapping[str, str]] = {"tls": "nats+tls", "amqps": "amqp+tls", "mqtts": "mqtt+tls", "rediss": "redis+tls"}
"""TLS forms of URLs that the brokers' own clients know; every driver also has `<scheme>+tls`."""
IN_MEMORY: Final = "in_memory"


@dataclass(frozen=True)
class Security:
    """How a connection is protected. Secrets come from the environment, so that no configuration file holds one."""

    username: str = ""
    """Who connects; a URL's `user:password@` goes before."""
    password: str = field(default="", repr=False)
    """The password of `username`."""
    ca_file: Path | None = None
    """Certificates (PEM) that may sign the broker's; none: those that the system trusts."""
    cert_file: Path | None = None
    """The client's own certificate (PEM), where the broker wants one."""
    key_file: Path | None = None
    """The private key of `cert_file`."""
    allow_plaintext: bool = False
    """Whether a connection without TLS may leave this machine."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Security:
        """From `GRIDPILOT_BROKER_USERNAME`, `_PASSWORD`, `_CA_FILE`, `_CERT_FILE`, `_KEY_FILE` and `_ALLOW_PLAINTEXT` (1 or 0)."""
        given = os.environ if environment is None else environment
        values = {name: given.get(f"GRIDPILOT_BROKER_{name.upper()}", "") for name in cls.__dataclass_fields__}
        allowed = values["allow_plaintext"]
        if allowed not in ("", "0", "1"):
            raise ConfigError(f"GRIDPILOT_BROKER_ALLOW_PLAINTEXT is {allowed!r}, expected 1 or 0.")
        files = {name: Path(values[name]) if values[name] else None for name in ("ca_file", "cert_file", "key_file")}
        return cls(values["username"], values["password"], **files, allow_plaintext=allowed == "1")


@dataclass(frozen=True)
class Address:
    """A broker's URL taken apart. Its text shows no password."""

    scheme: str
    """The driver's name, as in `nats`."""
    tls: bool
    hosts: tuple[tuple[str, int | None], ...]
    """Names or numbers of the machines, and ports where the URL gives them."""
    path: str
    """What follows the machines, without the slash: RabbitMQ's virtual host, Redis' database."""
    security: Security

    @property
    def username(self) -> str:
        return self.security.username

    @property
    def password(self) -> str:
        return self.security.password

    def ports(self, default: int) -> tuple[tuple[str, int], ...]:
        """The machines, with a port for those that the URL gives none."""
        return tuple((host, default if port is None else port) for host, port in self.hosts)

    def only(self, default: int) -> tuple[str, int]:
        """The one machine; raises `ConfigError` where the URL names several, for drivers that connect to one."""
        if len(self.hosts) != 1:
            raise ConfigError(f"{self} names {len(self.hosts)} machines, and {self.scheme!r} connects to one.")
        return self.ports(default)[0]

    def tls_context(self) -> ssl.SSLContext | None:
        """Certificates for TLS, with the broker's name verified; None for plaintext. Raises `ConfigError` for unreadable files."""
        if not self.tls:
            return None
        security = self.security
        try:
            context = ssl.create_default_context(cafile=security.ca_file)
            if security.cert_file is not None:
                context.load_cert_chain(security.cert_file, security.key_file)
        except (OSError, ssl.SSLError) as error:
            files = f"ca_file {security.ca_file}, cert_file {security.cert_file}, key_file {security.key_file}"
            raise ConfigError(f"The certificates of {self} cannot be read ({files}): {error}. Name PEM files.") from error
        return context

    def __str__(self) -> str:
        machines = ",".join(host if port is None else f"{host}:{port}" for host, port in self.hosts)
        return f"{self.scheme}{'+tls' if self.tls else ''}://{machines}" if machines else self.scheme


def parse_address(url: str, security: Security | None = None) -> Address:
    """A broker's address; `security` comes from the environment where it is not given.

    Raises `ConfigError` for what is no URL, and for plaintext to another machine which `security` does not allow.
    """
    security = Security.from_environment() if security is None else security
    if url == IN_MEMORY:
        return Address(IN_MEMORY, False, (), "", security)
    scheme, separator, _ = url.partition("://")
    scheme = ALIASES.get(scheme.lower(), scheme.lower())
    name, _, form = scheme.partition("+")
    if not separator or not name or form not in ("", "tls"):
        raise ConfigError("A broker is named by a URL such as nats://localhost:4222 or amqps://host, or by in_memory; " + _shown(url))
    address = _split(url, name, form == "tls", security)
    remote = [host for host, _ in address.hosts if not is_loopback(host)]
    if remote and not address.tls and not security.allow_plaintext:
        raise ConfigError(
            f"{address} would send messages and passwords in plaintext to {', '.join(remote)}.",
            hint=f"Use {name}+tls://…, or allow it: Security(allow_plaintext=True), GRIDPILOT_BROKER_ALLOW_PLAINTEXT=1.",
        )
    return address


def is_loopback(host: str) -> bool:
    """Whether a name or number can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(url: str) -> str:
    return f"found {url.rpartition('@')[2]!r}."


def _split(url: str, scheme: str, tls: bool, security: Security) -> Address:
    parts = urlsplit(url)
    user, _, machines = parts.netloc.rpartition("@")
    hosts, wrong = [], []
    for machine in machines.split(","):
        try:
            one = urlsplit(f"//{machine}")
            hosts.append((one.hostname or "", one.port))
        except ValueError as error:
            wrong.append(Problem(machine, str(error)))
    if parts.query or parts.fragment:
        wrong.append(Problem("?…", "a broker's URL has no query and no fragment; settings are fields of Security"))
    wrong += [Problem("host", "no machine is named") for host, _ in hosts if not host]
    if wrong:
        raise ConfigError(f"A broker's URL cannot be read: {_shown(url)}", wrong)
    if user:
        username, _, password = user.partition(":")
        security = Security(unquote(username), unquote(password), security.ca_file, security.cert_file, security.key_file,
                            security.allow_plaintext)  # fmt: skip
    return Address(scheme, tls, tuple(hosts), unquote(parts.path.lstrip("/")), security)
