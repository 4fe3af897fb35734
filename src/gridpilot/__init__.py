"""One digital twin of a power grid, and any kind of operator at its controls.

Public names load on first use, so that a device controller in another process carries no grid. To add one: its
home in `_HOME`, its import under `TYPE_CHECKING`, its name in `__all__`; `tests/test_public_names.py` holds the three together.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridpilot.errors import (
        ActionError,
        CaseError,
        ConfigError,
        DataError,
        GridpilotError,
        MissingExtraError,
        PhysicsError,
        ProfileError,
        TraceError,
        UnknownNameError,
    )

__version__ = "0.1.0"

__all__ = [
    "ActionError",
    "CaseError",
    "ConfigError",
    "DataError",
    "GridpilotError",
    "MissingExtraError",
    "PhysicsError",
    "ProfileError",
    "TraceError",
    "UnknownNameError",
    "__version__",
]

_HOME = {
    "ActionError": "errors",
    "CaseError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "GridpilotError": "errors",
    "MissingExtraError": "errors",
    "PhysicsError": "errors",
    "ProfileError": "errors",
    "TraceError": "errors",
    "UnknownNameError": "errors",
}

if not TYPE_CHECKING:  # a type checker would take any name from it

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__
