"""Where a model is asked, and with which key. A key comes from the environment only, and goes to one server only.

The key of NVIDIA or OpenAI is taken from the variable that its vendor names, for that vendor's own host over TLS; for any other
server the variable is named by `api_key_env`, so that no key is shown to a server it is not for.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from gridpilot.errors import ConfigError

NVIDIA_URL: Final = "https://integrate.api.nvidia.com/v1"
NVIDIA_MODEL: Final = "nvidia/nemotron-mini-4b-instruct"
NVIDIA_KEY: Final = "NVIDIA_API_KEY"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY_OF_HOST: Final = {"integrate.api.nvidia.com": NVIDIA_KEY, "api.openai.com": "OPENAI_API_KEY"}


@dataclass(frozen=True, slots=True)
class Key:
    """A secret that shows its name only."""

    name: str
    """Of the environment variable."""
    secret: str = field(repr=False)

    def hide(self, text: str) -> str:
        """Text with the name of the key wherever the key was."""
        for form in {self.secret, quote(self.secret, safe=""), self.secret.encode("unicode_escape").decode()}:
            text = text.replace(form, f"[{self.name}]")
        return text


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one OpenAI-compatible server."""

    base_url: str
    model: str
    key: Key | None

    def hide(self, text: str) -> str:
        """Text without the key."""
        return text if self.key is None else self.key.hide(text)


def find_endpoint(base_url: str | None = None, model: str | None = None, api_key_env: str | None = None) -> Endpoint:
    """The endpoint that settings and environment name: NVIDIA's cloud where its key is set and no URL is given.

    Raises `ConfigError` where no server or no model is named, for a URL with a key in it, and for a key that is missing.
    """
    if base_url is None:
        if api_key_env is None and not os.environ.get(NVIDIA_KEY):
            raise ConfigError(
                "No language model is named: give --base-url and --model (a server of your own: http://localhost:8000/v1), "
                f"or export {NVIDIA_KEY} to use NVIDIA's cloud."
            )
        base_url = NVIDIA_URL
    parts = _parsed(base_url)
    if model is None and parts.hostname != urlsplit(NVIDIA_URL).hostname:
        raise ConfigError(f"Which model of {base_url}? Give --model; GET {base_url}/models lists them.")
    return Endpoint(base_url.rstrip("/"), model or NVIDIA_MODEL, _key(parts, api_key_env))


def _parsed(base_url: str) -> SplitResult:
    try:
        parts = urlsplit(base_url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise ConfigError("The base URL cannot be read; expected one such as http://localhost:8000/v1.") from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # The URL is not repeated: what is wrong with it may be a secret.
        raise ConfigError("The base URL holds more than scheme, host and path; a key belongs into an environment variable (--api-key-env).")
    if not sound:
        raise ConfigError(f"The base URL is {base_url!r}; expected one such as http://localhost:8000/v1.")
    return parts


def _key(parts: SplitResult, api_key_env: str | None) -> Key | None:
    vendors = _KEY_OF_HOST.get(parts.hostname or "") if parts.scheme == "https" else None
    name = api_key_env or vendors
    if name is None:
        return None
    if not _VARIABLE.fullmatch(name):
        raise ConfigError("--api-key-env takes the name of an environment variable, not a key; a name has letters, digits and underscores.")
    secret = os.environ.get(name, "").strip()
    if not secret:
        raise ConfigError(f"The environment variable {name} is empty or not set: export it with the key of {parts.hostname}.")
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise ConfigError(f"The environment variable {name} holds no key: it has spaces or characters that no header can hold.")
    return Key(name, secret)
