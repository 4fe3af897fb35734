"""Public test cases as data, in gridpilot's own format; each file names its source.

Adding a case is adding one `.json` file here.
"""

from __future__ import annotations

from importlib.resources import as_file, files

from gridpilot.errors import UnknownNameError
from gridpilot.network.case import Case
from gridpilot.network.casefile import read_case

_SUFFIX = ".json"


def case_names() -> tuple[str, ...]:
    """The cases that come with gridpilot."""
    return tuple(sorted(entry.name.removesuffix(_SUFFIX) for entry in files(__name__).iterdir() if entry.name.endswith(_SUFFIX)))


def load_case(name: str) -> Case:
    """A case by its name; raises `UnknownNameError` which lists the valid ones."""
    if name not in case_names():
        raise UnknownNameError("case", name, case_names())
    with as_file(files(__name__) / f"{name}{_SUFFIX}") as path:
        return read_case(path)
