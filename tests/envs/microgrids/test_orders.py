"""Orders beside MW: reactive power, tap positions and steps of banks, in every mode the same."""

from __future__ import annotations

import warnings
from typing import Any

import msgspec
import numpy as np
import pytest
from pettingzoo.test import parallel_api_test
from tests.envs.microgrids.episode import actions, play, played

from gridpilot.agents.grid import GridAgent, Report, Setpoint
from gridpilot.envs.microgrids import MicrogridsConfig, MicrogridsEnv, microgrids_env, microgrids_vec
from gridpilot.envs.microgrids.seats import make_seats
from gridpilot.errors import ActionError, ConfigError, MessageError

ALL = ("p_mw", "q_mvar", "position", "steps")
FLEXIBLE: dict[str, Any] = {"scenario": "three-microgrids-flexible", "orders": ALL}
MODES: list[dict[str, Any]] = [
    {"vertical": "setpoint"},
    {"vertical": "price-signal"},
    {"vertical": "none", "orders": ("p_mw", "q_mvar")},
    {"vertical": "price-signal", "horizontal": "consensus"},
    {"vertical": "setpoint", "horizontal": "trading", "orders": ("p_mw", "steps")},
]
STEPS = 32
DEVICES = 8
"""Of a microgrid that are ordered: engine, battery, sun, wind, charging point, regulator, two banks."""


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(map(str, mode.values())))
def test_distributed_is_central_bit_for_bit(mode: dict[str, Any]) -> None:
    settings = {**FLEXIBLE, **mode, "steps": STEPS}
    centralised, distributed = (played(**settings, centralized=where) for where in (True, False))
    assert len(centralised.hashes) == STEPS + 1
    assert distributed.hashes == centralised.hashes
    assert distributed.rewards == centralised.rewards
    # A dictionary of an agent holds arrays: what was ordered beside MW and what came of it is told by name.
    told = [[(info[name].get("ordered"), info[name].get("applied")) for name in info] for info in centralised.infos]
    assert [[(info[name].get("ordered"), info[name].get("applied")) for name in info] for info in distributed.infos] == told


@pytest.mark.parametrize("mode", MODES[:2], ids=lambda mode: "-".join(map(str, mode.values())))
def test_a_batch_is_the_environment_bit_for_bit(mode: dict[str, Any]) -> None:
    settings = {**FLEXIBLE, **mode}
    alone, batch = microgrids_env(**settings), microgrids_vec(2, **settings)
    alone.reset(seed=5)
    batch.reset(seed=5)
    random = np.random.default_rng(1)
    for _ in range(8):
        acts = actions(alone, random)
        rewards = alone.step(acts)[1]
        moved = batch.step({name: np.stack([act, -act]) for name, act in acts.items()})
        assert moved.rewards[0].tolist() == list(rewards.values())
        assert moved.rewards[1].tolist() != moved.rewards[0].tolist()


def test_entries_are_named_as_in_the_action_schema() -> None:
    env = microgrids_env(**FLEXIBLE)
    assert env.action_names("MG2") == (
        *(f"MG2-{device}.setpoint_mw" for device in ("DG", "ESS", "PV", "WT", "EV")),
        *(f"MG2-{device}.q_mvar" for device in ("ESS", "PV", "WT")),
        "MG2-REG-650-632.position",
        "MG2-CAP-675.steps",
        "MG2-CAP-611.steps",
    )
    names = env.observation_names("MG2")
    expected = ("storage.MG2-ESS.order_mvar", "tap_changer.MG2-REG-650-632.order", "shunt.MG2-CAP-675.order", "ev.MG2-EV.needed_mwh")
    assert set(expected) <= set(names)
    assert not any("DSO-REG" in name or "MG1-" in name for name in names)
    priced = microgrids_env(**FLEXIBLE, vertical="price-signal", horizontal="trading")
    assert priced.action_names("MG2")[::11] == ("price_usd_per_mwh",)
    assert priced.action_names("MG2")[1:] == (*env.action_names("MG2")[5:], "trade.price_usd_per_mwh")


def ordered(env: MicrogridsEnv, changes: dict[str, float], steps: int = 1) -> dict[str, Any]:
    """What came of orders of MG1, −1 … 1 by name, while all else stands as it began."""
    env.reset(seed=3)
    acts = {name: action.copy() for name, action in env.standing_action.items()}
    for name, value in changes.items():
        acts["MG1"][env.action_names("MG1").index(name)] = value
    for _ in range(steps):
        infos = env.step(acts)[4]
    info: dict[str, Any] = infos["MG1"]
    return info


def voltage(env: MicrogridsEnv, bus: str) -> float:
    state = env.grid_state
    assert state is not None
    names = [name for name in env.state_names if name.endswith(".v_pu")]
    return float(state.flow.v_pu[0, names.index(f"bus.{bus}.v_pu")])


@pytest.mark.parametrize("mode", [{}, {"centralized": False}], ids=["central", "distributed"])
def test_the_rules_of_pettingzoo_hold(mode: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it resets with an option that nobody has
        tested = microgrids_env(**FLEXIBLE, **mode)
        parallel_api_test(tested, num_cycles=30)
        tested.close()


def test_standing_orders_leave_everything_as_it_began() -> None:
    told = ordered(microgrids_env(**FLEXIBLE), {})["applied"]
    assert told["MG1-REG-650-632.position"] == 0.0
    assert (told["MG1-CAP-675.steps"], told["MG1-CAP-611.steps"]) == (4.0, 1.0)
    assert [told[f"MG1-{device}.q_mvar"] for device in ("ESS", "PV", "WT")] == pytest.approx([0.0] * 3, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "value", "applied", "rises"),
    [
        ("MG1-ESS.q_mvar", 1.0, 0.5 / np.sqrt(1.0 - 0.44**2), True),
        ("MG1-ESS.q_mvar", -1.0, -0.5 / np.sqrt(1.0 - 0.44**2), False),
        ("MG1-REG-650-632.position", -0.5, -8.0, True),
        ("MG1-REG-650-632.position", 0.49, 8.0, False),  # 7.84: the device goes to the nearest position
        ("MG1-CAP-675.steps", -1.0, 0.0, False),
    ],
)
def test_an_order_reaches_the_grid(name: str, value: float, applied: float, rises: bool) -> None:
    env = microgrids_env(**FLEXIBLE)
    ordered(env, {})
    before = voltage(env, "MG1-675")
    assert ordered(env, {name: value})["applied"][name] == pytest.approx(applied)
    change = voltage(env, "MG1-675") - before
    assert (change > 1e-3) == rises
    assert abs(change) > 1e-3


def test_under_a_price_direct_orders_are_followed_as_they_are() -> None:
    env = microgrids_env(**FLEXIBLE, vertical="price-signal")
    told = ordered(env, {"MG1-CAP-675.steps": -0.5, "MG1-ESS.q_mvar": -0.25})
    assert told["applied"]["MG1-CAP-675.steps"] == 1.0
    assert told["applied"]["MG1-ESS.q_mvar"] == pytest.approx(-0.125 / np.sqrt(1.0 - 0.44**2))


@pytest.mark.parametrize(
    ("settings", "told"),
    [(FLEXIBLE, DEVICES), ({**FLEXIBLE, "vertical": "none"}, 6), ({**FLEXIBLE, "vertical": "none", "orders": ("p_mw", "steps")}, 2)],
    ids=["setpoint", "none", "none-steps"],
)
def test_a_device_hears_one_setpoint_however_much_it_is_ordered(settings: dict[str, Any], told: int) -> None:
    env = microgrids_env(**settings, centralized=False)
    env.reset(seed=0)
    counted = env.messages
    env.step(actions(env, np.random.default_rng(0)))
    devices = sum(len(member.devices) for member in env.members.all)
    assert env.messages - counted == {"action": 3, "setpoint": 3 * told, "report": devices, "network": 3, "receipt": 3}
    env.close()


def test_messages_about_mw_alone_are_what_they_were() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(Setpoint("ESS", 0.5))) == {"device": "ESS", "told": 0.5}
    report = Report("ESS", 0.5, 0.25, 0.0)
    assert list(msgspec.msgpack.decode(msgspec.msgpack.encode(report))) == ["device", "order_mw", "p_mw", "q_mvar"]


def test_what_is_stepped_stays_where_it_is_while_its_agent_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inverter without a controller leaves the grid; a regulator and a bank stand, and go on from there."""
    answer, mute = GridAgent.answer, range(3, 7)

    def sometimes(self: GridAgent, question: Any) -> Any:
        if self.role == "MG1" and question.at.phase == "act" and question.at.step in mute:
            raise MessageError("mute", "says nothing")
        return answer(self, question)

    monkeypatch.setattr(GridAgent, "answer", sometimes)
    env = microgrids_env(**FLEXIBLE, centralized=False, mode="deadline")
    env.reset(seed=3)
    acts = {name: action.copy() for name, action in env.standing_action.items()}
    for name, value in (("MG1-REG-650-632.position", -0.25), ("MG1-ESS.q_mvar", 0.5), ("MG1-CAP-675.steps", 0.0)):
        acts["MG1"][env.action_names("MG1").index(name)] = value
    told = [env.step(acts)[4]["MG1"] for _ in range(8)]
    env.close()
    assert [info["silent_cycles"] for info in told] == [0, 0, 1, 2, 3, 4, 0, 0]
    assert [info["applied"]["MG1-REG-650-632.position"] for info in told] == [-4.0] * 8
    assert [info["applied"]["MG1-CAP-675.steps"] for info in told] == [2.0] * 8
    mvar = [info["applied"]["MG1-ESS.q_mvar"] for info in told]
    assert mvar[2] == mvar[1] == mvar[7] > 0.2
    assert mvar[3:6] == [0.0] * 3


def test_a_report_without_what_a_device_does_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    act = GridAgent.act

    def forgetful(self: GridAgent, message: Any) -> list[Report]:
        return [Report(report.device, report.order_mw, report.p_mw, report.q_mvar, report.order_mvar) for report in act(self, message)]

    monkeypatch.setattr(GridAgent, "act", forgetful)
    env = microgrids_env(**FLEXIBLE, centralized=False)
    env.reset(seed=0)
    with pytest.raises(MessageError, match="adjusted of MG1-REG-650-632, MG1-CAP-675"):
        env.step(env.standing_action)
    env.close()


def test_seats_say_direct_orders_by_name() -> None:
    env = microgrids_env(**FLEXIBLE)
    observations, _ = env.reset(seed=2)
    seats = make_seats(env.config, env.members)
    assert seats["MG1"].ranges["MG1-REG-650-632.position"] == (-16.0, 16.0)
    setpoints = {device: low for device, (low, _) in seats["MG1"].ranges_mw.items()}
    acts = {name: seats[name].standing(observations[name]) for name in env.agents}
    acts["MG1"] = seats["MG1"].action(setpoints, {"MG1-REG-650-632.position": -3.0})
    observations, *_, infos = env.step(acts)
    assert infos["MG1"]["applied"]["MG1-REG-650-632.position"] == -3.0
    assert infos["MG1"]["applied"]["MG1-CAP-675.steps"] == 4.0
    infos = env.step({name: seats[name].standing(observations[name]) for name in env.agents})[4]
    assert infos["MG1"]["ordered"]["MG1-REG-650-632.position"] == pytest.approx(-3.0, abs=1e-5)
    with pytest.raises(ActionError, match=r"MG1-EV.q_mvar.*MG1-ESS.q_mvar"):
        seats["MG1"].action(setpoints, {"MG1-EV.q_mvar": 0.0})


@pytest.mark.parametrize(
    ("orders", "what"),
    [
        (("p_mw", "volts"), "'volts'"),
        (("q_mvar",), "must have 'p_mw'"),
        (("p_mw", "steps", "steps"), "twice"),
        ("p_mw", "expected a list"),
    ],
)
def test_orders_that_there_are_none_of_are_refused(orders: Any, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        MicrogridsConfig(orders=orders)


def test_a_quantity_without_a_device_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'q_mvar', and no microgrid(.|\n)*'steps'"):
        microgrids_env(orders=ALL)


def test_a_day_of_any_orders_keeps_the_books() -> None:
    """Random orders of everything: rewards are finite, positions whole and inside their range."""
    env = microgrids_env(**FLEXIBLE)
    told = play(env, 96)
    assert all(np.isfinite(rewards).all() for rewards in told.rewards)
    positions = [value for info in told.infos for name, value in info["MG1"]["applied"].items() if not name.endswith(".q_mvar")]
    assert all(value.is_integer() and -16 <= value <= 16 for value in positions)
    assert len(set(positions)) > 5
