"""Whatever a server does, the cycle has a decision by the deadline, and the trace says how it came about."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("openai")

from tests.agents.llm import servers
from tests.agents.llm.servers import HOLD, Behaviour, fake_server, says

from gridpilot.agents import make_agent
from gridpilot.agents.llm.agent import LanguageAgent
from gridpilot.agents.nano.levers import levers_of
from gridpilot.agents.nano.prompt import prompt
from gridpilot.errors import ConfigError
from gridpilot.operations import RunConfig, operate, start_run
from gridpilot.testing import check_agent
from gridpilot.traces import Header, create_log, read_trace
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Decision, Deliberation, View

DEADLINE_S = 0.8
SLACK_S = 10.0
"""For the stand-in and a machine that is busy with other things; far less than what hangs would take."""
AMPLE_S = 60.0
PATIENCE_S = {"late": DEADLINE_S, "failed": 2.0, "busy": 2.0, "wrong": AMPLE_S, "rejected": AMPLE_S}
"""Deadline by outcome: what is wrong at once must not be late instead, on a machine that is busy with other things."""
BATTERY = {"type": "STORAGE", "target": "BESS-SUBURB", "params": {"setpoint_mw": -20}, "reason": "evening"}
DISCHARGE = {"assessment": "Evening peak.", "risk_level": "MEDIUM", "actions": [BATTERY]}
TOO_MUCH = {**DISCHARGE, "actions": [{**BATTERY, "params": {"setpoint_mw": -500}}]}


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin("six-bus", seeds=(3,), cycles=2)


@pytest.fixture(scope="module")
def view(twin: Twin) -> View:
    seen = twin.observe(twin.first())
    make_agent("rules").decide(seen)  # what is loaded once is loaded now
    return seen


@pytest.fixture
def agents() -> Iterator[list[LanguageAgent]]:
    """Agents that are closed at the end."""
    made: list[LanguageAgent] = []
    yield made
    for agent in made:
        agent.close()


def asking(agents: list[LanguageAgent], url: str, **options: Any) -> LanguageAgent:
    agent = make_agent("llm", **{"base_url": url, "model": "a-model", "stand_in": "rules", "deadline_s": AMPLE_S, **options})
    assert isinstance(agent, LanguageAgent)
    agents.append(agent)
    return agent


def thought(decision: Decision) -> Deliberation:
    assert decision.deliberation is not None
    return decision.deliberation


def timed(agent: LanguageAgent, view: View) -> tuple[Decision, float]:
    began_s = time.monotonic()
    decision = agent.decide(view)
    return decision, time.monotonic() - began_s


# ------------------------------------------------------------------------------------------------ it goes well


def test_a_valid_reply_is_the_decision(view: View, agents: list[LanguageAgent]) -> None:
    with fake_server(says(DISCHARGE)) as server:
        decision = asking(agents, server.url).decide(view)
    assert decision.actions[0].params == {"setpoint_mw": -20}
    assert (decision.assessment, decision.risk_level, decision.agent) == ("Evening peak.", "MEDIUM", "llm")
    found = thought(decision)
    assert (found.decided_by, found.why, found.model) == ("llm", "", "a-model")
    assert [attempt.outcome for attempt in found.attempts] == ["answered"]
    (asked,) = server.requests
    assert asked["messages"][0]["role"] == "system"
    assert asked["response_format"]["json_schema"]["schema"]["properties"]["actions"]["items"]["anyOf"]
    assert asked["temperature"] == 0.0


def test_a_wrong_reply_is_asked_for_once_more_with_its_errors(view: View, agents: list[LanguageAgent]) -> None:
    with fake_server(says(TOO_MUCH), says(f"Sorry:\n```json\n{json.dumps(DISCHARGE)}\n```")) as server:
        decision = asking(agents, server.url).decide(view)
    assert [attempt.outcome for attempt in thought(decision).attempts] == ["wrong", "answered"]
    assert decision.actions[0].params == {"setpoint_mw": -20}
    *_, reply, objection = server.requests[1]["messages"]
    assert json.loads(reply["content"]) == TOO_MUCH
    assert "is -500, expected a number from -50 to 50" in objection["content"]


def test_what_passes_is_tried_again(view: View, agents: list[LanguageAgent]) -> None:
    with fake_server(servers.fails(500), servers.fails(429, Retry_After="0.05"), servers.cut, says(DISCHARGE)) as server:
        decision = asking(agents, server.url).decide(view)
    assert [attempt.outcome for attempt in thought(decision).attempts] == ["failed", "busy", "failed", "answered"]
    assert thought(decision).why == ""


def test_a_server_that_refuses_the_schema_is_asked_without_it(view: View, agents: list[LanguageAgent]) -> None:
    with fake_server(servers.without_format(says(DISCHARGE))) as server:
        agent = asking(agents, server.url)
        decisions = [agent.decide(view), agent.decide(view)]
    assert [["response_format" in asked] for asked in server.requests] == [[True], [False], [False]]
    assert [[attempt.outcome for attempt in thought(decision).attempts] for decision in decisions] == [
        ["rejected", "answered"],
        ["answered"],
    ]


def test_candidates_are_weighed_beside_doing_nothing(view: View, agents: list[LanguageAgent]) -> None:
    """The first of them would take the city off the grid."""
    cutting = [{"type": "TOPOLOGY", "target": name, "params": {"status": "open"}, "reason": "?"} for name in ("LN01", "LN12", "LN14")]
    harmful = {**DISCHARGE, "actions": cutting}
    with fake_server(says(harmful), says(DISCHARGE), says(HOLD)) as server:
        decision = asking(agents, server.url, candidates=3).decide(view)
    found = thought(decision)
    assert len(found.candidates) == 4
    assert found.candidates[0].actions == ()
    assert found.kept is not None
    assert found.candidates[found.kept].actions == decision.actions
    assert all(action.type != "TOPOLOGY" for action in decision.actions)
    assert [row.unserved_mwh > 0 for row in found.candidates].count(True) == 1
    assert sorted(asked["seed"] for asked in server.requests) == [0, 1, 2]
    assert [asked["temperature"] > 0 for asked in sorted(server.requests, key=lambda asked: int(asked["seed"]))] == [False, True, True]


def test_it_keeps_the_promises_of_agents(agents: list[LanguageAgent]) -> None:
    """But that of deciding the same twice: an attempt's time is part of a deliberation."""
    with fake_server(says(DISCHARGE), says(TOO_MUCH), says(HOLD), servers.fails(404), says(DISCHARGE)) as server:
        check_agent(asking(agents, server.url), cycles=4, deterministic=False)


def test_it_can_be_sent_to_another_process(view: View, agents: list[LanguageAgent]) -> None:
    """As `gridpilot evaluate --processes` does, before anything is opened."""
    with fake_server(says(DISCHARGE)) as server:
        sent = ForkingPickler.loads(ForkingPickler.dumps(asking(agents, server.url)))
        agents.append(sent)
        assert thought(sent.decide(view)).decided_by == "llm"
    assert not sent.is_informed


def test_nano_is_spoken_to_in_its_own_words(view: View, agents: list[LanguageAgent]) -> None:
    """And a reply outside this state's grammar is none, and not argued with."""
    with fake_server(says("LOW<extra_id_1>"), says("LOW g9 5")) as server:
        agent = asking(agents, server.url, speech="nano")
        held, wrong = agent.decide(view), agent.decide(view)
    assert (thought(held).decided_by, held.thinking, held.actions) == ("llm", "LOW", ())
    assert (thought(wrong).decided_by, [attempt.outcome for attempt in thought(wrong).attempts]) == ("rules", ["wrong"])
    assert all("response_format" not in asked for asked in server.requests)
    assert server.requests[0]["messages"] == [{"role": "user", "content": prompt(view, levers_of(view))}]


# ------------------------------------------------------------------------------------------------ it goes badly

BAD: dict[str, tuple[Behaviour, str, str]] = {
    "slow": (servers.slow(3.0, says(DISCHARGE)), "late", "no answer by the deadline"),
    "hanging": (servers.hanging, "late", "no answer by the deadline"),
    "dripping": (servers.dripping, "late", "no answer by the deadline"),
    "busy": (servers.fails(429, Retry_After="30"), "busy", "HTTP 429"),
    "busy until a date": (servers.fails(429, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"), "busy", "HTTP 429"),
    "busy without a time": (servers.fails(429), "busy", "HTTP 429"),
    "broken": (servers.fails(500), "failed", "HTTP 500"),
    "no JSON over HTTP": (servers.raw(b"<html>bad gateway"), "wrong", "not JSON"),
    "no completion": (servers.raw(b'{"choices": []}'), "wrong", "no choices[0].message.content"),
    "no content": (lambda exchange, asked: exchange.send(servers.completion(None)), "wrong", "no choices[0]"),
    "broken JSON": (says('{"assessment": "x", "actions": [{"type": "STOR'), "wrong", "not JSON"),
    "cut at its length": (says('{"assessment": "x', "length"), "wrong", "cut off; The decision is not JSON"),
    "wrong schema": (says({"answer": 42}), "wrong", "expected shape"),
    "unknown target": (says({**HOLD, "actions": [{**BATTERY, "target": "NOWHERE"}]}), "wrong", "'NOWHERE' is unknown"),
    "cut stream": (servers.cut, "failed", "no connection"),
    "forbidden": (servers.fails(403), "rejected", "--api-key-env"),
    "unknown model": (servers.fails(404, "no such model"), "rejected", "no such model"),
    "refusing everything": (servers.fails(400, "bad request"), "rejected", "bad request"),
}


@pytest.mark.parametrize("case", BAD)
def test_the_stand_in_decides_by_the_deadline_and_says_why(case: str, view: View, agents: list[LanguageAgent]) -> None:
    behaviour, outcome, why = BAD[case]
    with fake_server(behaviour) as server:
        decision, took_s = timed(asking(agents, server.url, deadline_s=PATIENCE_S[outcome]), view)
        assert server.requests
    assert took_s < PATIENCE_S[outcome] + SLACK_S
    found = thought(decision)
    assert (found.decided_by, found.model) == ("rules", "a-model")
    assert found.attempts[-1].outcome == outcome
    assert why in found.why
    assert decision.actions == make_agent("rules").decide(view).actions
    assert decision.agent == "rules"


def test_nobody_listens(view: View, agents: list[LanguageAgent]) -> None:
    decision, took_s = timed(asking(agents, f"http://127.0.0.1:{servers.free_port()}/v1", deadline_s=DEADLINE_S), view)
    assert took_s < DEADLINE_S + SLACK_S
    assert {attempt.outcome for attempt in thought(decision).attempts} == {"failed"}
    assert thought(decision).decided_by == "rules"


def test_a_server_that_asks_to_be_let_be_is_let_be(view: View, agents: list[LanguageAgent]) -> None:
    with fake_server(servers.fails(429, Retry_After="30"), says(DISCHARGE)) as server:
        agent = asking(agents, server.url, deadline_s=DEADLINE_S)
        agent.decide(view)
        decision = agent.decide(view)
        assert len(server.requests) == 1
    assert "let be for another" in thought(decision).why


def test_candidates_that_are_late_do_not_cost_those_that_came(view: View, agents: list[LanguageAgent]) -> None:
    with fake_server(says(DISCHARGE), servers.hanging) as server:
        decision, took_s = timed(asking(agents, server.url, candidates=2, deadline_s=5.0), view)
    assert took_s < 5.0 + SLACK_S
    assert thought(decision).why == ""
    assert sorted(attempt.outcome for attempt in thought(decision).attempts) == ["answered", "late"]


# ------------------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (servers.obedient, "keeps to a JSON Schema"),
        (says("hello"), "ignores a JSON Schema"),
        (servers.without_format(says("hello")), "refuses a JSON Schema"),
        (servers.fails(404, "no such model"), "does not answer (rejected: HTTP 404"),
        (servers.hanging, "does not answer (late"),
    ],
)
def test_the_probe_says_what_was_found(behaviour: Behaviour, said: str, agents: list[LanguageAgent]) -> None:
    with fake_server(behaviour) as server:
        sentence = asking(agents, server.url, deadline_s=5.0).prepare()
    assert said in sentence
    assert sentence.startswith(f"a-model at {server.url}")
    assert sentence.endswith("rules stands in for it")


def test_the_trace_tells_who_decided(twin: Twin, tmp_path: Path, agents: list[LanguageAgent]) -> None:
    path = tmp_path / "trace.jsonl"
    with fake_server(says(DISCHARGE), servers.fails(404, "gone")) as server:
        agent = asking(agents, server.url)
        with create_log(path, Header("six-bus", "simbench", agent.name)) as log:
            records = list(operate(twin, agent, log=log))
    read = read_trace(path).records
    assert [record.decision for record in read] == [record.decision for record in records]
    assert [thought(record.decision).decided_by for record in read] == ["llm", "rules"]
    assert "gone" in thought(read[1].decision).why
    assert {record.model for record in read} == {"a-model"}


# -------------------------------------------------------------------------------------------------------- keys

SECRET = "nvapi-Not/A+Real=Key_123"


def test_a_key_reaches_the_server_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server echoes it in errors, in replies and in the text of a decision; all loggers listen."""
    monkeypatch.setenv("MY_KEY", f"{SECRET}\n")
    caplog.set_level(logging.DEBUG)
    echo: Behaviour = says({**HOLD, "assessment": f"Your key is {SECRET}."})
    bad = servers.fails(500, f"Bearer {SECRET}")
    for k, behaviour in enumerate((servers.echoing, echo, says(f"{SECRET} is no JSON"), bad, servers.raw(SECRET.encode()))):
        with fake_server(behaviour) as server:
            config = RunConfig(
                agent="llm", base_url=server.url, model="m", api_key_env="MY_KEY", stand_in="rules", deadline_s=DEADLINE_S, cycles=1,
                out=str(tmp_path / str(k)),
            )  # fmt: skip
            with start_run(config) as run:
                said = run.prepare()
                list(run.records())
            assert server.headers[0]["authorization"] == f"Bearer {SECRET}"
        assert SECRET not in said
        assert SECRET not in repr(run._agent)
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 15
    assert not [text for text in files if SECRET in text]
    assert any("[MY_KEY]" in text for text in files)
    assert SECRET not in caplog.text


def test_the_key_of_a_vendor_goes_to_its_own_host_only(monkeypatch: pytest.MonkeyPatch, view: View, agents: list[LanguageAgent]) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with fake_server(says(HOLD)) as server:
        asking(agents, server.url).decide(view)
    assert SECRET not in json.dumps(server.headers)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "give --base-url"),
        ({"base_url": "http://localhost:1/v1"}, "Which model"),
        ({"base_url": f"http://me:{quote(SECRET, safe='')}@host/v1", "model": "m"}, "belongs into an environment variable"),
        ({"base_url": f"http://host/v1?key={SECRET}", "model": "m"}, "belongs into an environment variable"),
        ({"base_url": "localhost:8000", "model": "m"}, "expected one such as"),
        ({"base_url": "http://host:port/v1", "model": "m"}, "cannot be read"),
        ({"base_url": "https://host/v1", "model": "m", "api_key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY is empty or not set"),
        ({"base_url": "https://host/v1", "model": "m", "api_key_env": "BAD_KEY"}, "BAD_KEY holds no key"),
        ({"base_url": "https://host/v1", "model": "m", "api_key_env": SECRET}, "the name of an environment variable, not a key"),
        ({"base_url": "https://host/v1", "model": "m", "speech": "latin"}, "expected one of json, nano"),
        ({"base_url": "https://host/v1", "model": "m", "candidates": 0, "deadline_s": 0.0, "prompt_tokens": 1}, "deadline_s: is 0"),
        ({"base_url": "https://host/v1", "model": "m", "stand_in": "llm"}, "--base-url"),
    ],
)
def test_settings_that_cannot_be_used_are_told_without_secrets(options: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NVIDIA_API_KEY", raising=False)
    monkeypatch.setenv("BAD_KEY", f"two words {SECRET}")
    with pytest.raises(ConfigError) as caught:
        make_agent("llm", **options)
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_cloud_is_the_default_where_its_key_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", SECRET)
    agent = make_agent("llm")
    assert isinstance(agent, LanguageAgent)
    assert agent.model == "nvidia/nemotron-mini-4b-instruct"
    assert SECRET not in repr(agent)


def test_an_option_of_another_agent_is_an_error() -> None:
    with pytest.raises(ConfigError, match="base_url: is no option of planner"):
        RunConfig(agent="planner", base_url="http://localhost:1/v1")
