"""A language model from the command line: its options, what the terminal says of it, and questions about its run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("openai")

from tests.agents.llm import servers
from tests.agents.llm.servers import Asked, Exchange, fake_server, says
from tests.cli.conftest import Invoke

from gridpilot.cli.agent_settings import OPTIONS
from gridpilot.operations.config import AGENT_OPTIONS
from gridpilot.traces import read_trace

WRONG = {"assessment": "LN34 is at 3 %.", "risk_level": "MEDIUM", "actions": []}
ASKED = ("--agent", "llm", "--model", "tiny", "--stand-in", "rules", "--deadline-s", "30", "--cycles", "3")


def second_time_gone(exchange: Exchange, asked: Asked) -> None:
    """Keeps to the schema of the probe, decides, is gone for one cycle, and decides again."""
    count = len(exchange.fake.requests)
    (servers.obedient if count == 1 else servers.fails(404, "gone") if count == 3 else says(WRONG))(exchange, asked)


def folder() -> Path:
    (found,) = Path("runs").iterdir()
    return found


def test_the_terminal_says_what_was_found_who_decided_and_what_was_wrong(invoke: Invoke) -> None:
    with fake_server(second_time_gone) as server:
        result = invoke("run", *ASKED, "--base-url", server.url, "--instruct", "Mind the river.", "--instruct", "And the wind, too.")
    assert result.exit_code == 0, result.stderr
    assert f"tiny at {server.url} answers" in result.stderr
    assert "it keeps to a JSON Schema (response_format); rules stands in for it" in result.stderr
    assert "rules stood in, rejected: HTTP 404" in result.stdout
    assert "says LN34 is at 3 %" in result.stdout
    assert "A stand-in decided in 1 of 3 cycles" in result.stdout
    assert f"--base-url {server.url} --model tiny" in result.stdout
    records = read_trace(folder() / "trace.jsonl").records
    assert records[0].decision.sources
    assert f'<passage id="{records[0].decision.sources[0]}">' in server.requests[1]["messages"][1]["content"]
    assert records[0].views[0].instructions == ("Mind the river.", "And the wind, too.")
    assert "- Mind the river.\n- And the wind, too." in server.requests[1]["messages"][1]["content"]
    told = invoke("replay", str(folder()))
    assert "Record 2: rules stood in, rejected: HTTP 404" in told.stdout
    assert "Record 1: says LN34 is at 3 %" in told.stdout
    document = json.loads(invoke("replay", str(folder()), "--json").stdout)
    assert [document["deliberations"][k]["decided_by"] for k in "123"] == ["llm", "rules", "llm"]


def test_the_document_of_a_run_counts_the_stand_in(invoke: Invoke) -> None:
    with fake_server(servers.fails(404)) as server:
        result = invoke("run", *ASKED, "--base-url", server.url, "--json")
    document = json.loads(result.stdout)
    assert document["run"]["stood_in"] == 3
    assert set(document["agents"]) == {"do-nothing", "llm"}


def test_it_is_evaluated_beside_others(invoke: Invoke) -> None:
    with fake_server(says({**WRONG, "assessment": "All lines are within limits."})) as server:
        result = invoke(
            "evaluate", "--agents", "do-nothing,llm", "--episodes", "1", "--cycles", "2", "--base-url", server.url, "--model", "m",
            "--deadline-s", "30", "--json",
        )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert set(json.loads(result.stdout)["agents"]) == {"do-nothing", "llm"}


def test_a_model_named_for_others_does_not_bind_the_planner(invoke: Invoke) -> None:
    """It may stand in the environment or in a file; on the command line it is a mistake."""
    Path("site.yaml").write_text(
        "base-url: http://localhost:1/v1\ninstruct: [Mind the river., 'Keep LN14, LN25 cool.']\n", encoding="utf-8"
    )
    env = {"GRIDPILOT_MODEL": "tiny"}
    result = invoke("run", "--agent", "rules", "--cycles", "1", "--config", "site.yaml", env=env)
    assert result.exit_code == 0, result.stderr
    assert read_trace(folder() / "trace.jsonl").records[0].views[0].instructions == ("Mind the river.", "Keep LN14, LN25 cool.")
    wrong = invoke("run", "--agent", "rules", "--cycles", "1", "--model", "tiny")
    assert wrong.exit_code == 2
    assert "model: is no option of rules" in wrong.stderr


def test_a_question_about_a_run(invoke: Invoke) -> None:
    invoke("run", "--agent", "rules", "--cycles", "2")
    asked = ("ask", "why not open LN25?", "--run", str(folder()))
    plain = invoke(*asked)
    assert plain.exit_code == 0, plain.stderr
    assert "TOPOLOGY LN25 status open, held for" in plain.stdout
    assert "Sources: preview, state, trace, " in plain.stdout
    assert "topology/six_bus/branch/LN25" in plain.stdout
    assert "no language model was asked" in plain.stderr
    with fake_server(says("It would load LN45 more [preview].")) as server:
        spoken = invoke(*asked, "--agent", "llm", "--base-url", server.url, "--model", "tiny", "--json")
    answer = json.loads(spoken.stdout)
    assert (answer["text"], answer["sources"], answer["by"]) == ("It would load LN45 more [preview].", ["preview"], "tiny")
    mute = invoke(*asked, "--agent", "rules")
    assert mute.exit_code == 2
    assert "does not speak" in mute.stderr


def test_the_options_are_those_of_a_run() -> None:
    assert OPTIONS == AGENT_OPTIONS
