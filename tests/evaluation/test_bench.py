"""The benchmark document has the promised shape, and refuses numbers that do not hold. No test looks at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gridpilot.errors import PhysicsError, UnknownNameError
from gridpilot.evaluation.bench import bench_names, env, powerflow, run_bench
from gridpilot.evaluation.bench.report import Lap, Row, make_report, race
from gridpilot.powerflow import engine

ROW_KEYS = {"name", "value", "unit", "against", "ratio", "note"}


def test_power_flow_rows_race_pandapower() -> None:
    rows = powerflow.rows(powerflow.Effort(rounds=1, single_solves=4, peer_solves=1), cases=("case14",), batches=(1, 8))
    assert [row.name for row in rows] == ["powerflow/case14/B1", "powerflow/case14/B8"]
    assert all(row.value > 0 and row.against == "pandapower" and row.ratio is not None and row.ratio > 0 for row in rows)


def test_environment_rows_say_why_they_have_no_ratio() -> None:
    rows = env.rows(env.Effort(rounds=1, single_steps=3, batch_steps=2), scenario="six_bus", batches=(1, 4))
    assert [row.name for row in rows] == ["env/six_bus/B1", "env/six_bus/B4"]
    assert all(row.value > 0 and row.ratio is None and row.note for row in rows)


def test_the_document_is_json_with_machine_and_versions() -> None:
    document = json.loads(json.dumps(make_report([Row("a/b", 1.5, "µs")]).document()))
    assert set(document) == {"machine", "versions", "rows"}
    assert set(document["rows"][0]) == ROW_KEYS
    assert {"numpy", "numba", "gridpilot"} <= set(document["versions"])
    assert document["machine"]["cores_used"] == 1


def test_an_unknown_benchmark_lists_the_valid_ones() -> None:
    with pytest.raises(UnknownNameError, match=", ".join(bench_names())):
        run_bench("powerflw")


def test_runners_take_turns_and_are_checked_off_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(float(tick) for tick in range(100))
    monkeypatch.setattr("gridpilot.evaluation.bench.report.time.perf_counter", lambda: next(clock))
    calls: list[str] = []

    def runner(name: str, units: int) -> Any:
        def run() -> Lap:
            calls.append(name)
            return Lap(units, lambda: calls.append(f"{name} checked"))

        return run

    seconds = race({"a": runner("a", 1), "b": runner("b", 4)}, rounds=2)
    assert seconds == {"a": 1.0, "b": 0.25}
    turn = ["a", "a checked", "b", "b checked"]
    assert calls == turn * 3


def test_a_solution_that_does_not_hold_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powerflow, "LARGEST_RESIDUAL_PU", 0.0)
    with pytest.raises(PhysicsError, match="residual"):
        powerflow.rows(powerflow.Effort(rounds=1, single_solves=2, peer_solves=1), cases=("case14",), batches=(1,))


def test_no_batch_starts_from_its_own_solution() -> None:
    flows = []

    class Watched:
        def __init__(self, solver: Any) -> None:
            self.solver, self.network, self.name = solver, solver.network, solver.name

        def solve(self, **asked: Any) -> Any:
            flows.append(self.solver.solve(**asked))
            return flows[-1]

    case = powerflow._case("case14")
    watched: Any = Watched(engine("newton", case.network))
    powerflow._ours(watched, powerflow._inputs(case, 16), 8)().check()
    assert all((flow.iterations > 0).all() for flow in flows)
