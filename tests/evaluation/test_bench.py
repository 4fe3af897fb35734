"""The benchmark document has the promised shape, and refuses numbers that do not hold. No test looks at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.errors import DataError, PhysicsError, UnknownNameError
from gridpilot.evaluation.bench import bench_names, contingency, env, knowledge, messages, powerflow, report, run_bench, runners, scaling
from gridpilot.evaluation.bench.cases import bench_case, feeders_at_one_source
from gridpilot.evaluation.bench.operating_points import at_buses, draw_points, mismatch_mva
from gridpilot.evaluation.bench.peer_envs import make_grid2op, make_light_env
from gridpilot.evaluation.bench.peer_grids import PeerContingency, PeerSweep
from gridpilot.evaluation.bench.report import Lap, Row, make_report, race
from gridpilot.knowledge.questions import shipped_questions
from gridpilot.powerflow import engine
from gridpilot.powerflow.sweep import Sweep
from gridpilot.twin.crew import usable_cores
from gridpilot.values import Status

ROW_KEYS = {"name", "value", "unit", "against", "ratio", "note"}
TINY = powerflow.Effort(rounds=1, single_solves=3, batch_buses=300, slow_solves=1)
TINY_ENV = env.Effort(rounds=1, single_steps=3, batch_steps=2, grid2op_steps=3, light_steps=5)


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where no peer is installed."""
    for module in (powerflow, contingency, env):
        monkeypatch.setattr(module, "installed", lambda *packages: False)


def assert_raced(rows: Sequence[Row], peers: Sequence[str]) -> None:
    assert [row.against for row in rows] == list(peers)
    assert all(row.value > 0 and row.ratio is not None and row.ratio > 0 and row.note for row in rows)


# ------------------------------------------------------------------------------------------------------- rows


def test_power_flow_rows_race_lightsim2grid_and_one_by_one_pandapower() -> None:
    told: list[str] = []
    rows = powerflow.rows(TINY, (("case14", 8), ("three13", 4), ("case14", 1)), scaling=False, tell=told.append)
    names = ["powerflow/case14/B8", "powerflow/three13/B4", "powerflow/case14/B1"]
    assert told == names
    assert [row.name for row in rows] == [*names, "powerflow/case14/B1/pandapower"]
    assert_raced(rows, ["lightsim2grid", "lightsim2grid", "lightsim2grid", "pandapower"])


def test_scaling_rows_measure_growth_memory_and_threads() -> None:
    told: list[str] = []
    rows = scaling.scaling_rows(1, told.append, growth=("case14", 8, 64), threads=("case14", 16, 2))
    assert [row.name for row in rows if "memory" not in row.name] == ["powerflow/case14/B64", "powerflow/case14/B16/threads2"]
    assert [row.against for row in rows if "memory" not in row.name] == ["a batch of 8", "one thread"]
    assert told == ["powerflow/case14/B64", "powerflow/case14/B16/threads2"]


def test_one_core_gives_no_ratio_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "usable_cores", lambda: 1)
    row = scaling.scaling_rows(1, growth=("case14", 4, 8), threads=("case14", 8, 2))[-1]
    assert row.ratio is None
    assert "1 core" in row.note


def test_the_peak_of_memory_is_what_the_work_held() -> None:
    def hold() -> None:
        np.ones(8_000_000).sum()

    np.ones(3_900_000).sum()  # from here on glibc serves blocks of up to 31 MB from its heap
    earlier = [np.ones(100_000) for _ in range(200)]
    del earlier[:-1]  # 160 MB under the last one, which the allocator keeps for the next who asks
    peak = scaling.peak_bytes(hold)
    if peak is not None:
        assert 60e6 < peak < 120e6


def test_contingency_rows_race_lightsim2grid() -> None:
    rows = contingency.rows(contingency.Effort(rounds=1, analyses=2), ("case14",))
    assert [row.name for row in rows] == ["contingency/case14"]
    assert_raced(rows, ["lightsim2grid"])


def test_environment_rows_race_grid2op_and_the_light_environment() -> None:
    rows = env.rows(TINY_ENV, "six_bus", (1, 4))
    names = ["env/six_bus/B1", "env/six_bus/B4", "env/three_microgrids/B1", "env/three_microgrids/B4"]
    cores = max(2, usable_cores())
    assert [row.name for row in rows] == [*names, f"env/six_bus/B4/threads{cores}", f"env/three_microgrids/B4/threads{cores}"]
    assert_raced(rows[:2], ["grid2op", "lightsim2grid"])
    assert all(row.value > 0 and row.ratio is None for row in rows[2:4])
    assert all(row.value > 0 and row.against == "one thread" and "core" in row.note for row in rows[4:])


def test_message_rows_count_two_per_microgrid_and_two_per_device() -> None:
    rows = {row.name: row for row in messages.rows((3,), steps=4) if row.name.startswith("messages/in_memory")}
    assert list(rows) == [f"messages/in_memory/3{what}" for what in ("", "/logical", "/bytes")]
    assert rows["messages/in_memory/3/logical"].value == 2 * 3 + 2 * 12
    assert rows["messages/in_memory/3/bytes"].value > 12 * 20


def test_without_peers_a_row_has_no_ratio_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch)
    rows = [
        *powerflow.rows(TINY, (("case14", 1),), scaling=False),
        *contingency.rows(contingency.Effort(rounds=1, analyses=2), ("case14",)),
        *[row for row in env.rows(TINY_ENV, "six_bus", (1, 2)) if row.name.startswith("env/six_bus") and "threads" not in row.name],
    ]
    assert len(rows) == 5
    assert all(row.ratio is None and row.value > 0 and "gridpilot[bench]" in row.note for row in rows)


# ----------------------------------------------------------------------------------------------------- report


def test_the_document_is_json_with_machine_and_versions() -> None:
    document = json.loads(json.dumps(make_report([Row("a/b", 1.5, "µs")]).document()))
    assert set(document) == {"machine", "versions", "rows"}
    assert set(document["rows"][0]) == ROW_KEYS
    assert {"numpy", "numba", "gridpilot", "lightsim2grid", "grid2op"} <= set(document["versions"])
    assert document["machine"]["cores_usable"] >= 1


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


def test_every_call_has_other_inputs_and_every_result_is_checked() -> None:
    solved: list[int] = []
    checked: list[tuple[int, int]] = []

    def solve(asked: int) -> int:
        solved.append(asked)
        return -asked

    run = runners.repeated(solve, lambda asked, result: checked.append((asked, result)), [1, 2, 3], calls=2, batch=8)
    lap = run()
    assert (lap.units, solved) == (16, [1, 2])
    lap.check()
    assert sorted(checked) == [(1, -1), (2, -2)]
    solved.clear()
    run()
    assert solved == [3, 1]


# ----------------------------------------------------------------------------------------------------- honest


def test_a_solution_that_does_not_hold_is_no_result() -> None:
    case = bench_case("case14")
    flow = Sweep(case, 2).solve(*draw_points(case, 2, 0))
    runners.check_flow(flow, case)
    with pytest.raises(PhysicsError, match="residual"):
        runners.check_flow(replace(flow, residual_mva=flow.residual_mva + 1e-3), case)
    with pytest.raises(PhysicsError, match="residual"):
        runners.check_flow(replace(flow, status=np.full(2, int(Status.DIVERGED), dtype=np.int8)), case)


def test_peers_that_solve_another_grid_are_no_peers() -> None:
    case = bench_case("case14")
    ours = runners.solved_base(case)
    runners.check_same(case, ours, ours + 1e-9)
    for theirs in (ours + 1e-5, ours * np.nan):
        with pytest.raises(PhysicsError, match="do not solve the same grid"):
            runners.check_same(case, ours, theirs)


@pytest.mark.parametrize("name", ["case13", "case14", "case118"])
def test_the_peer_solves_our_points_to_our_mismatch(name: str) -> None:
    case = bench_case(name)
    points, other = draw_points(case, 5, 0), draw_points(case, 5, 1)
    peer = PeerSweep(case, runners.solved_base(case), runners.TOLERANCE_PU)
    peer.solve(peer.arguments(points))
    flow = Sweep(case, 5).solve(*points)
    assert np.abs(peer.voltages() - (flow.v_re_pu + 1j * flow.v_im_pu)).max() <= runners.SAME_PU
    peer.check(points)
    with pytest.raises(PhysicsError, match="its time means nothing"):
        peer.check(other)


def test_the_peer_and_we_find_the_same_outages() -> None:
    case = bench_case("case14")
    network = case.network
    peer = PeerContingency(case, runners.solved_base(case), runners.TOLERANCE_PU)
    peer.solve()
    voltages, solved = peer.outages()
    p, q = (np.tile(values, (network.n_branch, 1)) for values in case.injections())
    asked = {**runners.fixed_arguments(case, network.n_branch), "closed": ~np.eye(network.n_branch, dtype=np.bool_)}
    flow = engine("newton", network).solve(p, q, **asked)
    assert np.array_equal(solved, flow.status == Status.OK)
    assert 0 < solved.sum() < network.n_branch
    assert np.abs(voltages - (flow.v_re_pu + 1j * flow.v_im_pu))[solved].max() <= runners.SAME_PU


def test_points_are_drawn_around_the_case_and_summed_to_its_buses() -> None:
    case = bench_case("case118")
    points = draw_points(case, 50, 0)
    assert not np.array_equal(points.load_p_mw, draw_points(case, 50, 1).load_p_mw)
    assert np.allclose(points.load_p_mw.mean(axis=0), case.loads.p_mw, rtol=0.03)
    exact = draw_points(case, 1, 0)._replace(
        load_p_mw=case.loads.p_mw[None], load_q_mvar=case.loads.q_mvar[None], unit_p_mw=case.units.p_mw[None]
    )
    p, q = at_buses(case, exact)
    assert np.allclose((p[0], q[0]), case.injections())
    assert mismatch_mva(case, exact, p, q) == 0.0
    assert mismatch_mva(case, exact, p + 0.1, q) == pytest.approx(0.1)


def test_three_feeders_are_three_times_one() -> None:
    one, three = bench_case("case13"), bench_case("three13")
    assert three.network.n_bus == 3 * one.network.n_bus + 1
    assert three.loads.p_mw.sum() == pytest.approx(3 * one.loads.p_mw.sum())
    v = np.abs(runners.solved_base(three))[1:]
    assert v[0] == pytest.approx(v[1]) == pytest.approx(v[2])
    with pytest.raises(ValueError, match="no feeder"):
        feeders_at_one_source(bench_case("case14"), 2)


def test_the_peers_environments_step_on_their_own_days() -> None:
    theirs = make_grid2op()
    assert theirs.n_sub == 14
    assert theirs.delta_time_seconds == 300.0
    light = make_light_env()
    seen, _ = light.reset()
    before = np.array(seen.p_or)
    seen, _, done, _, _ = light.step(0)
    assert not done
    assert not np.array_equal(before, seen.p_or)
    assert np.isfinite(seen.rho).all()
    assert (light.protections.get_thermal_limit_or() < 10.0).all()


def test_recall_is_a_share_of_the_questions_and_a_question_about_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {row.name: row for row in knowledge.rows()}
    assert list(rows) == ["knowledge/recall@5", "knowledge/recall@1", "knowledge/search"]
    assert 0.0 < rows["knowledge/recall@1"].value <= rows["knowledge/recall@5"].value <= 1.0
    assert f"{len(shipped_questions())} questions" in rows["knowledge/recall@5"].note
    lost = tuple(replace(question, document="procedure/none") for question in shipped_questions()[:2])
    monkeypatch.setattr(knowledge, "shipped_questions", lambda: lost)
    with pytest.raises(DataError, match="procedure/none"):
        knowledge.rows()
