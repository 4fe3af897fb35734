"""`gridpilot run`: what it prints, what it keeps, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from tests.cli.conftest import COMMAND, Invoke

from gridpilot.cli.run import command
from gridpilot.operations import RunConfig
from gridpilot.traces import read_trace, replay

SHORT = ("--cycles", "3", "--agent", "rules")


def only_run() -> Path:
    (folder,) = Path("runs").iterdir()
    return folder


def test_without_a_terminal_there_are_plain_lines_and_a_summary(invoke: Invoke) -> None:
    result = invoke("run", *SHORT)
    folder = only_run()
    assert result.exit_code == 0
    assert "cycle 3/3" in result.stdout
    assert "do-nothing" in result.stdout
    assert f"Trace: {folder / 'trace.jsonl'}" in result.stdout
    assert "\x1b" not in result.stdout
    assert len(read_trace(folder / "trace.jsonl").records) == 3


def test_the_commands_to_type_next_work(invoke: Invoke) -> None:
    told = invoke("run", *SHORT, "--out", "my runs").stdout
    (again,) = (line.split("gridpilot ")[1] for line in told.splitlines() if "gridpilot replay" in line)
    assert again == f"replay '{Path('my runs') / next(Path('my runs').iterdir()).name / 'trace.jsonl'}'"
    assert invoke("replay", again.removeprefix("replay ").strip("'")).exit_code == 0
    assert "gridpilot evaluate --scenario six-bus --agents do-nothing,rules" in told


def test_json_is_one_document_and_nothing_else(process: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = process("run", *SHORT, "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert list(document["agents"]) == ["do-nothing", "rules"]
    assert document["scenario"] == "six_bus"
    assert document["run"]["cycles"] == 3
    assert Path(document["run"]["trace"]).is_file()
    assert json.loads((only_run() / "card.json").read_text())["agents"] == document["agents"]
    assert "cycle 3/3" in done.stderr


def test_do_nothing_alone_has_nothing_beside_it(invoke: Invoke) -> None:
    document = json.loads(invoke("run", "--cycles", "2", "--agent", "do-nothing", "--json").stdout)
    assert list(document["agents"]) == ["do-nothing"]


def test_the_same_seed_is_the_same_run(invoke: Invoke) -> None:
    hashes = []
    for out in ("a", "b"):
        invoke("run", *SHORT, "--seed", "4", "--out", out)
        (folder,) = Path(out).iterdir()
        hashes.append([record.state_hash for record in read_trace(folder / "trace.jsonl").records])
    assert hashes[0] == hashes[1]


def test_settings_come_from_file_environment_and_command_line(invoke: Invoke) -> None:
    Path("run.yaml").write_text("cycles: 2\nagent: do-nothing\nseed: 5\nstart: 2016-07-04\nspeed: fast\n")
    document = json.loads(invoke("run", "--config", "run.yaml", "--agent", "rules", "--json", env={"GRIDPILOT_SEED": "6"}).stdout)
    run = document["run"]
    assert (run["cycles"], run["agent"], run["seed"], run["start"]) == (2, "rules", 6, "2016-07-04T00:00")


def test_the_configuration_of_a_run_makes_it_again(invoke: Invoke) -> None:
    first = json.loads(invoke("run", *SHORT, "--seed", "2", "--period", "tuning", "--json").stdout)
    config = Path(first["run"]["folder"]) / "config.json"
    again = json.loads(invoke("run", "--config", str(config), "--json").stdout)
    assert again["run"]["start"] == first["run"]["start"]
    assert again["agents"]["rules"]["reward"] == first["agents"]["rules"]["reward"]


def test_every_setting_of_a_run_is_an_option() -> None:
    options = {str(param.name) for param in command.params} - {"config", "as_json"}
    assert options == {field.name for field in fields(RunConfig)}


def test_every_wrong_name_is_told_with_the_valid_ones_and_nothing_is_written(invoke: Invoke) -> None:
    wrong = {"--scenario": "atlantis", "--agent": "nobody", "--profiles": "weather", "--engine": "steam", "--speed": "later"}
    result = invoke("run", *(part for pair in wrong.items() for part in pair))
    assert result.exit_code == 2
    assert result.stdout == ""
    for name in (*wrong.values(), "six-bus", "planner", "simbench", "newton", "fast"):
        assert name in result.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cycles", "0"], ["--cycles", "1.5"], ["--cycle-minutes", "0"], ["--cycle-minutes", "nan"], ["--seed", "-1"],
        ["--start", "yesterday"], ["--start", "1999-01-01"], ["--speed", "0"], ["--speed", "-3"], ["--cycles", "99999999"],
    ],
)  # fmt: skip
def test_numbers_and_days_out_of_range_are_refused(arguments: list[str], invoke: Invoke) -> None:
    result = invoke("run", *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert not Path("runs").exists()


def test_a_folder_that_cannot_be_made_is_told(invoke: Invoke) -> None:
    Path("taken").write_text("a file")
    result = invoke("run", *SHORT, "--out", "taken")
    assert result.exit_code == 2
    assert "taken" in result.stderr


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_keeps_what_was_done_and_says_so(as_json: bool) -> None:
    slow = ["--agent", "rules", "--cycle-minutes", "60", "--cycles", "20", "--speed", "3600"]
    shown = {True: "stderr", False: "stdout"}[as_json]
    with subprocess.Popen(
        [*COMMAND, "run", *slow, *(["--json"] if as_json else [])],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as running:  # fmt: skip
        stream = getattr(running, shown)
        while "cycle 1/20" not in stream.readline():
            assert running.poll() is None
        os.kill(running.pid, signal.SIGINT)
        stdout, stderr = running.communicate(timeout=120)
    folder = only_run()
    records = read_trace(folder / "trace.jsonl").records
    assert running.returncode == 130
    assert 1 <= len(records) < 20
    assert f"Stopped after {len(records)} of 20 cycles" in stderr
    assert "Next:  gridpilot replay" in stderr
    assert "Traceback" not in stderr
    assert replay(folder / "trace.jsonl").verified == len(records)
    assert json.loads((folder / "card.json").read_text())["episodes"] == 1
    if as_json:
        assert json.loads(stdout)["run"]["interrupted"] is True


def test_ctrl_c_before_the_first_cycle_says_so(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gridpilot.agents.rules.Rules.decide", interrupted)
    result = invoke("run", *SHORT)
    assert result.exit_code == 130
    assert "before the first cycle" in result.stderr
    assert not (only_run() / "card.json").exists()
