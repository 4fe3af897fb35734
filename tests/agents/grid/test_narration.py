"""What the terminal of an agent shows: environments that come and go, answers that fail, messages that are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from msgspec import Raw

from gridpilot.agents.grid import narration
from gridpilot.agents.grid.narration import Narration
from gridpilot.errors import ConfigError
from gridpilot.messages import Wire
from gridpilot.messages.codec import Codec
from gridpilot.messages.drivers.in_memory import InMemoryBroker
from gridpilot.messages.envelope import StepId
from gridpilot.messages.steps import Question, Responder


def question(epoch: int, step: int = 0) -> Question:
    return Question("MG1", StepId(epoch, 1, step, "act"), 1e9, Raw(b"\xc0"), Codec())


def test_an_environment_that_joins_is_told_once_and_the_next_one_too() -> None:
    told: list[str] = []
    answer = Narration(told.append).of(lambda _: "done")
    assert [answer(question(7, step)) for step in range(3)] == ["done"] * 3
    assert told == ["an environment joined (epoch 7), at step 0 of episode 1"]
    answer(question(8, 5))
    assert told[1:] == ["an environment joined (epoch 8), at step 5 of episode 1"]


def test_a_failed_answer_is_told_once_and_still_fails() -> None:
    told: list[str] = []

    def refuse(_: Question) -> object:
        raise ConfigError("Some parameters cannot be changed.")

    answer = Narration(told.append).of(refuse)
    for epoch in (1, 1, 2):
        with pytest.raises(ConfigError):
            answer(question(epoch))
    assert [line for line in told if "cannot answer" in line] == ["MG1 cannot answer 'act': Some parameters cannot be changed."] * 2


def test_silence_and_refused_messages_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narration, "_LOOK_S", 0.01)
    told: list[str] = []
    shown = Narration(told.append, quiet_s=0.05)
    answer = shown.of(lambda _: None)

    async def watched(until: Callable[[], bool]) -> None:
        broker = InMemoryBroker()
        await broker.connect()
        responder = Responder(broker, "run", "MG1", {"MG1": answer}, wire=Wire())
        for frame in (b"no message", b"GPS1 signed by somebody", b"GPS1 again"):
            await responder.handle(("gp.run.MG1.act", frame))  # type: ignore[arg-type]  # any pair
        watching = asyncio.create_task(shown.watch(responder))
        answer(question(1))
        async with asyncio.timeout(10.0):
            while not until():
                await asyncio.sleep(0.01)
        answer(question(1, 1))
        watching.cancel()
        await broker.close()

    asyncio.run(watched(lambda: any("asked nothing" in line for line in told)))
    assert [line.partition(":")[0] for line in told if "refused" in line] == ["messages are refused (3 so far)"] * 2
    assert sum("is signed, and here are no keys" in line for line in told) == 1
    assert sum("asked nothing for 0.05 s" in line for line in told) == 1
    assert told[-1] == "the environment asks again, at step 1 of episode 1"
