"""`local:PATH`: a language model in a folder of this machine operates the grid, held to the schema token by token.

The folder is one that `transformers` reads (config.json, safetensors, tokenizer.json); `adapter` is a LoRA adapter for it.
"""

from __future__ import annotations

from pathlib import Path

from gridpilot.agents import make_agent
from gridpilot.agents.llm.agent import DEFAULT_DEADLINE_S, DEFAULT_STAND_IN, LanguageAgent
from gridpilot.agents.llm.prompt import DEFAULT_TOKENS
from gridpilot.agents.llm.retrieval import Retriever, nothing_known
from gridpilot.errors import ConfigError, Problem
from gridpilot.values import Agent

NAME = "local"
ARGUMENT = "path"


def make(
    *,
    path: str = "",
    adapter: str | None = None,
    stand_in: str | Agent = DEFAULT_STAND_IN,
    candidates: int = 1,
    deadline_s: float = DEFAULT_DEADLINE_S,
    prompt_tokens: int = DEFAULT_TOKENS,
    retriever: Retriever = nothing_known,
) -> LanguageAgent:
    """The agent; raises `ConfigError` for folders that hold no model, and `MissingExtraError` without `torch` and its company."""
    if not path:
        raise ConfigError("Which model? Name its folder behind a colon, as in local:models/nemotron-mini-4b.")
    problems = [
        Problem(folder, f"has no {file}; expected a folder with {what}")
        for folder, file, what in ((path, "config.json", "a model of transformers"), (adapter, "adapter_config.json", "a LoRA adapter"))
        if folder is not None and not (Path(folder) / file).is_file()
    ]
    if problems:
        raise ConfigError("A language model cannot be read.", problems)
    # Imported here: the names of agents are listed without torch.
    from gridpilot.agents.llm.constrained import LocalModel

    standing = make_agent(stand_in) if isinstance(stand_in, str) else stand_in
    model = LocalModel(Path(path), None if adapter is None else Path(adapter))
    return LanguageAgent(model, standing, NAME, retriever, candidates, deadline_s, prompt_tokens)
