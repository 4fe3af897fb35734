"""The same loop against a server that others wrote: `transformers serve`, with nano behind it, and with a model that knows nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from tests.agents.llm.servers import free_port
from tests.agents.llm.views import view_of

from gridpilot.agents import make_agent
from gridpilot.agents.llm.agent import LanguageAgent
from gridpilot.agents.nano import SHIPPED, Nano
from gridpilot.operations import operate
from gridpilot.twin import make_twin

PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a server with a model that knows nothing."""
    with serving(folder, tmp_path_factory.mktemp("server") / "log.txt") as address:
        yield address


@pytest.fixture(scope="module")
def nano_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a server with nano."""
    with serving(SHIPPED, tmp_path_factory.mktemp("nano") / "log.txt") as address:
        yield address


@contextmanager
def serving(folder: Path, log: Path) -> Iterator[str]:
    """A server with the model of a folder, once it is up."""
    for needed in ("openai", "fastapi", "uvicorn"):
        pytest.importorskip(needed)
    port = free_port()
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(folder), "--port", str(port), "--device", "cpu"]
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as server:
        try:
            began_s = time.monotonic()
            while not is_up(f"http://127.0.0.1:{port}/health"):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() - began_s < PATIENCE_S, log.read_text()
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def is_up(address: str) -> bool:
    try:
        with urlopen(address, timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@pytest.mark.slow
def test_what_it_says_is_read_found_wrong_asked_for_again_and_stood_in_for(url: str, folder: Path) -> None:
    """Random weights make no decision: the exchange is what is tested. The model's own schema-bound decoding has its own test."""
    agent = make_agent("llm", base_url=url, model=str(folder), stand_in="rules", deadline_s=60.0, prompt_tokens=2000)
    assert isinstance(agent, LanguageAgent)
    try:
        found = agent.prepare()
        decision = agent.decide(view_of("six_bus"))
    finally:
        agent.close()
    assert "answers in" in found, found
    assert decision.deliberation is not None
    assert decision.deliberation.decided_by == "rules"
    outcomes = [attempt.outcome for attempt in decision.deliberation.attempts]
    assert [outcome for outcome in outcomes if outcome != "rejected"] == ["wrong", "wrong"], decision.deliberation.attempts


@pytest.mark.slow
def test_nano_operates_from_behind_it_as_it_does_in_this_process(nano_url: str) -> None:
    """Its weights in another program, its words over the wire: the same greedy replies, cycle by cycle."""
    agent = make_agent("llm", base_url=nano_url, model=str(SHIPPED), speech="nano", stand_in="rules", deadline_s=60.0)
    assert isinstance(agent, LanguageAgent)
    twin, here, by_model = make_twin("six_bus", seeds=(3,), start="2016-07-04", cycles=8), Nano(candidates=1), 0
    try:
        for record in operate(twin, agent):
            thought = record.decision.deliberation
            assert thought is not None
            if thought.decided_by == "llm":
                by_model += 1
                assert record.decision.thinking == here.decide(record.views[0]).thinking
            else:  # without this view's grammar a reply may be none; then it is said, and somebody else decides
                assert "is no sentence of nano" in thought.why
    finally:
        agent.close()
    assert by_model >= 4
