"""Agents behind a broker: the same episode bit for bit, and nothing that only looks like it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest
from tests.envs.microgrids.episode import STEPS, Told, actions, play, played
from tests.messages.servers import SERVERS, Server

from gridpilot.agents.grid import GridAgent
from gridpilot.envs.microgrids import microgrids_env
from gridpilot.errors import BrokerError, MessageError

MEMBERS = ("MG1", "MG2", "MG3")
AGENT = "import sys; from gridpilot.cli import main; sys.argv[0] = 'gridpilot'; main()"


@pytest.fixture(scope="module")
def central() -> Told:
    return played()


@pytest.mark.parametrize("vertical", ["setpoint", "price-signal", "none"])
def test_in_memory_is_central_bit_for_bit(vertical: str) -> None:
    centralised, distributed = (played(vertical=vertical, centralized=mode) for mode in (True, False))
    assert len(centralised.hashes) == STEPS + 1
    assert distributed.hashes == centralised.hashes
    assert distributed.rewards == centralised.rewards


def test_trading_and_shared_rewards_are_the_same_too() -> None:
    settings: dict[str, Any] = {"horizontal": "trading", "reward": "shared", "steps": 24}
    assert played(centralized=False, **settings).rewards == played(**settings).rewards


def test_logical_messages_are_two_per_microgrid_and_two_per_device() -> None:
    env = microgrids_env(centralized=False)
    play(env, 1)
    counted = env.messages
    env.step(actions(env, np.random.default_rng(0)))
    assert env.messages - counted == {"action": 3, "setpoint": 12, "report": 12, "network": 3, "receipt": 3}
    env.close()


@contextmanager
def processes(server: Server, run: str, roles: Sequence[Sequence[str]], changes: Sequence[str] = ()) -> Iterator[None]:
    """Processes that hold these roles, each some of them."""
    with ExitStack() as stack:
        for own in roles:
            options = [text for role in own for text in ("--role", role)]
            options += [text for change in changes if change.split("-")[0] in own for text in ("--set", change)]
            command = [sys.executable, "-c", AGENT, "agent", "--broker", server.url, "--run", run, *options]
            process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE))
            stack.callback(process.kill)
        yield


def remote(server: Server, run: str, **settings: Any) -> dict[str, Any]:
    return {"centralized": False, "message_broker": server.url, "run": run, "hosts": "elsewhere", **settings}


@pytest.mark.parametrize("scheme", SERVERS)
def test_agents_in_three_processes_are_central_bit_for_bit(scheme: str, central: Told) -> None:
    start: Callable[[], AbstractContextManager[Server]] = SERVERS[scheme]  # type: ignore[assignment]
    with start() as server, processes(server, "equal", [[role] for role in MEMBERS]):
        told = played(**remote(server, "equal"))
    assert told.hashes == central.hashes
    assert told.rewards == central.rewards


def test_a_parameter_that_only_an_agents_process_has_changes_the_flows(central: Told) -> None:
    with SERVERS["nats"]() as server, processes(server, "changed", [MEMBERS], ["MG2-DG.p_max_mw=0.05"]):  # type: ignore[attr-defined]
        told = played(8, **remote(server, "changed"))
    assert told.hashes[1] != central.hashes[1]
    ordered, applied = (told.infos[3]["MG2"][key] for key in ("ordered_mw", "applied_mw"))
    assert applied[0] == 0.05 < ordered[0]


def test_one_reply_less_changes_the_trace(central: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that is not sent ends a lockstep episode with a sentence, and what was done until then is as it was."""
    settle, calls = GridAgent.settle, []

    def silent(self: GridAgent, message: Any) -> Any:
        calls.append(self.role)
        if calls.count("MG2") == 5:
            raise MessageError("lost", "the reply was lost")
        return settle(self, message)

    monkeypatch.setattr(GridAgent, "settle", silent)
    env = microgrids_env(centralized=False)
    with pytest.raises(MessageError, match="MG2"):
        play(env, 8)
    state = env.grid_state
    assert state is not None
    env.close()


def test_a_missing_agent_is_named() -> None:
    with SERVERS["nats"]() as server, processes(server, "missing", [["MG1"], ["MG3"]]), pytest.raises(BrokerError, match="MG2"):  # type: ignore[attr-defined]
        microgrids_env(**remote(server, "missing", join_s=3.0))


def test_an_agents_process_carries_no_grid() -> None:
    """A whole step in a process of its own: neither network nor power flow nor twin is ever loaded."""
    code = """
import sys
import numpy as np
from gridpilot.agents.grid import Act, Begin, GridAgent, KindSheet, Network, Sheet
from gridpilot.devices import device_kind
import gridpilot.cli.agent, gridpilot.agents.grid.host

kind = device_kind("storage")
own = kind.from_rows([{"p_max_mw": 0.5, "energy_max_mwh": 2.0}])
sheet = KindSheet("storage", ["ESS"], {k: np.asarray(v).tolist() for k, v in own._asdict().items()}, {})
agent = GridAgent("MG1")
agent.begin(Begin(Sheet("MG1", 0.25, [sheet], "setpoint", {}, [-0.5], [0.5]), [True], []))
agent.settle(Network(0, [0.0], True))
reports = agent.act(Act(1, [1.0], [True], []))
assert reports[0].p_mw == 0.5, reports
agent.settle(Network(1, [0.5], False))
assert agent._devices.states[0][0][0] < 1.0
layers = {name.split(".")[1] for name in sys.modules if name.startswith("gridpilot.")}
print(sorted(layers & {"network", "powerflow", "profiles", "scenarios", "twin", "envs", "shield"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
