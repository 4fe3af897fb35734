"""A run leaves a folder that says what it was, what it did and how it went; also when it is cut short."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from gridpilot.errors import ConfigError
from gridpilot.operations import Run, RunConfig, start_run
from gridpilot.traces import read_trace, replay


def config(out: Path, **changes: object) -> RunConfig:
    return RunConfig(**{"agent": "rules", "cycles": 5, "seed": 3, "out": str(out), **changes})  # type: ignore[arg-type]


def operated(out: Path, **changes: object) -> Run:
    with start_run(config(out, **changes)) as run:
        assert len(list(run.records())) == run.done == run.cycles
    return run


def test_the_folder_holds_configuration_trace_and_card(tmp_path: Path) -> None:
    run = operated(tmp_path)
    assert run.folder.path.parent == tmp_path
    assert {path.name for path in run.folder.path.iterdir()} == {"config.json", "trace.jsonl", "card.json"}
    assert RunConfig.from_mapping(json.loads(run.folder.config.read_text())) == config(tmp_path)
    assert len(read_trace(run.folder.trace).records) == 5
    card = json.loads(run.folder.card.read_text())
    assert set(card["agents"]) == {"do-nothing", "rules"}
    assert card["scenario"] == "six_bus"


def test_the_trace_alone_replays_the_run(tmp_path: Path) -> None:
    run = operated(tmp_path, cycle_minutes=15.0)
    assert replay(run.folder.trace).verified == 5


def test_the_card_sums_up_the_records(tmp_path: Path) -> None:
    with start_run(config(tmp_path)) as run:
        reward = sum(record.moved.reward for record in run.records())
    card = json.loads(run.folder.card.read_text())["agents"]["rules"]
    assert card["reward"]["mean"] == pytest.approx(reward)


def test_do_nothing_has_no_second_row(tmp_path: Path) -> None:
    card = json.loads(operated(tmp_path, agent="do-nothing").folder.card.read_text())
    assert list(card["agents"]) == ["do-nothing"]


def test_the_same_configuration_gives_the_same_states_in_another_folder(tmp_path: Path) -> None:
    first, second = operated(tmp_path), operated(tmp_path)
    assert first.folder.path != second.folder.path
    hashes = [[record.state_hash for record in read_trace(run.folder.trace).records] for run in (first, second)]
    assert hashes[0] == hashes[1]


def test_an_interrupt_keeps_what_was_done(tmp_path: Path) -> None:
    with start_run(config(tmp_path)) as run:
        for record in run.records():
            if record.number == 3:
                os.kill(os.getpid(), signal.SIGINT)
    assert run.interrupted
    assert run.done == 3
    assert len(read_trace(run.folder.trace).records) == 3
    assert set(json.loads(run.folder.card.read_text())["agents"]) == {"do-nothing", "rules"}
    assert replay(run.folder.trace).verified == 3


def test_an_interrupt_before_the_first_cycle_leaves_no_card(tmp_path: Path) -> None:
    with start_run(config(tmp_path)) as run:
        os.kill(os.getpid(), signal.SIGINT)
    assert run.interrupted
    assert not run.folder.card.exists()


def test_another_error_goes_through_and_keeps_the_trace(tmp_path: Path) -> None:
    def fail_after_two() -> Run:
        with start_run(config(tmp_path)) as run:
            for record in run.records():
                if record.number == 2:
                    raise RuntimeError("the screen is gone")
        return run

    with pytest.raises(RuntimeError, match="the screen is gone"):
        fail_after_two()
    (folder,) = tmp_path.iterdir()
    assert len(read_trace(folder / "trace.jsonl").records) == 2
    assert (folder / "card.json").exists()


def test_nothing_is_written_for_a_run_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        start_run(config(tmp_path, start="1999-01-01"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="Choose another one"):
        start_run(config(tmp_path / "file"))
