"""Dense vectors from an endpoint, fused with BM25; the endpoint is a local one that hashes words."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.knowledge.conftest import Endpoint

from gridpilot.errors import ConfigError, EndpointError
from gridpilot.knowledge import Document, Index, Retriever
from gridpilot.knowledge.dense.embedder import EmbeddingSettings, EndpointEmbedder
from gridpilot.knowledge.dense.ranker import DenseRanker
from gridpilot.knowledge.fusion import fused

KEY = "nvapi-SECRET-0123456789"
TEXTS = ("tap changer hunting", "storage state of charge", "reactive power and voltage", "trees and lines", "black start")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", KEY)


def embedder(endpoint: Endpoint, **changes: Any) -> EndpointEmbedder:
    return EndpointEmbedder(EmbeddingSettings(base_url=endpoint.url, retries=0, timeout_s=2.0, **changes))


def filled(path: str | Path = ":memory:", *more: str) -> Index:
    index = Index(path)
    index.synchronise("x", [Document(f"own/{k}", f"t{k}", "own", text) for k, text in enumerate((*TEXTS, *more))])
    return index


def test_reciprocal_ranks_are_those_of_the_paper() -> None:
    ranked = fused((["a", "b", "c"], ["c", "a"]))
    assert dict(ranked) == pytest.approx({"a": 1 / 61 + 1 / 62, "b": 1 / 62, "c": 1 / 63 + 1 / 61})
    assert [id_ for id_, _ in ranked] == ["a", "c", "b"]
    assert fused((["b"], ["a"])) == [("a", 1 / 61), ("b", 1 / 61)]
    assert fused(()) == []


def test_purposes_and_the_key_reach_the_endpoint(endpoint: Endpoint) -> None:
    with filled() as index:
        DenseRanker(index, embedder(endpoint)).rank("voltage", 2)
    assert [asked["input_type"] for asked in endpoint.requests] == ["passage", "query"]
    assert {asked["model"] for asked in endpoint.requests} == {"nvidia/nv-embedqa-e5-v5"}
    assert set(endpoint.keys) == {f"Bearer {KEY}"}


def test_a_server_that_knows_no_input_type_is_sent_none(endpoint: Endpoint) -> None:
    embedder(endpoint, input_type=False, key_variable="").embed(["x"], "query")
    assert "input_type" not in endpoint.requests[0]


def test_vectors_come_back_in_the_order_of_the_texts_in_any_number(endpoint: Endpoint) -> None:
    texts = [f"word{k % 70} more" for k in range(150)]
    vectors = embedder(endpoint).embed(texts, "passage")
    assert vectors.shape == (150, 64)
    assert len(endpoint.requests) == 3
    assert np.array_equal(vectors[0], vectors[70])
    assert np.array_equal(vectors[149], embedder(endpoint).embed([texts[149]], "passage")[0])


def test_the_nearest_is_the_one_with_the_same_words(endpoint: Endpoint) -> None:
    with filled() as index:
        ranker = DenseRanker(index, embedder(endpoint))
        for k, text in enumerate(TEXTS):
            assert ranker.rank(text, 1) == [f"own/{k}"]
        assert len(ranker.rank("anything", 50)) == len(TEXTS)
        assert ranker.rank("  ", 5) == []


def test_each_document_is_embedded_once_and_kept_in_the_file(endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "k.sqlite"
    with filled(path) as index:
        DenseRanker(index, embedder(endpoint))
    assert sum(len(asked["input"]) for asked in endpoint.requests) == len(TEXTS)
    with filled(path, "a new one") as index:
        ranker = DenseRanker(index, embedder(endpoint))
        assert endpoint.requests[-1]["input"][0].endswith("a new one")
        assert len(endpoint.requests[-1]["input"]) == 1
        index.synchronise("x", [])
        assert ranker.refresh() == 0
        assert ranker.rank("tap", 5) == []


def test_fused_search_has_both_rankings(endpoint: Endpoint) -> None:
    with filled() as index:
        ranker = DenseRanker(index, embedder(endpoint))
        found = Retriever(index, ranker).search("charge", 5)
        words = [passage.id for passage in index.search("charge", 50)]
        assert [(passage.id, passage.score) for passage in found] == fused((words, ranker.rank("charge", 50)))[:5]
        assert found[0].id == "own/1"
        assert Retriever(index, ranker).search("charge", 5, kinds=("procedure",)) == ()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"error": {"message": f"bad key {KEY}"}}, "status 401; its key is missing"),
        (404, {"error": "no"}, "name of the model"),
        (429, {"error": "slow down"}, "too often"),
        (500, b"<html>", "status 500"),
        (200, b"{torn", "no embeddings"),
        (200, {"data": []}, "shape"),
        (200, {"data": [{"index": 0, "embedding": [1.0, "x"]}]}, "no embeddings"),
        (200, {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]}, "shape"),
        (200, {"nothing": 1}, "no embeddings"),
    ],
)
def test_a_failing_endpoint_is_told_without_the_key(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture, status: int, body: Any, said: str
) -> None:
    endpoint.answer = lambda asked: (status, body)
    with caplog.at_level(logging.DEBUG), pytest.raises(EndpointError, match=said) as caught:
        embedder(endpoint).embed(["x"], "query")
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in caplog.text


def test_an_endpoint_that_is_not_there_is_told() -> None:
    gone = EndpointEmbedder(EmbeddingSettings(base_url="http://127.0.0.1:9/v1", retries=0, timeout_s=2.0))
    with pytest.raises(EndpointError, match="cannot be reached"):
        gone.embed(["x"], "query")


def test_a_missing_key_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NVIDIA_API_KEY")
    with pytest.raises(ConfigError, match="NVIDIA_API_KEY is not set"):
        EndpointEmbedder()


def test_settings_that_cannot_work_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        EmbeddingSettings(base_url="ftp://me:pass@host", model="", timeout_s=0.0, retries=-1)
    assert len(caught.value.problems) == 5
    assert "pass" not in str(caught.value)


def test_a_model_that_changed_its_length_is_refused(endpoint: Endpoint) -> None:
    with filled() as index:
        ranker = DenseRanker(index, embedder(endpoint))
        endpoint.answer = lambda asked: (200, {"data": [{"index": 0, "embedding": [1.0, 2.0]}]})
        with pytest.raises(EndpointError, match="2 numbers for the query, 64"):
            ranker.rank("tap", 3)
