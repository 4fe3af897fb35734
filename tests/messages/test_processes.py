"""Roles in other processes, over a real broker: the same answers as in this process, also when something is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.messages.servers import Server, free_port, nats, process, require, require_client

from gridpilot.errors import BrokerError
from gridpilot.messages.steps import Question, StepSession, StepSettings

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("MG1", "MG2", "MG3")

AGENT = """
import asyncio, sys
from gridpilot.messages import open_broker
from gridpilot.messages.steps import Responder
from tests.messages.test_processes import recursion
async def serve(url, role):
    broker = open_broker(url)
    await broker.connect()
    responder = Responder(broker, "run", role, {role: recursion()})
    await responder.open()
    grid = ("gridpilot.network", "gridpilot.powerflow", "gridpilot.twin", "numba")
    print(sorted(name for name in sys.modules if name.startswith(grid)), flush=True)
    await responder.finished()
asyncio.run(serve(*sys.argv[1:]))
"""

Start = Callable[[str], "subprocess.Popen[str]"]


def recursion() -> Callable[[Question], float]:
    """A role with a state of its own whose every bit depends on all requests before."""
    state = 0.1

    def answer(question: Question) -> float:
        nonlocal state
        state = 3.7 * state * (1.0 - state) + 1e-3 * question.read(float)
        return state

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    with nats() as running:
        yield running


@pytest.fixture
def start(server: Server) -> Iterator[Start]:
    """Starts the agent of a role in a process of its own."""
    with ExitStack() as stack:

        def started(role: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", AGENT, server.url, role]
            agent = stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
            stack.callback(agent.kill)
            return agent

        yield started


def played(session: StepSession, steps: range) -> list[dict[str, float]]:
    return [session.ask(0, step, "act", {role: float(step) for role in ROLES}, float).values for step in steps]


def test_answers_from_other_processes_are_those_of_this_one_bit_for_bit(server: Server, start: Start) -> None:
    agents = [start(role) for role in ROLES]
    assert [agent.stdout and agent.stdout.readline() for agent in agents] == ["[]\n"] * 3, "an agent's process loaded the grid"
    with StepSession(server.url, "run") as session:
        session.wait_for(ROLES)
        distributed = played(session, range(96))
    with StepSession("in_memory", "run") as session:
        for role in ROLES:
            session.host(role, {role: recursion()})
        session.wait_for(ROLES)
        assert distributed == played(session, range(96))


def test_a_killed_agent_is_missed_and_its_successor_joins(server: Server, start: Start) -> None:
    agents = {role: start(role) for role in ROLES}
    with StepSession(server.url, "run", settings=StepSettings("deadline", deadline_s=0.3, resend_s=0.1)) as session:
        session.wait_for(ROLES)
        assert [len(answers) for answers in played(session, range(5))] == [3] * 5
        agents["MG2"].send_signal(signal.SIGKILL)
        agents["MG2"].wait()
        assert [sorted(answers) for answers in played(session, range(5, 7))] == [["MG1", "MG3"]] * 2
        first = session.requester.incarnations["MG2"]
        successor = start("MG2")
        assert successor.stdout is not None
        successor.stdout.readline()
        assert [sorted(answers) for answers in played(session, range(7, 9))] == [sorted(ROLES)] * 2
        assert session.requester.incarnations["MG2"] > first


def test_a_killed_broker_costs_time_and_no_step(start: Start, server: Server) -> None:
    """Its successor on the same port finds all clients again; every step is carried out once, so the bits are the same."""
    require_client("nats", "nats")
    port = free_port()
    command = [require("nats-server", "nats-server"), "-a", "127.0.0.1", "-p", str(port)]
    with StepSession("in_memory", "run") as session:
        session.host("MG1", {"MG1": recursion()})
        session.wait_for(["MG1"])
        expected = [session.ask(0, step, "act", {"MG1": float(step)}, float).values for step in range(20)]
    with ExitStack() as stack:
        first = stack.enter_context(process(command, port))
        session = stack.enter_context(StepSession(f"nats://127.0.0.1:{port}", "run", settings=StepSettings(deadline_s=20.0)))
        stack.enter_context(_agent_at(f"nats://127.0.0.1:{port}"))
        session.wait_for(["MG1"])
        found = [session.ask(0, step, "act", {"MG1": float(step)}, float).values for step in range(10)]
        first.send_signal(signal.SIGKILL)
        first.wait()
        second = stack.enter_context(process(command, port))
        found += [session.ask(0, step, "act", {"MG1": float(step)}, float).values for step in range(10, 20)]
        assert found == expected
        assert second.poll() is None


def _agent_at(url: str) -> ExitStack:
    stack = ExitStack()
    agent = stack.enter_context(subprocess.Popen([sys.executable, "-c", AGENT, url, "MG1"], cwd=ROOT, stdout=subprocess.PIPE, text=True))
    stack.callback(agent.kill)
    return stack


def test_agents_that_never_come_are_named(server: Server) -> None:
    with StepSession(server.url, "run") as session, pytest.raises(BrokerError, match="MG1, MG2, MG3"):
        session.wait_for(ROLES, timeout_s=0.3)
