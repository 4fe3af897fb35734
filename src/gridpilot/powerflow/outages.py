"""Lists of outages: which branches are lost together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridpilot.errors import PhysicsError, Problem
from gridpilot.network.network import Network
from gridpilot.values import Ints


@dataclass(frozen=True)
class Outages:
    """Outages of one network; each is the tuple of the branches that are lost together, by index."""

    branches: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.branches)

    @cached_property
    def index(self) -> Ints:
        """The branches of every outage `[K, k]`; one of fewer than k branches names its last one again."""
        widest = max((len(lost) for lost in self.branches), default=1)
        rows = [(*lost, *lost[-1:] * (widest - len(lost))) for lost in self.branches]
        return np.array(rows, dtype=np.int64).reshape(len(rows), widest)

    def name(self, network: Network, outage: int) -> str:
        """The lost branches by name, joined by ` + `."""
        return " + ".join(network.branch_name[k] for k in self.branches[outage])


def n_minus_one(network: Network) -> Outages:
    """The loss of every single branch that is in service as built."""
    return Outages(tuple((int(k),) for k in np.flatnonzero(network.branch_closed)))


def n_minus_k(network: Network, lists: Iterable[Iterable[int | str]]) -> Outages:
    """The joint loss of the branches in each list, by index or name; a name that is listed twice counts once.

    Raises `PhysicsError` with every list that is empty or names a branch that does not exist.
    """
    place = {name: k for k, name in enumerate(network.branch_name)}
    found: list[tuple[int, ...]] = []
    problems: list[Problem] = []
    for row, wanted in enumerate(lists):
        asked = list(wanted)
        indices = [place.get(one, -1) if isinstance(one, str) else int(one) for one in asked]
        where = f"outage {row}"
        wrong = [one for one, k in zip(asked, indices, strict=True) if not 0 <= k < network.n_branch]
        problems += [Problem(where, f"there is no branch {one!r}") for one in wrong]
        if not asked:
            problems.append(Problem(where, "names no branch"))
        found.append(tuple(sorted(set(indices))))
    if problems:
        raise PhysicsError(f"These are no outages of network {network.name!r}.", problems, hint="Name branches, or give their indices.")
    return Outages(tuple(found))
