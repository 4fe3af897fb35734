"""What happens to the agents of a process, in sentences for whoever started it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gridpilot.errors import GridpilotError
from gridpilot.messages.steps import Answer, Question, Responder

QUIET_S = 10.0
"""After so long without a request, the environment is said to be gone: one that is killed says nothing itself."""
_LOOK_S = 0.5


class Narration:
    """Tells when an environment joins and leaves, why an agent cannot answer, and why messages were refused; each once."""

    def __init__(self, tell: Callable[[str], None], quiet_s: float = QUIET_S) -> None:
        self._tell, self._quiet_s = tell, quiet_s
        self._epoch = -1
        self._last_s: float | None = None
        """When the last request came; None while no environment asks."""
        self._told: set[tuple[int, str]] = set()
        """By epoch, as the next environment has to hear it too; −1 for what concerns all."""

    def of(self, answer: Answer) -> Answer:
        """The same answers, told."""

        def told(question: Question) -> object:
            self._hear(question)
            try:
                return answer(question)
            except GridpilotError as error:
                why = f"{question.role} cannot answer {question.at.phase!r}: {error}"
                self._once((question.at.epoch, why), why)
                raise

        return told

    async def watch(self, responder: Responder) -> None:
        """Look for silence and for refused messages, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for check, sentence in responder.refused.items():
                self._once((-1, check), f"messages are refused ({responder.counts['refused']} so far): {sentence}")
            if self._last_s is not None and time.monotonic() - self._last_s > self._quiet_s:
                self._last_s = None
                self._tell(f"the environment has asked nothing for {self._quiet_s:g} s; still listening")

    def _hear(self, question: Question) -> None:
        at, away = question.at, self._last_s is None
        self._last_s = time.monotonic()
        if at.epoch != self._epoch:
            self._tell(f"an environment joined (epoch {at.epoch}), at step {at.step} of episode {at.episode}")
        elif away:
            self._tell(f"the environment asks again, at step {at.step} of episode {at.episode}")
        self._epoch = at.epoch

    def _once(self, what: tuple[int, str], sentence: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._tell(sentence)
