"""`llm`: a language model behind an OpenAI-compatible endpoint operates the grid.

`agent` puts it together: `prompt` (from `sections`) says what the model sees, `schema` and `reply` what it may answer, `claims`
whether what it says is so; `server` asks an endpoint, `constrained` runs a model in this process, and `chat` answers people's questions.
"""

from __future__ import annotations

from gridpilot.agents import make_agent
from gridpilot.agents.llm.agent import DEFAULT_DEADLINE_S, DEFAULT_STAND_IN, LanguageAgent
from gridpilot.agents.llm.endpoint import find_endpoint
from gridpilot.agents.llm.prompt import DEFAULT_TOKENS
from gridpilot.agents.llm.retrieval import Retriever, nothing_known
from gridpilot.agents.llm.speech import JSON
from gridpilot.agents.llm.speech import speech as speech_named
from gridpilot.values import Agent

NAME = "llm"


def make(
    *,
    base_url: str | None = None,
    model: str | None = None,
    api_key_env: str | None = None,
    stand_in: str | Agent = DEFAULT_STAND_IN,
    candidates: int = 1,
    deadline_s: float = DEFAULT_DEADLINE_S,
    prompt_tokens: int = DEFAULT_TOKENS,
    speech: str = JSON,
    retriever: Retriever = nothing_known,
) -> LanguageAgent:
    """The agent, asking `model` at `base_url` (see `find_endpoint`); raises `ConfigError`, and `MissingExtraError` without `openai`."""
    endpoint = find_endpoint(base_url, model, api_key_env)
    # Imported here: the names of agents are listed without the client of a server.
    from gridpilot.agents.llm.server import Server

    standing = make_agent(stand_in) if isinstance(stand_in, str) else stand_in
    return LanguageAgent(Server(endpoint), standing, NAME, retriever, candidates, deadline_s, prompt_tokens, speech_named(speech))
