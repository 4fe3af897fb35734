"""Names that tell components apart, where a source leaves them out or repeats them."""

from __future__ import annotations

from collections.abc import Iterable


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """`names` with the second and later bearers of a name counted: `a`, `a #2`, `a #3`.

    The first keeps its name, so that adding a component at the end renames nobody.
    """
    wanted = list(names)
    taken: set[str] = set()
    reserved = set(wanted)
    found: list[str] = []
    for name in wanted:
        candidate, count = name, 1
        while candidate in taken or (count > 1 and candidate in reserved):
            count += 1
            candidate = f"{name} #{count}"
        taken.add(candidate)
        found.append(candidate)
    return tuple(found)
