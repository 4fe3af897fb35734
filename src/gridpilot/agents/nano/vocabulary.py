"""The words of nano, and the turns of its chat: one token per word, every whole number from -99 to 99 a word of its own.

The vocabulary is that of `tokenizer.json` beside the weights, which other programs read as well. Turns are those of
Nemotron-Mini's chat template; white space separates words and is no token.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gridpilot.agents.nano.levers import CLOSE, HIGH, LARGEST, LOW, MOST
from gridpilot.errors import DataError
from gridpilot.values import RISK_LEVELS

UNKNOWN, PAD, BEGIN, END, SYSTEM, TURN = "<unk>", "<pad>", "<s>", "</s>", "<extra_id_0>", "<extra_id_1>"
SPECIALS = (UNKNOWN, PAD, BEGIN, END, SYSTEM, TURN)
"""In the places that Nemotron-Mini has them."""
CHAT_TEMPLATE = (
    "{{ '<extra_id_0>System' }}{% for message in messages %}{% if message['role'] == 'system' %}{{ '\\n' + message['content'].strip() }}"
    "{% endif %}{% endfor %}{{ '\\n\\n' }}{% for message in messages %}{% if message['role'] != 'system' %}"
    "{{ '<extra_id_1>' + ('User' if message['role'] == 'user' else 'Assistant') + '\\n' + message['content'].strip() + '\\n' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<extra_id_1>Assistant\\n' }}{% endif %}"
)
"""As in nvidia/Nemotron-Mini-4B-Instruct, without its tools."""


def all_words() -> tuple[str, ...]:
    """Every word in the order of its token."""
    slots = (f"{letter}{k}" for letter, most in MOST.items() for k in range(1, most + 1))
    told = ("now", "then", "band", "room", "cost", "dem", "hot", "low", "high")
    numbers = (str(k) for k in range(-LARGEST, LARGEST + 1))
    return (*SPECIALS, "System", "User", "Assistant", *RISK_LEVELS, *told, LOW, HIGH, CLOSE, *slots, *numbers)


def chat(prompt: str) -> str:
    """A prompt as the turns that a reply follows."""
    return f"{SYSTEM}System\n\n{TURN}User\n{prompt}\n{TURN}Assistant\n"


@dataclass(frozen=True)
class Vocabulary:
    """Words and their tokens."""

    words: tuple[str, ...]
    token: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", {word: k for k, word in enumerate(self.words)})

    def encode(self, text: str) -> list[int]:
        """Tokens of a text; what is no word is the unknown token."""
        for special in SPECIALS:
            text = text.replace(special, f" {special} ") if special in text else text
        unknown = self.token[UNKNOWN]
        return [self.token.get(word, unknown) for word in text.split()]

    def decode(self, tokens: Iterable[int]) -> list[str]:
        """Words of tokens."""
        return [self.words[token] for token in tokens]

    def tokens(self, words: Sequence[str]) -> list[int]:
        """Tokens of words that are all known; raises `KeyError` for another."""
        return [self.token[word] for word in words]


def read_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary of a `tokenizer.json`; raises `DataError` where it is not one of whole words."""
    try:
        token: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no tokenizer of nano: {error}. Build the model again with `gridpilot nano build`.") from error
    words = tuple(sorted(token, key=token.__getitem__))
    lost = sorted(set(all_words()) - set(words))
    if lost or [token[word] for word in words] != list(range(len(words))):
        raise DataError(f"{path} lacks words that prompts have ({', '.join(lost[:5]) or 'gaps between tokens'}): build the model again.")
    return Vocabulary(words)
