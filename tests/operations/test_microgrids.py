"""An episode of microgrids that is killed goes on from its trace as if nothing had been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.messages.servers import nats

from gridpilot.cli.main import cli
from gridpilot.envs.microgrids import MicrogridsConfig
from gridpilot.errors import ConfigError, GridpilotError, TraceError
from gridpilot.operations.microgrids import TRACE, resume_episode, run_episode

CYCLES = 24
CODE = "from gridpilot.cli import main; main()"


def config(**settings: object) -> MicrogridsConfig:
    return MicrogridsConfig(cycles=CYCLES, **settings)  # type: ignore[arg-type]


def test_a_cut_trace_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = run_episode(config(), tmp_path / "whole", seed=3, policy="random")
    lines = (tmp_path / "whole" / TRACE).read_bytes().splitlines(keepends=True)
    assert len(lines) == 2 + CYCLES  # header and first state
    for kept in (2, 9, CYCLES + 1):
        folder = tmp_path / f"cut{kept}"
        folder.mkdir()
        (folder / TRACE).write_bytes(b"".join(lines[:kept]) + lines[kept][:50])
        again = resume_episode(folder)
        assert again.state_hash == whole.state_hash
        assert again.rewards == whole.rewards
        assert again.resumed_at == kept - 2
        assert (folder / TRACE).read_bytes() == b"".join(lines)


def test_rules_go_on_from_what_they_see(tmp_path: Path) -> None:
    whole = run_episode(config(), tmp_path / "whole", seed=3, policy="rules")
    idle = run_episode(config(), tmp_path / "idle", seed=3)
    assert sum(whole.rewards.values()) > sum(idle.rewards.values())
    lines = (tmp_path / "whole" / TRACE).read_bytes().splitlines(keepends=True)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / TRACE).write_bytes(b"".join(lines[:9]))
    assert resume_episode(tmp_path / "cut").state_hash == whole.state_hash


def test_what_cannot_begin_leaves_no_trace(tmp_path: Path) -> None:
    for settings in ({"scenario": "nope"}, {"scenario": "six_bus"}, {"profiles": "nope"}):
        with pytest.raises(GridpilotError):
            run_episode(config(**settings), tmp_path / "folder")
        assert not (tmp_path / "folder").exists()


def test_a_broker_belongs_to_agents_elsewhere() -> None:
    with pytest.raises(ConfigError, match="needs the URL"):
        MicrogridsConfig(centralized=False, hosts="elsewhere")
    with pytest.raises(ConfigError, match="set centralized to false"):
        MicrogridsConfig(message_broker="nats://localhost")
    shown = CliRunner().invoke(cli, ["agent", "--broker", "in_memory", "--role", "MG1"])
    assert shown.exit_code != 0
    assert "own process" in shown.output


def test_an_altered_trace_is_refused(tmp_path: Path) -> None:
    run_episode(config(), tmp_path, seed=3)
    path = tmp_path / TRACE
    path.write_bytes(path.read_bytes().replace(b'"silent":[]', b'"silent":["MG1"]', 1))
    with pytest.raises(TraceError):
        resume_episode(tmp_path)
    with pytest.raises(TraceError, match="holds lines already"):
        run_episode(config(), tmp_path)
    with pytest.raises(ConfigError, match="standing, random, rules"):
        run_episode(config(), tmp_path / "other", policy="none")


def test_an_environment_that_is_killed_is_resumed_with_the_same_agents(tmp_path: Path) -> None:
    """kill -9 of the environment in the middle: agents stay, a newer environment takes them over and ends as one that was not killed."""
    whole = run_episode(config(period="judging"), tmp_path / "whole", seed=1, policy="random")
    with nats() as server:
        options = ["--broker", server.url, "--run", "killed"]
        agent = subprocess.Popen(
            [sys.executable, "-c", CODE, "agent", *options, "--role", "MG1", "--role", "MG2", "--role", "MG3"], stderr=subprocess.DEVNULL
        )
        command = ["env", *options, "--cycles", str(CYCLES), "--policy", "random", "--seed", "1", "--out", str(tmp_path / "run")]
        try:
            first = subprocess.Popen([sys.executable, "-c", CODE, *command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            trace = tmp_path / "run" / TRACE
            give_up = time.monotonic() + 120.0
            while time.monotonic() < give_up and (not trace.is_file() or trace.read_bytes().count(b"\n") < 6):
                time.sleep(0.01)
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
            # broker and run are those of the trace
            again = ["env", "--resume", "--out", str(tmp_path / "run"), "--json"]
            done = subprocess.run([sys.executable, "-c", CODE, *again], capture_output=True, text=True, check=True)
            header = json.loads(trace.read_bytes().split(b"\n")[0])
        finally:
            agent.kill()
            agent.wait()
    told = json.loads(done.stdout)
    assert header["config"]["message_broker"] == server.url
    assert 0 < told["resumed_at"] <= CYCLES
    assert told["state_hash"] == whole.state_hash
    assert told["rewards"] == whole.rewards


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    shown = CliRunner().invoke(cli, ["env", "--cycles", "2", "--out", str(tmp_path / "a")])
    assert shown.exit_code == 0, shown.output
    assert "MG3" in shown.stdout
    assert "step    2 of 2" in shown.stderr
    told = CliRunner().invoke(cli, ["env", "--cycles", "2", "--out", str(tmp_path / "b"), "--json"])
    assert json.loads(told.stdout)["steps"] == 2


def test_up_starts_agents_and_ends_them(tmp_path: Path) -> None:
    with nats() as server:
        options = ["--broker", server.url, "--run", "up", "--processes", "2", "--cycles", "3", "--out", str(tmp_path), "--json"]
        done = subprocess.run([sys.executable, "-c", CODE, "up", *options], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["steps"] == 3
    assert told["silent_cycles"] == {"MG1": 0, "MG2": 0, "MG3": 0}
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"--broker {server.url}" not in listing
