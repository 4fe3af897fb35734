"""A model of `transformers` in this process, whose every token keeps to the schema of a reply: what it says parses by construction.

llguidance (M. Moskal et al., "llguidance: making structured outputs go brrr", 2025) says at each step which tokens may come next;
the others get no probability. Candidates are one batch: the first takes the most likely token, the others draw.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridpilot.agents.llm.language_model import Asked, Question
from gridpilot.errors import ActionError, MissingExtraError, ModelError
from gridpilot.values import Attempt, Decision

try:
    import torch
    from llguidance import LLMatcher
    from llguidance.hf import from_tokenizer
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "local", "A language model in this process") from error

_WARM = 0.7
"""Temperature of all candidates but the first."""
_SAID_TOKENS = 400
"""Longest reply in free text."""
_TURN = "<extra_id_1>"
"""Nemotron's models begin a turn with it, also where they should end."""


class _Loaded(NamedTuple):
    """A model in memory."""

    model: Any
    tokenizer: Any
    guide: Any
    """The tokenizer as llguidance reads it."""
    stops: frozenset[int]
    context: int
    """Tokens of prompt and reply together, at most."""


class LocalModel:
    """A model in a folder, loaded when it is asked first."""

    def __init__(self, path: Path, adapter: Path | None = None) -> None:
        self._path, self._adapter = path, adapter

    @property
    def model(self) -> str:
        return self._path.name if self._adapter is None else f"{self._path.name}+{self._adapter.name}"

    def prepare(self, deadline_s: float) -> str:
        """Load the model, however long that takes."""
        began_s, found = monotonic(), self._loaded.model
        size = sum(parameter.numel() for parameter in found.parameters()) / 1e6
        where = f"{self.model}, {size:.1f} million parameters on {found.device}, loaded in {monotonic() - began_s:.1f} s"
        return f"{where}; it keeps to the schema token by token"

    def ask(self, question: Question, n: int, by_s: float) -> Asked:
        began_s, loaded = monotonic(), self._loaded
        assert question.schema is not None  # `gridpilot.agents.local` has no other speech
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(question.schema(True)), overrides={"whitespace_flexible": False})
        matchers = [LLMatcher(loaded.guide, grammar) for _ in range(n)]
        if matchers[0].is_error():
            return Asked((), (_attempt("rejected", began_s, f"the schema is no grammar: {matchers[0].get_error()}"),))
        try:
            texts = self._generate(question.messages, matchers, by_s)
        except ModelError as error:
            return Asked((), (_attempt(error.outcome, began_s, str(error)),))
        decisions: list[Decision] = []
        attempts: list[Attempt] = []
        for text in texts:
            try:
                decisions.append(question.judge(text))
            except ActionError as error:
                attempts.append(_attempt("wrong", began_s, " ".join(str(error).split())))
            else:
                attempts.append(_attempt("answered", began_s))
        attempts += [_attempt("late", began_s, "the reply was not finished by the deadline")] * (n - len(texts))
        return Asked(tuple(decisions), tuple(attempts))

    def say(self, messages: Sequence[Mapping[str, str]], by_s: float) -> str:
        texts = self._generate(messages, [None], by_s)
        if not texts:
            raise ModelError("late", "the reply was not finished by the deadline")
        return texts[0].strip()

    def close(self) -> None:
        """Let go of the model; it is loaded again when it is asked again."""
        self.__dict__.pop("_loaded", None)

    # ------------------------------------------------------------------------------------------------- decoding

    @torch.inference_mode()
    def _generate(self, messages: Sequence[Mapping[str, str]], matchers: Sequence[Any], by_s: float) -> list[str]:
        """Texts that were finished in time, one row per matcher; a row without a matcher is free.

        Raises `ModelError` where the prompt leaves no room in the context.
        """
        loaded = self._loaded
        prompt = self._tokens(messages)
        rows = [_Row(k, matcher) for k, matcher in enumerate(matchers)]
        ids, cache = torch.tensor([prompt] * len(rows), device=loaded.model.device), None
        draw = torch.Generator().manual_seed(0)
        for _ in range(loaded.context - len(prompt)):
            if monotonic() >= by_s:
                break
            out = loaded.model(input_ids=ids, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            chosen = [row.take(logits, draw, loaded) for row, logits in zip(rows, out.logits[:, -1].float().cpu(), strict=True)]
            if all(row.done for row in rows):
                break
            ids = torch.tensor([[token] for token in chosen], device=loaded.model.device)
        return [loaded.tokenizer.decode(row.tokens, skip_special_tokens=True) for row in rows if row.done]

    def _tokens(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """The prompt in the model's own form."""
        loaded = self._loaded
        if loaded.tokenizer.chat_template:
            text = loaded.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
            found: list[int] = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        else:
            found = loaded.tokenizer("\n\n".join(message["content"] for message in messages) + "\n\n")["input_ids"]
        if len(found) >= loaded.context:
            raise ModelError("rejected", f"the prompt has {len(found)} tokens and the model room for {loaded.context}: lower prompt_tokens")
        return found

    @cached_property
    def _loaded(self) -> _Loaded:
        tokenizer: Any = AutoTokenizer.from_pretrained(self._path, local_files_only=True)
        model: Any = AutoModelForCausalLM.from_pretrained(self._path, local_files_only=True, dtype="auto")
        if self._adapter is not None:
            model = _adapted(model, self._adapter)
        model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        stops = {tokenizer.eos_token_id, *([tokenizer.convert_tokens_to_ids(_TURN)] if _TURN in tokenizer.get_vocab() else [])}
        guide = from_tokenizer(tokenizer, n_vocab=model.config.vocab_size)
        return _Loaded(model, tokenizer, guide, frozenset(stops), int(model.config.max_position_embeddings))


class _Row:
    """One candidate while it grows."""

    def __init__(self, k: int, matcher: Any) -> None:
        self.tokens: list[int] = []
        self.done = False
        self._greedy, self._matcher = k == 0, matcher

    def take(self, logits: torch.Tensor, draw: torch.Generator, loaded: _Loaded) -> int:
        """The next token `[vocabulary]`; any, once the row is done."""
        if self.done:
            return next(iter(loaded.stops))
        if self._matcher is not None:
            logits = logits.masked_fill(~torch.from_numpy(_allowed(self._matcher, len(logits))), -torch.inf)
        token = int(logits.argmax()) if self._greedy else int(torch.multinomial(torch.softmax(logits / _WARM, -1), 1, generator=draw))
        ended = token in loaded.stops or (self._matcher is None and len(self.tokens) >= _SAID_TOKENS)
        if not ended:
            self.tokens.append(token)
        if self._matcher is not None:
            self._matcher.consume_token(token)
            ended = ended or self._matcher.is_stopped()
        self.done = ended
        return token


def _allowed(matcher: Any, vocabulary: int) -> NDArray[np.bool_]:
    """Tokens that may come next `[vocabulary]`."""
    mask = allocate_token_bitmask(1, vocabulary)
    fill_next_token_bitmask(matcher, mask)
    return np.unpackbits(mask.view(np.uint8)[0], bitorder="little", count=vocabulary).astype(np.bool_)


def _adapted(model: Any, adapter: Path) -> Any:
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtraError("peft", "local", "A LoRA adapter") from error
    return PeftModel.from_pretrained(model, str(adapter))


def _attempt(outcome: str, began_s: float, why: str = "") -> Attempt:
    return Attempt(outcome, 1000.0 * (monotonic() - began_s), why)
