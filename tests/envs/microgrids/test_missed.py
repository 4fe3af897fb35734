"""Messages that are lost, agents and environments that are killed: the episode ends, and nothing is booked twice or forgotten."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from tests.envs.microgrids.episode import STEPS, actions, play, played
from tests.messages.servers import free_port, nats, process, require

from gridpilot.agents.grid import Act, Begin, GridAgent, KindSheet, Network, Sheet, Unclosed
from gridpilot.devices import device_kind
from gridpilot.envs.microgrids import MicrogridsEnv, microgrids_env
from gridpilot.errors import BrokerError, MessageError
from gridpilot.scenarios import load_scenario

DEADLINE: dict[str, Any] = {"centralized": False, "mode": "deadline"}


def inside_limits(env: MicrogridsEnv) -> None:
    """Every battery between its limits, every exchange within a device's own power."""
    state, tables = env.grid_state, load_scenario("three_microgrids").tables
    assert state is not None
    storage, units = tables["storage"].parameters, tables["generator"].parameters
    assert (state.devices["storage"].energy_mwh >= storage.energy_min_mwh - 1e-9).all()
    assert (state.devices["storage"].energy_mwh <= storage.energy_max_mwh + 1e-9).all()
    assert (np.abs(state.devices["storage"].p_mw) <= storage.p_max_mw + 1e-9).all()
    assert (state.devices["generator"].p_mw <= units.p_max_mw + 1e-9).all()


def test_without_faults_a_deadline_changes_nothing() -> None:
    assert played(**DEADLINE).hashes == played().hashes


def test_lost_messages_are_sent_again_and_leave_no_trace() -> None:
    """Re-sends hide a fifth of all messages lost in each direction: the episode is the one without faults, bit for bit."""
    told = played(24, **DEADLINE, deadline_s=60.0, faults={"seed": 3, "loss": 0.2, "duplication": 0.1, "jitter_s": 0.01})
    assert told.hashes == played(24).hashes


def test_what_comes_too_late_is_missed_and_closed_later() -> None:
    """With no time for a second try, agents fall silent for cycles; all energy is booked once they answer."""
    env = microgrids_env(**DEADLINE, deadline_s=0.09, faults={"seed": 1, "loss": 0.1})
    told = play(env, STEPS)
    silent = [info[name]["silent_cycles"] for info in told.infos for name in info]
    assert len(told.hashes) == STEPS + 1
    assert 0 < sum(count > 0 for count in silent) < len(silent) / 2
    assert told.hashes != played().hashes
    assert all(np.isfinite(rewards).all() for rewards in told.rewards)
    inside_limits(env)
    env.close()


def test_the_same_seed_of_faults_gives_the_same_episode() -> None:
    one, other = (played(24, **DEADLINE, deadline_s=0.09, faults={"seed": 7, "loss": 0.1}) for _ in range(2))
    assert one.hashes == other.hashes


def test_a_lost_message_silences_one_agent_and_not_its_neighbours() -> None:
    """Agents of this process are hosts of their own where messages may be lost, and share one where none is."""
    env = microgrids_env(**DEADLINE, deadline_s=0.09, faults={"seed": 1, "loss": 0.05})
    told = play(env, 48)
    assert env.remote is not None
    assert sorted(env.remote.session.requester.hosts.values()) == ["MG1", "MG2", "MG3"]
    silent = [sum(info["silent_cycles"] > 0 for info in infos.values()) for infos in told.infos]
    assert silent.count(1) > 5 > silent.count(3)
    env.close()
    together = microgrids_env(**DEADLINE)
    assert together.remote is not None
    assert set(together.remote.session.requester.hosts.values()) == {"here"}
    together.close()


def agent_with_a_battery() -> GridAgent:
    kind = device_kind("storage")
    own = kind.from_rows([{"p_max_mw": 0.5, "energy_max_mwh": 2.0, "initial_mwh": 1.0, "self_discharge_per_h": 0.0}])
    parameters = {name: np.asarray(values).tolist() for name, values in own._asdict().items()}
    sheet = Sheet("MG1", 0.25, [KindSheet("storage", ["ESS"], parameters, {})], "setpoint", {}, [-0.5], [0.5])
    agent = GridAgent("MG1")
    agent.begin(Begin(sheet, [True], []))
    agent.settle(Network(0, [0.0], True))
    return agent


def test_a_step_is_booked_once_however_often_it_is_told() -> None:
    punctual, late = agent_with_a_battery(), agent_with_a_battery()
    cost = 0.0
    for step, action in ((1, 1.0), (2, -0.5)):
        [report] = punctual.act(Act(step, [action], [True], []))
        receipt = punctual.settle(Network(step, [report.p_mw], False))
        cost += receipt.outcomes[4][0]
    # The late one: its first receipt is lost, so that the environment tells it of step 1 again.
    [first] = late.act(Act(1, [1.0], [True], []))
    late.settle(Network(1, [first.p_mw], False))
    backlog = [Unclosed(1, [True], [], [first.p_mw], [first.order_mw])]
    [second] = late.act(Act(2, [-0.5], [True], [], backlog))
    caught_up = late.settle(Network(2, [second.p_mw], False))
    assert caught_up.states == receipt.states
    assert caught_up.outcomes[4][0] == pytest.approx(cost)


def test_a_step_whose_orders_never_came_is_booked_under_the_orders_before() -> None:
    agent = agent_with_a_battery()
    agent.act(Act(1, [1.0], [True], []))
    agent.settle(Network(1, [0.5], False))
    backlog = [Unclosed(2, [True], [], [0.5], [0.5]), Unclosed(3, [True], [], [0.0], [0.0])]
    [report] = agent.act(Act(4, [0.0], [True], [], backlog))
    receipt = agent.settle(Network(4, [report.p_mw], False))
    drawn = 2 * 0.5 * 0.25 / 0.95
    assert receipt.states[0][0][0] == pytest.approx(1.0 - drawn)


def start(url: str, run: str, role: str) -> subprocess.Popen[bytes]:
    code = "from gridpilot.cli import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, "agent", "--broker", url, "--run", run, "--role", role], stderr=subprocess.DEVNULL)


def test_a_killed_agent_is_missed_and_another_takes_its_devices_over() -> None:
    with nats() as server:
        agents = [start(server.url, "killed", role) for role in ("MG1", "MG2", "MG3")]
        try:
            env = microgrids_env(**DEADLINE, message_broker=server.url, run="killed", hosts="elsewhere", deadline_s=0.5)
            env.reset(seed=5)
            random, silent = np.random.default_rng(5), []
            for step in range(40):
                if step == 6:
                    agents[1].kill()
                    agents[1].wait()
                if step == 12:
                    agents[1] = start(server.url, "killed", "MG2")
                    time.sleep(2.0)  # it starts while the grid stands still: without, it would answer a few steps later
                infos = env.step(actions(env, random))[4]
                silent.append(infos["MG2"]["silent_cycles"])
                assert infos["MG1"]["silent_cycles"] == infos["MG3"]["silent_cycles"] == 0
            assert silent[:6] == [0] * 6
            assert silent[6:12] == [1, 2, 3, 4, 5, 6]
            assert silent[-1] == 0
            inside_limits(env)
            env.close()
        finally:
            for agent in agents:
                agent.kill()
                agent.wait()


def test_a_killed_agent_ends_a_lockstep_episode_with_its_name() -> None:
    with nats() as server:
        agents = [start(server.url, "lockstep", role) for role in ("MG1", "MG2", "MG3")]
        try:
            env = microgrids_env(centralized=False, message_broker=server.url, run="lockstep", hosts="elsewhere", deadline_s=0.5)
            env.reset(seed=5)
            env.step(actions(env, np.random.default_rng(0)))
            agents[2].kill()
            with pytest.raises(BrokerError, match="MG3"):
                env.step(actions(env, np.random.default_rng(0)))
            env.close()
        finally:
            for agent in agents:
                agent.kill()
                agent.wait()


def test_a_broker_that_is_killed_and_started_again_costs_cycles_not_the_episode() -> None:

    binary, port = require("nats-server", "nats-server"), free_port()
    command, url = [binary, "-a", "127.0.0.1", "-p", str(port)], f"nats://127.0.0.1:{port}"
    agents = []
    try:
        with process(command, port):
            agents = [start(url, "broker", role) for role in ("MG1", "MG2", "MG3")]
            env = microgrids_env(**DEADLINE, message_broker=url, run="broker", hosts="elsewhere", deadline_s=0.5)
            env.reset(seed=5)
            random = np.random.default_rng(5)
            for _ in range(5):
                infos = env.step(actions(env, random))[4]
        assert all(info["silent_cycles"] == 0 for info in infos.values())
        for _ in range(3):
            infos = env.step(actions(env, random))[4]
        assert all(info["silent_cycles"] == 3 for info in infos.values())
        with process(command, port):
            for _ in range(40):
                infos = env.step(actions(env, random))[4]
                if all(info["silent_cycles"] == 0 for info in infos.values()):
                    break
            assert all(info["silent_cycles"] == 0 for info in infos.values())
            inside_limits(env)
            env.close()
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()


def test_nothing_happens_to_the_devices_of_a_silent_agent_but_what_it_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its battery stays as it was last known; when the agent is back, what flowed meanwhile is drawn once."""
    answer, mute = GridAgent.answer, range(4, 8)

    def sometimes(self: GridAgent, question: Any) -> Any:
        if self.role == "MG2" and question.at.phase == "act" and question.at.step in mute:
            raise MessageError("mute", "says nothing")
        return answer(self, question)

    monkeypatch.setattr(GridAgent, "answer", sometimes)
    env = microgrids_env(**DEADLINE)
    env.reset(seed=2)
    discharging = {name: np.append(np.full(1, -1.0), np.array([0.3, -1.0, -1.0])) for name in env.agents}
    energy, power = [], []
    for _ in range(9):
        infos = env.step(discharging)[4]
        state = env.grid_state
        assert state is not None
        energy.append(float(state.devices["storage"].energy_mwh[0, 1]))
        power.append(float(infos["MG2"]["applied_mw"][1]))
    env.close()
    assert power[3:7] == [power[2], 0.0, 0.0, 0.0]  # held for one cycle, then off the grid
    assert energy[3:7] == [energy[2]] * 4
    kept = 1.0 - 2e-5 * 0.25
    expected = energy[2]
    for flown in power[3:8]:
        expected = expected * kept - flown * 0.25 / 0.95
    assert energy[7] == pytest.approx(expected, abs=1e-12)


def test_states_of_other_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settle = GridAgent.settle

    def short(self: GridAgent, message: Any) -> Any:
        receipt = settle(self, message)
        return receipt if self.role != "MG3" else type(receipt)(receipt.outcomes, receipt.states[:-1])

    monkeypatch.setattr(GridAgent, "settle", short)
    env = microgrids_env(centralized=False)
    with pytest.raises(MessageError, match="MG3 told states"):
        env.reset(seed=0)
    env.close()
