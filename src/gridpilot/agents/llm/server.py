"""A model behind an OpenAI-compatible endpoint: NVIDIA NIM, vLLM, TensorRT-LLM, SGLang, llama.cpp, Ollama and others.

The `openai` client sends; retries, back-off and the deadline are here, so that they fit into a cycle. Everything that comes from the
server passes `Endpoint.hide` before anybody else sees it: servers echo headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from enum import Enum
from time import monotonic
from typing import Any, TypeVar

from gridpilot.agents.llm.answers import Text, text_of
from gridpilot.agents.llm.endpoint import Endpoint
from gridpilot.agents.llm.language_model import Asked, Question
from gridpilot.agents.llm.waiting import back_off_s, retry_after_s
from gridpilot.errors import ActionError, MissingExtraError, ModelError
from gridpilot.messages.loop import LoopThread
from gridpilot.values import Attempt, Decision

try:
    import openai
    from openai import AsyncOpenAI
except ImportError as error:
    raise MissingExtraError("openai", "llm", "A language model at an endpoint") from error

REPLY_TOKENS = 800
MOST_FAILURES = 4
"""Times in a row that a server may fail in one cycle before it is let be."""
_WARM = 0.7
"""Temperature of all candidates but the first, which is the most likely one."""
_LONGEST_WHY = 200
_PROBE_TOKENS = 24
_PROBE = {"type": "object", "properties": {"word": {"enum": ["ready"]}}, "required": ["word"], "additionalProperties": False}

T = TypeVar("T")


class Format(Enum):
    """What a server makes of a JSON Schema in `response_format`."""

    UNKNOWN = "it has not been found out whether it keeps to a JSON Schema (response_format)"
    KEPT = "it keeps to a JSON Schema (response_format)"
    IGNORED = "it ignores a JSON Schema (response_format): a wrong reply is asked for once more"
    REFUSED = "it refuses a JSON Schema (response_format): a wrong reply is asked for once more"


class Server:
    """A model at an endpoint; nothing is opened before it is asked."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.format = Format.UNKNOWN
        self._endpoint = endpoint
        self._loop: LoopThread | None = None
        self._client: AsyncOpenAI | None = None
        self._not_before_s = 0.0
        """Until when the server asked to be let be, on the monotonic clock."""

    @property
    def model(self) -> str:
        return self._endpoint.model

    def prepare(self, deadline_s: float) -> str:
        """Ask for a word, under a schema that allows only another one."""
        messages = [{"role": "user", "content": "Say hello, in one word."}]
        where, began_s = f"{self.model} at {self._endpoint.base_url}", monotonic()
        try:
            found = self._run(self._probe(messages, began_s + deadline_s))
        except ModelError as error:
            return f"{where} does not answer ({error.outcome}: {error})"
        self.format = found
        return f"{where} answers in {monotonic() - began_s:.1f} s; {found.value}"

    def ask(self, question: Question, n: int, by_s: float) -> Asked:
        attempts: list[Attempt] = []
        decisions = self._run(self._ask_all(question, n, by_s, attempts))
        return Asked(tuple(decisions), tuple(attempts))

    def say(self, messages: Sequence[Mapping[str, str]], by_s: float) -> str:
        try:
            return self._run(asyncio.wait_for(self._complete(messages, by_s), max(by_s - monotonic(), 0.0))).content
        except TimeoutError as error:
            raise ModelError("late", "no answer in time") from error

    def close(self) -> None:
        loop, client, self._loop, self._client = self._loop, self._client, None, None
        if loop is not None:
            if client is not None:
                loop.run(client.close())
            loop.close()

    # ---------------------------------------------------------------------------------------------- one question

    async def _ask_all(self, question: Question, n: int, by_s: float, attempts: list[Attempt]) -> list[Decision]:
        """Candidates that came in time; those that did not are given up."""
        left_s = self._not_before_s - monotonic()
        if monotonic() + left_s > by_s:
            attempts.append(Attempt("busy", 0.0, f"the server asked to be let be for another {left_s:.1f} s"))
            return []
        tasks = [asyncio.create_task(self._candidate(question, k, by_s, attempts)) for k in range(n)]
        done, late = await asyncio.wait(tasks, timeout=max(by_s - monotonic(), 0.0))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return [found for task in tasks if task in done and (found := task.result()) is not None]

    async def _candidate(self, question: Question, k: int, by_s: float, attempts: list[Attempt]) -> Decision | None:
        """A decision, asked for once more with its errors where it is wrong; None where there is none."""
        messages = list(question.messages)
        schema = None if question.schema is None else question.schema(False)
        # What is wrong is said in English, which a model that answers in no JSON does not read.
        for _ in range(1 if schema is None else 2):
            said = await self._answer(messages, by_s, attempts, seed=k, schema=schema)
            if said is None:
                return None
            try:
                decision = question.judge(said.content)
            except ActionError as error:
                attempts.append(Attempt("wrong", said.ms, self._short(f"{'cut off; ' if said.cut else ''}{error}")))
                messages += [{"role": "assistant", "content": said.content}, {"role": "user", "content": _again(error)}]
            else:
                attempts.append(Attempt("answered", said.ms))
                return decision
        return None

    async def _answer(
        self, messages: Sequence[Mapping[str, str]], by_s: float, attempts: list[Attempt], *, seed: int, schema: Mapping[str, Any] | None
    ) -> Text | None:
        """An answer after as many retries as there is time for; None where there is none. Failures are among the attempts then."""
        for failures in range(1, MOST_FAILURES + 1):
            began_s, sent = monotonic(), schema if self.format is not Format.REFUSED else None
            try:
                return await self._complete(messages, by_s, seed=seed, schema=sent)
            except asyncio.CancelledError:
                attempts.append(_attempt("late", began_s, "no answer by the deadline"))
                raise
            except _RequestError as failure:
                attempts.append(_attempt(failure.outcome, began_s, str(failure)))
                wait_s = back_off_s(failures) if failure.wait_s is None else failure.wait_s
                if failure.of_request and sent is not None:
                    self.format, wait_s = Format.REFUSED, 0.0
                elif not failure.passing or monotonic() + wait_s >= by_s:
                    return None
            await asyncio.sleep(wait_s)
        return None

    async def _probe(self, messages: Sequence[Mapping[str, str]], by_s: float) -> Format:
        for schema in (_PROBE, None):
            try:
                ask = self._complete(messages, by_s, schema=schema, tokens=_PROBE_TOKENS)
                said = await asyncio.wait_for(ask, max(by_s - monotonic(), 0.0))
            except TimeoutError as error:
                raise ModelError("late", "no answer in time") from error
            except _RequestError as failure:
                if schema is None or not failure.of_request:
                    raise
            else:
                return Format.REFUSED if schema is None else Format.KEPT if _is_ready(said.content) else Format.IGNORED
        raise AssertionError("unreachable: the second request returns or raises")

    # ---------------------------------------------------------------------------------------------- one request

    async def _complete(
        self, messages: Sequence[Mapping[str, str]], by_s: float, *, seed: int = 0, schema: Mapping[str, Any] | None = None,
        tokens: int = REPLY_TOKENS,
    ) -> Text:  # fmt: skip
        """One completion; raises `_RequestError` for what the server does wrong."""
        began_s = monotonic()
        asked: dict[str, Any] = {"model": self.model, "messages": messages, "max_tokens": tokens, "seed": seed}
        if schema is not None:
            asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
        try:
            raw = await self._opened().chat.completions.with_raw_response.create(
                **asked, temperature=_WARM if seed else 0.0, timeout=max(by_s - began_s, 0.001)
            )
        except openai.OpenAIError as error:
            failure = self._failure(error)
            if failure.wait_s is not None:
                self._not_before_s = monotonic() + failure.wait_s
            raise failure from None  # the cause may hold the key
        try:
            said = text_of(raw.content)
        except ModelError as error:
            raise _RequestError(error.outcome, self._short(str(error)), passing=True) from None
        return Text(self._endpoint.hide(said.content), said.cut, 1000.0 * (monotonic() - began_s))

    def _failure(self, error: openai.OpenAIError) -> _RequestError:
        if isinstance(error, openai.APITimeoutError):
            return _RequestError("late", "no answer by the deadline")
        if not isinstance(error, openai.APIStatusError):
            return _RequestError(
                "failed", self._short(f"no connection to {self._endpoint.base_url}: {error.__cause__ or error}"), passing=True
            )
        status = error.status_code
        passing = status in (408, 409, 429) or status >= 500
        outcome = "busy" if status == 429 else "failed" if passing else "rejected"
        hint = "; name the variable with the key by --api-key-env" if status in (401, 403) else ""
        why = self._short(f"HTTP {status}: {error.message}") + hint
        wait_s = retry_after_s(error.response.headers) if passing else None
        return _RequestError(outcome, why, passing=passing, of_request=status in (400, 422), wait_s=wait_s)

    def _short(self, text: str) -> str:
        line = " ".join(self._endpoint.hide(text).split())
        return line if len(line) <= _LONGEST_WHY else f"{line[: _LONGEST_WHY - 1]}…"

    # ------------------------------------------------------------------------------------------------ resources

    def _opened(self) -> AsyncOpenAI:
        if self._client is None:
            key = self._endpoint.key
            # A server without keys takes any; the client wants one.
            secret = "none" if key is None else key.secret
            self._client = AsyncOpenAI(base_url=self._endpoint.base_url, api_key=secret, max_retries=0)
        return self._client

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine, in the loop of this server."""
        if self._loop is None:
            self._loop = LoopThread()
        return self._loop.run(work)


class _RequestError(ModelError):
    """A request that came to nothing."""

    def __init__(self, outcome: str, why: str, *, passing: bool = False, of_request: bool = False, wait_s: float | None = None) -> None:
        self.passing = passing
        """Whether it may go well the next time."""
        self.of_request = of_request
        """Whether the server does not like what it was sent."""
        self.wait_s = wait_s
        """What the server asked to wait; None where it said nothing."""
        super().__init__(outcome, why)


def _attempt(outcome: str, began_s: float, why: str = "") -> Attempt:
    return Attempt(outcome, 1000.0 * (monotonic() - began_s), why)


def _again(error: ActionError) -> str:
    return f"That reply cannot be used.\n{error}\nReply again: one JSON object with assessment, risk_level and actions, and nothing else."


def _is_ready(text: str) -> bool:
    return "".join(text.split()) == '{"word":"ready"}'
