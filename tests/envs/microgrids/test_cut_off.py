"""The broker is cut off under an agent: what it does by itself is what the environment takes it to do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import Any

import numpy as np
import pytest
from tests.messages.chaos import ChaosProxy
from tests.messages.servers import Server, nats

from gridpilot.agents.grid.host import serve
from gridpilot.envs.microgrids import MicrogridsEnv, microgrids_env
from gridpilot.messages.steps import Responder

DEADLINE_S, HOLD = 0.25, 3
BATTERY = 1


class Agents:
    """MG2 behind a proxy that can be cut, the others at the broker itself, in a thread of their own."""

    def __init__(self, server: Server) -> None:
        self.said: list[str] = []
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        self._serving: list[asyncio.Task[None]] = []
        self._run(self._open())

    def cut(self) -> None:
        async def cut() -> None:
            self._proxy.cut()

        self._run(cut())

    def heal(self) -> None:
        self._run(self._proxy.heal())

    def close(self) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _open(self) -> None:
        self._proxy = await ChaosProxy(self._server).__aenter__()
        for url, roles in ((self._proxy.url, ["MG2"]), (self._server.url, ["MG1", "MG3"])):
            heard = asyncio.Event()
            self._serving.append(asyncio.create_task(serve(url, "cut", roles, ready=partial(_note, heard), tell=self._hear)))
            await heard.wait()

    async def _close(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._proxy.__aexit__(None, None, None)

    def _hear(self, sentence: str) -> None:
        self.said.append(sentence)


def _note(heard: asyncio.Event, _: Responder) -> None:
    heard.set()


@contextmanager
def behind(server: Server, mode: str) -> Iterator[tuple[MicrogridsEnv, Agents]]:
    agents = Agents(server)
    try:
        env = microgrids_env(
            centralized=False, message_broker=server.url, run="cut", hosts="elsewhere", mode=mode, pace_s=0.05, deadline_s=DEADLINE_S,
            hold_cycles=HOLD,
        )  # fmt: skip
        env.reset(seed=5)
        yield env, agents
        env.close()
    finally:
        agents.close()


def drawn(energy_mwh: float, p_mw: float) -> float:
    """A battery after a step at a power."""
    return energy_mwh * (1.0 - 2e-5 * 0.25) - 0.25 * (p_mw / 0.95 if p_mw > 0.0 else p_mw * 0.95)


@pytest.mark.parametrize("mode", ["deadline", "free-running"])
def test_an_agent_that_is_cut_off_holds_then_leaves_the_grid_and_comes_back(mode: str) -> None:
    with nats() as server, behind(server, mode) as (env, agents):
        state = env.grid_state
        assert state is not None
        energy = float(state.devices["storage"].energy_mwh[0, BATTERY])
        powers: list[float] = []
        on_grid: list[bool] = []

        def step() -> None:
            told: dict[str, Any] = env.step({name: np.array([0.2, 0.1, 0.3, 0.3], np.float32) for name in env.agents})[4]
            powers.append(float(told["MG2"]["applied_mw"][BATTERY]))
            on_grid.append(bool(told["MG2"]["ordered_mw"].any()))

        def step_until(is_on: bool) -> None:
            while on_grid[-1] != is_on:
                step()

        for _ in range(4):
            step()
        before = len(agents.said)
        agents.cut()
        step_until(False)
        step()
        agents.heal()
        step_until(True)
        for _ in range(4):
            step()
        said = [sentence for sentence in agents.said if sentence.startswith("MG2: ")]
        # It compares every step that was booked without it: the environment never took it to be on the grid, or off it, when it was not.
        assert not any("clocks" in sentence for sentence in said)
        leaves = agents.said.index("MG2: the orders of its devices are no longer valid; they are off the grid", before)
        assert any(
            sentence.startswith("MG2: nothing heard of the environment; its devices hold") for sentence in agents.said[before:leaves]
        )
        back = "MG2: the environment is back; its devices follow orders again after "
        assert any(sentence.startswith(back) for sentence in agents.said[leaves:])
        # What was booked is what flowed, also while nobody heard of it.
        state = env.grid_state
        assert state is not None
        booked, expected = float(state.devices["storage"].energy_mwh[0, BATTERY]), [energy]
        for p_mw in powers:
            expected.append(drawn(expected[-1], p_mw))
        assert min(abs(booked - value) for value in expected[-8:]) < 1e-12
