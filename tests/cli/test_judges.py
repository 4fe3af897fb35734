"""`evaluate`, `doctor` and `bench`: their documents, their tables and their exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.cli.conftest import Invoke

from gridpilot.evaluation.bench import BenchReport, Row
from gridpilot.testing.doctor import DoctorReport
from gridpilot.testing.finding import Finding

REPORT = DoctorReport(
    "six_bus", "simbench", (Finding("time", True, "Time goes on.", {}), Finding("limits", True, "Devices move.", {"low_mw": 1.0}))
)


# ---------------------------------------------------------------------------------------------------- evaluate


def test_evaluate_compares_agents_on_the_same_seeds(invoke: Invoke) -> None:
    arguments = ("evaluate", "--agents", "do-nothing, rules", "--episodes", "2", "--cycles", "3", "--seed", "3")
    document = json.loads(invoke(*arguments, "--json").stdout)
    assert list(document["agents"]) == ["do-nothing", "rules"]
    assert document["episodes"] == 2
    shown = invoke(*arguments).stdout
    for said in ("do-nothing", "rules", "reward", "survival", "95 % interval", "six-bus"):
        assert said in shown


def test_evaluate_begins_at_its_seed(invoke: Invoke) -> None:
    def reward(seed: int, episodes: int) -> float:
        arguments = ("evaluate", "--agents", "rules", "--cycles", "2", "--json", "--episodes", str(episodes), "--seed", str(seed))
        return float(json.loads(invoke(*arguments).stdout)["agents"]["rules"]["reward"]["mean"])

    assert reward(5, 2) == pytest.approx((reward(5, 1) + reward(6, 1)) / 2)


@pytest.mark.parametrize(
    "arguments", [["--agents", "nobody"], ["--agents", ""], ["--agents", "rules,rules"], ["--episodes", "0"], ["--scenario", "x"]]
)
def test_evaluate_refuses_what_it_cannot_compare(arguments: list[str], invoke: Invoke) -> None:
    result = invoke("evaluate", *arguments, "--json")
    assert (result.exit_code, result.stdout) == (2, "")


def test_an_interrupted_evaluation_tells_what_it_is_of(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    from gridpilot.evaluation import evaluate as judge

    def interrupted(*arguments: Any, progress: Any, **options: Any) -> Any:
        def stop(episode: Any, done: int, total: int) -> None:
            progress(episode, done, total)
            if done == 2:
                raise KeyboardInterrupt

        return judge(*arguments, progress=stop, **options)

    monkeypatch.setattr("gridpilot.evaluation.evaluate", interrupted)
    result = invoke("evaluate", "--agents", "do-nothing,rules", "--episodes", "3", "--cycles", "2", "--json")
    assert result.exit_code == 130
    assert json.loads(result.stdout)["episodes"] == 1
    assert "1 episodes that every agent finished, of 3" in result.stderr


# ------------------------------------------------------------------------------------------------------ doctor


def test_doctor_examines_a_scenario(invoke: Invoke) -> None:
    result = invoke("doctor", "--scenario", "six-bus", "--cycles", "12", "--json")
    (examined,) = json.loads(result.stdout)["scenarios"]
    assert examined["scenario"] == "six_bus"
    assert len(examined["checks"]) > 3
    assert result.exit_code == (0 if all(check["passed"] for check in examined["checks"]) else 1)


def test_doctor_examines_every_scenario(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    from gridpilot.scenarios import scenario_titles

    monkeypatch.setattr("gridpilot.testing.doctor.run_doctor", lambda name, **_: replace(REPORT, scenario=name))
    result = invoke("doctor", "--json")
    assert result.exit_code == 0
    assert [found["scenario"] for found in json.loads(result.stdout)["scenarios"]] == list(scenario_titles())
    assert "Every check passed." in invoke("doctor").stdout


def test_each_failure_of_the_doctor_is_a_sentence_and_exit_code_1(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    sick = replace(REPORT, findings=(*REPORT.findings, Finding("flows", False, "No action changes a flow.", {})))
    monkeypatch.setattr("gridpilot.testing.doctor.run_doctor", lambda name, **_: sick)
    result = invoke("doctor", "--scenario", "six-bus")
    assert result.exit_code == 1
    assert "six_bus: No action changes a flow." in result.stdout
    assert invoke("doctor", "--scenario", "six-bus", "--json").exit_code == 1


# ------------------------------------------------------------------------------------------------------- bench


def test_bench_prints_its_rows(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (Row("env/ieee14/B1", 12345.0, "steps/s"), Row("powerflow/case14/B1", 5.0, "µs", "pandapower", 2.5, "warm"))

    def measured(name: str, tell: Callable[[str], None]) -> BenchReport:
        for row in rows:
            tell(row.name)
        return BenchReport({"cores": 2}, {"numpy": "2"}, rows)

    monkeypatch.setattr("gridpilot.evaluation.bench.run_bench", measured)
    result = invoke("bench", "env", "--json")
    assert result.stderr.splitlines() == [f"gridpilot: measuring {row.name}" for row in rows]
    document = json.loads(result.stdout)
    assert [row["name"] for row in document["rows"]] == ["env/ieee14/B1", "powerflow/case14/B1"]
    shown = invoke("bench", "env").stdout
    for said in ("env/ieee14/B1", "pandapower", "2.50×", "warm", "cores 2", "numpy 2"):
        assert said in shown


def test_an_unknown_benchmark_is_told_with_the_valid_ones(invoke: Invoke) -> None:
    result = invoke("bench", "coffee")
    assert result.exit_code == 2
    assert "powerflow" in result.stderr
