"""Seconds per step of distributed microgrids: in memory, and over a broker with the agents in other processes.

Every row plays one whole episode of 96 steps in lockstep, after a warm-up episode. Logical messages are counted before any
share an envelope; bytes are those of the envelopes.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from gridpilot.agents.grid.processes import agent_processes
from gridpilot.envs.microgrids import MicrogridsEnv, microgrids_env
from gridpilot.errors import BrokerError
from gridpilot.evaluation.bench.report import Row, Tell, installed, silent
from gridpilot.messages.address import IN_MEMORY

SIZES = (3, 10, 50, 100)
STEPS = 96
PROCESSES = 3
"""Agents over a broker live in so many processes."""
_REACH = 0.2
_START_S = 20.0
_NO_BROKER = "nats-server or its client is not installed: apt-get install nats-server, pip install 'gridpilot[nats]'"


def rows(sizes: Sequence[int] = SIZES, steps: int = STEPS, tell: Tell = silent) -> list[Row]:
    """Rows `messages/<broker>/<microgrids>`, and with `/logical` and `/bytes`, per step."""
    found = []
    for size in sizes:
        tell(f"messages/in_memory/{size}")
        found += _rows("in_memory", size, IN_MEMORY, "here", steps, "agents in the environment's process, all messages encoded")
    if shutil.which("nats-server", path=_search_path()) is None or not installed("nats"):
        return [*found, Row(name=f"messages/nats/{sizes[0]}", value=float("nan"), unit="seconds per step", note=_NO_BROKER)]
    for size in sizes:
        tell(f"messages/nats/{size}")
        with _nats() as url, agent_processes(url, _run(size), [f"MG{k + 1}" for k in range(size)], PROCESSES, quiet=True):
            note = f"nats-server, agents in {min(PROCESSES, size)} other processes, batched per host"
            found += _rows("nats", size, url, "elsewhere", steps, note)
    return found


def scenario_of(size: int) -> str:
    """The scenario of so many microgrids."""
    return "three_microgrids" if size == 3 else f"microgrids-{size}"


def _rows(broker: str, size: int, url: str, hosts: str, steps: int, note: str) -> list[Row]:
    env = microgrids_env(
        scenario=scenario_of(size), centralized=False, message_broker=url, run=_run(size), hosts=hosts, join_s=120.0, deadline_s=30.0
    )
    try:
        env.reset(seed=0)
        _play(env, steps)  # compiles, here and there
        env.reset(seed=0)
        before, sent = env.messages, env.bytes_sent
        seconds = _play(env, steps)
        counted = {kind: count / len(seconds) for kind, count in (env.messages - before).items() if kind != "receipt"}
        told = ", ".join(f"{kind} {count:g}" for kind, count in counted.items())
        name, ways = f"messages/{broker}/{size}", "both ways" if hosts == "here" else "requests; replies are published elsewhere"
        return [
            Row(name=name, value=statistics.median(seconds), unit="seconds per step", note=note),
            Row(name=f"{name}/logical", value=sum(counted.values()), unit="logical messages per step", note=told),
            Row(name=f"{name}/bytes", value=(env.bytes_sent - sent) / len(seconds), unit="bytes per step", note=ways),
        ]
    finally:
        env.close()


def _play(env: MicrogridsEnv, steps: int) -> list[float]:
    """Seconds of every step of an episode that has begun."""
    random, seconds = np.random.default_rng(0), []
    for _ in range(steps):
        drawn = {name: random.uniform(-_REACH, _REACH, env.action_space(name).shape).astype(np.float32) for name in env.agents}
        begun = time.perf_counter()
        env.step(drawn)
        seconds.append(time.perf_counter() - begun)
        if not env.agents:
            break
    return seconds


def _run(size: int) -> str:
    return f"bench-{os.getpid()}-{size}"


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


@contextmanager
def _nats() -> Iterator[str]:
    """A server of our own on a free port."""
    binary = shutil.which("nats-server", path=_search_path())
    assert binary is not None  # held by `rows`
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command, nowhere = [binary, "-a", "127.0.0.1", "-p", str(port)], subprocess.DEVNULL
    with subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere) as server:
        try:
            _wait_for(port)
            yield f"nats://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise BrokerError(f"nats-server did not listen on port {port} within {_START_S:g} s.")
