"""Embeddings from any OpenAI-compatible endpoint, with the official client (extra `knowledge`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import ConfigError, EndpointError, MissingExtraError, Problem

try:
    import openai
except ImportError as error:
    raise MissingExtraError("openai", "knowledge", "Embeddings from an endpoint") from error

Vectors = NDArray[np.float32]
Purpose = Literal["query", "passage"]

BATCH: Final = 64
"""Texts of one request."""


class Embedder(Protocol):
    """Texts to vectors."""

    @property
    def model(self) -> str:
        """What made the vectors; those of two models cannot be compared."""
        ...

    def embed(self, texts: Sequence[str], purpose: Purpose) -> Vectors:
        """A vector per text `[k, d]`."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """Where embeddings come from."""

    base_url: str = "https://integrate.api.nvidia.com/v1"
    model: str = "nvidia/nv-embedqa-e5-v5"
    key_variable: str = "NVIDIA_API_KEY"
    """Environment variable that holds the key; empty for a server that wants none."""
    input_type: bool = True
    """Send `input_type`, `query` or `passage`, as NVIDIA's retrieval models want it; other servers may refuse unknown fields."""
    timeout_s: float = 10.0
    """Of one request."""
    retries: int = 2
    """After a time-out, 429 or 5xx, with the client's own back-off."""

    def __post_init__(self) -> None:
        checks = (
            ("base_url", self.base_url.startswith(("http://", "https://")), "must begin with http:// or https://"),
            ("base_url", urlsplit(self.base_url).username is None, "must not hold a name or a key; the key comes from the environment"),
            ("model", bool(self.model), "must not be empty"),
            ("timeout_s", self.timeout_s > 0.0, "must be above 0"),
            ("retries", self.retries >= 0, "must not be negative"),
        )
        problems = [Problem(name, sentence) for name, right, sentence in checks if not right]
        if problems:
            raise ConfigError("The endpoint for embeddings cannot be used.", problems)


class EndpointEmbedder:
    """Asks an endpoint. The key is read from the environment and appears nowhere else."""

    def __init__(self, settings: EmbeddingSettings | None = None) -> None:
        """Raises `ConfigError` where the key's variable is not set."""
        self.settings = settings or EmbeddingSettings()
        self._client = openai.OpenAI(
            base_url=self.settings.base_url,
            api_key=_key(self.settings.key_variable),
            timeout=self.settings.timeout_s,
            max_retries=self.settings.retries,
        )

    @property
    def model(self) -> str:
        return self.settings.model

    def embed(self, texts: Sequence[str], purpose: Purpose) -> Vectors:
        """A vector per text `[k, d]`; raises `EndpointError`."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        return np.concatenate([self._ask(texts[first : first + BATCH], purpose) for first in range(0, len(texts), BATCH)])

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Vectors:
        body: dict[str, object] = {"input_type": purpose, "truncate": "END"} if self.settings.input_type else {}
        try:
            reply = self._client.embeddings.create(model=self.model, input=list(texts), encoding_format="float", extra_body=body)
            rows = [entry.embedding for entry in sorted(reply.data, key=lambda entry: entry.index)]
            found = np.array(rows, dtype=np.float32)
        except openai.APIStatusError as error:
            raise self._failed(f"answered with status {error.status_code}; {_ADVICE.get(error.status_code, _OTHER)}") from None
        except openai.OpenAIError as error:
            raise self._failed(f"cannot be reached: {type(error).__name__}. See that it runs and that the URL is right.") from None
        except (TypeError, ValueError, AttributeError) as error:
            raise self._failed(f"answered with no embeddings: {type(error).__name__}.") from None
        if found.ndim != 2 or len(found) != len(texts) or not np.isfinite(found).all():
            raise self._failed(f"answered with shape {found.shape}, expected a vector of finite numbers for {len(texts)} texts.")
        return found

    def _failed(self, sentence: str) -> EndpointError:
        """The error; it is raised without its cause, which may hold the request and so the key."""
        return EndpointError(f"The embeddings endpoint {self.settings.base_url} ({self.model}) {sentence}")


_ADVICE: Final = {
    401: "its key is missing or not accepted.",
    403: "its key may not use this model.",
    404: "the URL or the name of the model is wrong.",
    429: "it is asked too often; try again later.",
}
_OTHER: Final = "see its own log."


def _key(variable: str) -> str:
    if not variable:
        return "none"
    key = os.environ.get(variable, "")
    if not key:
        raise ConfigError(f"The environment variable {variable} is not set; it must hold the key of the embeddings endpoint.")
    return key
