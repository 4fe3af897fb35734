"""`gridpilot env`, `agent` and `up` as somebody meets them who has forgotten something."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.cli.conftest import COMMAND, Invoke
from tests.messages.servers import free_port, nats

from gridpilot.cli.awaited import Waiting
from gridpilot.messages.steps import Awaited

SETTINGS = """
cycles: 2
horizontal: trading
horizontal_options: {fee_usd_per_mwh: 1.0}
vertical_options: {}
wishes: {storage.value_usd_per_mwh: 40.0}
visibility: {"storage.*.energy_mwh": public}
reward: shared
safety-weight: 5
message_broker: in_memory
faults: {seed: 1, loss: 0.01}
"""


def header(folder: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(Path(folder, "microgrids.jsonl").read_bytes().split(b"\n")[0])
    return found


# ---------------------------------------------------------------------------------------------- settings


def test_a_file_takes_every_key_of_the_environment(invoke: Invoke) -> None:
    Path("microgrids.yaml").write_text(SETTINGS)
    shown = invoke("env", "--config", "microgrids.yaml", "--out", "run", "--cycles", "1")
    assert shown.exit_code == 0, shown.output
    config = header("run")["config"]
    assert isinstance(config, dict)
    assert config["horizontal_options"] == {"fee_usd_per_mwh": 1.0}
    assert config["visibility"] == {"storage.*.energy_mwh": "public"}
    assert (config["reward"], config["safety_weight"], config["faults"]["loss"]) == ("shared", 5, 0.01)
    assert config["cycles"] == 1  # the command line wins over the file


def test_unknown_and_repeated_keys_and_wrong_values_of_a_file_are_refused(invoke: Invoke) -> None:
    for text, told in [
        ("wishess: {}", "line 1, wishess"),
        ("broker: in_memory\nmessage_broker: in_memory", "line 2, message_broker: is set twice"),
        ("visibility: {'*': nobody}", "visibility.*: is 'nobody'"),
        ("hold_cycles: many", "hold_cycles: is 'many', expected a whole number"),
    ]:
        Path("wrong.yaml").write_text(text)
        shown = invoke("env", "--config", "wrong.yaml", "--out", "run")
        assert (shown.exit_code, told in shown.stderr) == (2, True), shown.output
    assert not Path("run").exists()


# ------------------------------------------------------------------------------------- resume and replay


@pytest.fixture
def cut(invoke: Invoke) -> str:
    """A folder with the trace of an episode that was killed after its second step."""
    assert invoke("env", "--cycles", "3", "--out", "run", "--policy", "random").exit_code == 0
    trace = Path("run", "microgrids.jsonl")
    trace.write_bytes(b"".join(trace.read_bytes().splitlines(keepends=True)[:4]))
    return "run"


def test_a_resumed_episode_refuses_what_contradicts_its_trace(cut: str, invoke: Invoke) -> None:
    shown = invoke("env", "--resume", "--out", cut, "--cycles", "8", "--seed", "2", "--scenario", "three_microgrids", "--deadline-s", "9")
    assert shown.exit_code == 2
    assert "cycles: is 8; the trace has 3" in shown.stderr
    assert "seed: is 2; the trace has 0" in shown.stderr
    assert "scenario" not in shown.stderr  # the same by another spelling
    Path("own.yaml").write_text("reward: shared")
    assert "reward: is 'shared'; the trace has 'own'" in invoke("env", "--resume", "--out", cut, "--config", "own.yaml").stderr
    assert "--resume --out run" in invoke("env", "--out", cut).stderr  # and nothing is begun over it
    resumed = invoke("env", "--resume", "--out", cut, "--policy", "random")
    assert "3 steps, " in resumed.stdout
    assert "2 steps were in the trace already" in resumed.stdout


def test_what_ends_an_episode_says_where_its_steps_are(cut: str, invoke: Invoke) -> None:
    with nats() as server:
        shown = invoke("env", "--resume", "--out", cut, "--broker", server.url, "--join-s", "0.2")
    assert shown.exit_code == 2
    assert "holds MG1, MG2, MG3 after 0.2 s" in shown.stderr
    assert "Every step is in run; go on with: gridpilot env --resume --out run" in shown.stderr


def test_a_trace_of_microgrids_is_replayed(cut: str, invoke: Invoke) -> None:
    for path in (cut, f"{cut}/microgrids.jsonl"):
        shown = invoke("replay", path)
        assert (shown.exit_code, "The first state and 2 steps came out" in shown.stdout) == (0, True), shown.output
    lines = Path(cut, "microgrids.jsonl").read_bytes().splitlines(keepends=True)
    Path("other").mkdir()
    Path("other", "microgrids.jsonl").write_bytes(_with_another_report(lines))
    document = invoke("replay", "other", "--json")
    assert document.exit_code == 1
    assert json.loads(document.stdout)["differs_at"] == 2


def _with_another_report(lines: list[bytes]) -> bytes:
    """A sound trace in which a device reported 0.1 MW more in the second step than it did."""
    from gridpilot.traces.line import FIRST, open_line, seal

    digest, made = FIRST, b""
    previous = FIRST
    for number, line in enumerate(lines):
        body, previous = open_line(line[:-1], previous)
        if number == 3:
            body["reported"][1][0] += 0.1
        sealed = seal(body, digest)
        digest, made = sealed.digest, made + sealed.line
    return made


# ---------------------------------------------------------------------------------------- who is waited for


def test_who_is_missing_is_a_sentence_and_nothing_is_said_of_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    times = [0.0]
    waiting = Waiting(lambda: times[0])
    assert waiting.sentence(3.0) == ""
    times[0] = 100.0
    waiting.watch(Awaited("hello", ("MG2", "MG3"), ("MG1",), ("A message is not signed.",)))
    waiting.watch(Awaited("hello", ("MG2", "MG3"), ("MG1",), ("A message is not signed.",)))
    times[0] = 101.0
    assert waiting.sentence(0.0) == ""  # not for long
    times[0] = 112.4
    assert waiting.sentence(0.0) == "waiting for MG2, MG3 to join (here: MG1), 12 s …"
    assert capsys.readouterr().err == "gridpilot: messages are refused: A message is not signed.\n"
    waiting.watch(Awaited("begin", tuple(f"MG{k}" for k in range(9)), (), ()))
    assert waiting.what == ("waiting for MG0, MG1, MG2, MG3, MG4, MG5 and 3 more to begin: they may have to compile their devices first")
    waiting.watch(Awaited("act", ("MG2",), ("MG1",), ()))
    assert waiting.what == "waiting for MG2 to answer 'act' (done: MG1)"
    waiting.watch(Awaited("begin", (), ("MG1",), ()))
    assert waiting.sentence(13.0) == ""


def test_ctrl_c_says_who_was_waited_for_and_leaves_nothing() -> None:
    with nats() as server:
        options = ["--broker", server.url, "--run", "alone", "--out", "run"]
        with subprocess.Popen([*COMMAND, "env", *options], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as env:
            assert env.stderr is not None
            assert "waiting for MG1, MG2, MG3 to join (nobody is here yet)" in env.stderr.readline()
            env.send_signal(signal.SIGINT)
            rest = env.stderr.read()
        assert env.returncode == 130
    assert "Stopped while waiting for MG1, MG2, MG3 to join" in rest
    assert "--run alone --role MG1" in rest
    assert "nothing was recorded" in rest
    assert not Path("run").exists()


def test_keys_on_one_side_are_told_in_both_terminals() -> None:
    with nats() as server, Path("agent.txt").open("w+") as said:
        options = ["--broker", server.url, "--run", "keys"]
        agent = subprocess.Popen([*COMMAND, "agent", *options, "--role", "MG1"], stdin=subprocess.DEVNULL, stderr=said)
        try:
            keys = {**os.environ, "GRIDPILOT_MESSAGE_KEYS": f"a:{'ab' * 32}"}
            env = [*COMMAND, "env", *options, "--join-s", "8"]
            done = subprocess.run(env, env=keys, capture_output=True, text=True, check=False)
            give_up = time.monotonic() + 10.0
            while "refused" not in Path("agent.txt").read_text() and time.monotonic() < give_up:
                time.sleep(0.1)
        finally:
            agent.terminate()
            agent.wait()
        told = Path("agent.txt").read_text()
    assert done.returncode == 2
    assert done.stderr.count("gridpilot: messages are refused: ") == 1
    assert "is not signed, and here are keys: set GRIDPILOT_MESSAGE_KEYS on the other side too" in done.stderr.splitlines()[-1]
    assert told.count("is signed, and here are no keys: set GRIDPILOT_MESSAGE_KEYS on this side too") == 1


def test_a_refused_parameter_is_told_in_both_terminals_and_is_in_nobodys_way() -> None:
    with nats() as server, Path("agent.txt").open("w+") as said:
        options = ["--broker", server.url, "--run", "set"]
        roles = ["--role", "MG1", "--role", "MG2", "--role", "MG3"]
        agent = [*COMMAND, "agent", *options, *roles, "--set", "MG1-DG.p_maxx_mw=0.4"]
        holding = subprocess.Popen(agent, stdin=subprocess.DEVNULL, stderr=said)
        try:
            env = [*COMMAND, "env", *options, "--cycles", "1", "--out", "run"]
            done = subprocess.run(env, capture_output=True, text=True, check=False)
        finally:
            holding.send_signal(signal.SIGINT)
            assert holding.wait(10) == 130
        told = Path("agent.txt").read_text()
    assert done.returncode == 2
    for text in (done.stderr, told):
        assert "MG1-DG.p_maxx_mw: is no parameter of a device here" in text
    assert "an environment joined" in told
    assert not Path("run", "microgrids.jsonl").exists()


# ------------------------------------------------------------------------------------------------- brokers


@pytest.mark.parametrize("command", [["up"], ["env"], ["agent", "--role", "MG1"]])
def test_a_broker_that_is_down_is_told_once_with_the_command_that_starts_it(command: list[str]) -> None:
    port = free_port()
    done = subprocess.run([*COMMAND, *command, "--broker", f"nats://127.0.0.1:{port}"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("cannot be reached") == 1
    assert done.stderr.endswith(f"Start it with: nats-server -a 127.0.0.1 -p {port}\n")
    assert not Path("runs").exists()
