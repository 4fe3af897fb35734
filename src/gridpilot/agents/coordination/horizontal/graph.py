"""Who hears whom: undirected graphs of grid agents, given as pairs or by the name of a form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import Final

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gridpilot.errors import ConfigError, Problem, UnknownNameError

Edges = tuple[tuple[int, int], ...]


def _line(agents: int) -> Iterator[tuple[int, int]]:
    return pairwise(range(agents))


def _ring(agents: int) -> Iterator[tuple[int, int]]:
    yield from pairwise(range(agents))
    if agents > 2:
        yield 0, agents - 1


def _star(agents: int) -> Iterator[tuple[int, int]]:
    return ((0, k) for k in range(1, agents))


def _complete(agents: int) -> Iterator[tuple[int, int]]:
    return combinations(range(agents), 2)


FORMS: Final[dict[str, Callable[[int], Iterator[tuple[int, int]]]]] = {
    "complete": _complete, "line": _line, "ring": _ring, "star": _star,
}  # fmt: skip


def make_edges(graph: str | Sequence[Sequence[int]], agents: int) -> Edges:
    """Pairs of places, each the smaller first, in order; `graph` is the name of a form, or pairs.

    Raises `UnknownNameError`, and `ConfigError` for pairs that are none, name nobody, or come twice, and where the graph is
    not connected, naming its parts.
    """
    if isinstance(graph, str):
        if graph not in FORMS:
            raise UnknownNameError("form of a graph", graph, sorted(FORMS))
        return tuple(sorted(FORMS[graph](agents)))
    problems = [Problem(f"edge {k}", what) for k, pair in enumerate(graph) if (what := _problem(pair, agents))]
    if not problems:
        edges = sorted((min(pair), max(pair)) for pair in graph)
        problems = [Problem(f"edge {a}–{b}", "comes twice") for (a, b), following in pairwise(edges) if (a, b) == following]
        problems += _parts(edges, agents)
    if problems:
        raise ConfigError("The graph of a consensus cannot be used.", problems)
    return tuple(edges)


def _problem(pair: Sequence[int], agents: int) -> str:
    if len(pair) != 2 or pair[0] == pair[1]:
        return f"is {list(pair)}; expected the places of two different agents"
    lost = [place for place in pair if not 0 <= place < agents]
    return f"names {lost}; there are the places 0 to {agents - 1}" if lost else ""


def _parts(edges: Sequence[tuple[int, int]], agents: int) -> list[Problem]:
    """One problem per part, where there are several."""
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    matrix = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(agents, agents))
    count, part = connected_components(matrix, directed=False)
    if count < 2:
        return []
    return [Problem(f"agents {np.flatnonzero(part == k).tolist()}", "hear nobody else; join them to the others") for k in range(count)]
