"""One digital twin of a power grid, and any kind of operator at its controls.

Public names load on first use, so that a device controller in another process carries no grid. To add one: its
home in `_HOME`, its import under `TYPE_CHECKING`, its name in `__all__`; `tests/test_public_names.py` holds the three together.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridpilot.agents import agent_names, make_agent
    from gridpilot.envs import make_vec
    from gridpilot.envs.microgrids import microgrids_env, microgrids_vec
    from gridpilot.errors import (
        ActionError,
        BrokerError,
        CaseError,
        ConfigError,
        DataError,
        GridpilotError,
        MessageError,
        MissingExtraError,
        ModelError,
        PhysicsError,
        ProfileError,
        TraceError,
        UnknownNameError,
    )
    from gridpilot.evaluation import evaluate
    from gridpilot.network import from_pandapower, read_matpower
    from gridpilot.operations import RunConfig, operate, start_run
    from gridpilot.profiles import load_profiles
    from gridpilot.scenarios import load_scenario
    from gridpilot.scenarios.custom import scenario_from_case
    from gridpilot.traces import read_trace
    from gridpilot.traces.replay import replay
    from gridpilot.twin import Twin, make_twin
    from gridpilot.values import Action, Decision, View

__version__ = "0.1.0"

__all__ = [
    "Action",
    "ActionError",
    "BrokerError",
    "CaseError",
    "ConfigError",
    "DataError",
    "Decision",
    "GridpilotError",
    "MessageError",
    "MissingExtraError",
    "ModelError",
    "PhysicsError",
    "ProfileError",
    "RunConfig",
    "TraceError",
    "Twin",
    "UnknownNameError",
    "View",
    "__version__",
    "agent_names",
    "evaluate",
    "from_pandapower",
    "load_profiles",
    "load_scenario",
    "make_agent",
    "make_twin",
    "make_vec",
    "microgrids_env",
    "microgrids_vec",
    "operate",
    "read_matpower",
    "read_trace",
    "replay",
    "scenario_from_case",
    "start_run",
]

_HOME = {
    "Action": "values",
    "ActionError": "errors",
    "BrokerError": "errors",
    "CaseError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "Decision": "values",
    "GridpilotError": "errors",
    "MessageError": "errors",
    "MissingExtraError": "errors",
    "ModelError": "errors",
    "PhysicsError": "errors",
    "ProfileError": "errors",
    "RunConfig": "operations",
    "TraceError": "errors",
    "Twin": "twin",
    "UnknownNameError": "errors",
    "View": "values",
    "agent_names": "agents",
    "evaluate": "evaluation",
    "from_pandapower": "network",
    "load_profiles": "profiles",
    "load_scenario": "scenarios",
    "make_agent": "agents",
    "make_twin": "twin",
    "make_vec": "envs",
    "microgrids_env": "envs.microgrids",
    "microgrids_vec": "envs.microgrids",
    "operate": "operations",
    "read_matpower": "network",
    "read_trace": "traces",
    "replay": "traces.replay",
    "scenario_from_case": "scenarios.custom",
    "start_run": "operations",
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
