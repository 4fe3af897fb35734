"""Nearest documents by the cosine of their embeddings, with FAISS (extra `dense`).

Source: J. Johnson, M. Douze, H. Jégou, "Billion-scale similarity search with GPUs", IEEE Trans. Big Data 7 (2021).
"""

from __future__ import annotations

import numpy as np

from gridpilot.errors import EndpointError, MissingExtraError
from gridpilot.knowledge.dense.embedder import Embedder, Vectors
from gridpilot.knowledge.document import Document
from gridpilot.knowledge.index import Index

try:
    import faiss
except ImportError as error:
    raise MissingExtraError("faiss-cpu", "dense", "Search by dense vectors") from error


class DenseRanker:
    """Ranks the documents of an index by meaning. Their vectors are kept in the index, so that each is embedded once."""

    def __init__(self, index: Index, embedder: Embedder) -> None:
        """Embeds what has no vector yet; raises `EndpointError`."""
        self._index, self._embedder = index, embedder
        self._ids: tuple[str, ...] = ()
        self.refresh()

    def refresh(self) -> int:
        """Follow the index after it has changed, and return how many documents were embedded; raises `EndpointError`."""
        documents = self._index.documents()
        held = self._index.vectors(self._embedder.model)
        fresh = {document.digest: document for document in documents if document.digest not in held}
        if fresh:
            vectors = self._embedder.embed([_text(document) for document in fresh.values()], "passage")
            made = {digest: _unit(vector).tobytes() for digest, vector in zip(fresh, vectors, strict=True)}
            self._index.keep_vectors(self._embedder.model, made)
            held |= made
        self._ids = tuple(document.id for document in documents)
        self._matrix = _matrix([held[document.digest] for document in documents])
        self._nearest = faiss.IndexFlatIP(self._matrix.shape[1])
        self._nearest.add(self._matrix)
        return len(fresh)

    def rank(self, text: str, top: int) -> list[str]:
        """Ids of the documents nearest to a text, nearest first, equal ones by id; raises `EndpointError`."""
        if not self._ids or not text.strip():
            return []
        asked = _unit(self._embedder.embed([text], "query")[0])
        if len(asked) != self._matrix.shape[1]:
            raise EndpointError(f"{self._embedder.model} gave {len(asked)} numbers for the query, {self._matrix.shape[1]} for documents.")
        scores, places = self._nearest.search(asked[None], min(top, len(self._ids)))
        found = sorted((-float(score), self._ids[place]) for score, place in zip(scores[0], places[0], strict=True))
        return [id_ for _, id_ in found]


def _text(document: Document) -> str:
    return f"{document.title}\n{', '.join(document.tags)}\n{document.text}"


def _unit(vector: Vectors) -> Vectors:
    """A vector of length 1, so that the inner product is the cosine; a zero vector stays."""
    length = float(np.linalg.norm(vector))
    unit: Vectors = np.asarray(vector / length if length > 0.0 else vector, dtype=np.float32)
    return unit


def _matrix(rows: list[bytes]) -> Vectors:
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise EndpointError("The model gave vectors of different lengths; name another model, or a new file for the index.")
    width = lengths.pop() // 4 if lengths else 1
    return np.frombuffer(b"".join(rows), dtype=np.float32).reshape(len(rows), width).copy()
