"""The PettingZoo environment: its rules, who sees and moves what, and what a step costs whom."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test
from tests.envs.microgrids.episode import actions, play

from gridpilot.envs.microgrids import MicrogridsConfig, MicrogridsEnv, microgrids_env
from gridpilot.errors import ActionError, ConfigError
from gridpilot.scenarios import load_scenario

MODES: list[dict[str, Any]] = [
    {},
    {"vertical": "price-signal"},
    {"vertical": "none"},
    {"horizontal": "trading"},
    {"vertical": "price-signal", "horizontal": "consensus", "reward": "shared"},
    {"centralized": False},
]


@pytest.fixture
def env() -> MicrogridsEnv:
    return microgrids_env()


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(map(str, mode.values())) or "setpoint")
def test_the_rules_of_pettingzoo_hold(mode: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it resets with an option that nobody has
        tested = microgrids_env(**mode)
        parallel_api_test(tested, num_cycles=100)
        tested.close()
        parallel_seed_test(lambda: microgrids_env(**mode), num_cycles=5)


def test_a_microgrid_sees_its_own_and_what_is_public(env: MicrogridsEnv) -> None:
    env.reset(seed=0)
    names = env.observation_names("MG1")
    assert any("MG1-ESS" in name for name in names)
    assert any("price" in name for name in names)
    assert any(name.startswith("clock.") for name in names)
    assert not any("MG2-" in name or "DSO-LOAD" in name for name in names)
    assert len(env.state()) == len(env.state_names) > 3 * len(names) / 2
    everything, seen = dict(zip(env.state_names, env.state(), strict=True)), env.step(actions(env, np.random.default_rng(0)))[0]
    everything = dict(zip(env.state_names, env.state(), strict=True))
    assert [everything[name] for name in names] == seen["MG1"].tolist()


def test_visibility_is_a_choice_per_feature() -> None:
    env = microgrids_env(visibility={"storage.*.energy_mwh": "public", "bus.*": "system"})
    names = env.observation_names("MG1")
    assert "storage.MG3-ESS.energy_mwh" in names
    assert not any(name.startswith("bus.") for name in names)


def test_an_action_moves_the_agents_own_devices_alone(env: MicrogridsEnv) -> None:
    def powers(moved: str) -> dict[str, float]:
        env.reset(seed=3)
        still = {name: np.zeros(env.action_space(name).shape, np.float32) for name in env.agents}
        still[moved] = np.full_like(still[moved], 0.5)
        infos = env.step(still)[4]
        return {name: float(info["ordered_mw"].sum()) for name, info in infos.items()}

    one, two = powers("MG1"), powers("MG2")
    assert one["MG1"] != two["MG1"]
    assert one["MG2"] != two["MG2"]
    assert one["MG3"] == two["MG3"]


def test_the_reward_is_the_sum_of_its_parts(env: MicrogridsEnv) -> None:
    told = play(env, 20)
    for rewards, infos in zip(told.rewards, told.infos, strict=True):
        for reward, info in zip(rewards, infos.values(), strict=True):
            part = info["reward_parts"]
            money = part["operating_usd"] + part["bought_usd"] - part["sold_usd"] + part["traded_usd"]
            safety = part["voltage_pu"] + part["overload"] + part["devices"]
            assert reward == pytest.approx(-money - 10.0 * safety, abs=1e-12)


def test_a_shared_reward_is_the_mean_of_all() -> None:
    own, shared = (play(microgrids_env(reward=reward), 5) for reward in ("own", "shared"))
    assert own.hashes == shared.hashes
    for mine, ours in zip(own.rewards, shared.rewards, strict=True):
        assert ours == pytest.approx([np.mean(mine)] * 3)


def test_energy_over_the_tie_is_what_the_microgrid_lacks_or_has_too_much(env: MicrogridsEnv) -> None:
    """Bought less sold energy is demand and losses less generation, from the devices' own powers and the flows."""
    env.reset(seed=2)
    scenario = load_scenario("three_microgrids")
    network = scenario.network
    for _ in range(10):
        infos = env.step(actions(env, np.random.default_rng(1)))[4]
        state = env.grid_state
        assert state is not None
        for area in scenario.areas:
            buses = [network.bus(bus) for bus in area.buses]
            inside = [k for k in range(network.n_branch) if {network.branch_from[k], network.branch_to[k]} <= set(buses)]
            tie = network.branch_name.index(area.tie)
            # the books are kept at the area's own end of the tie
            losses = (state.flow.p_from_mw + state.flow.p_to_mw)[0, inside].sum()
            wanted = losses - state.flow.p_bus_mw[0, buses].sum()
            assert tie not in inside
            parts = infos[area.name]["reward_parts"]
            assert (parts["bought_mwh"] - parts["sold_mwh"]) / 0.25 == pytest.approx(wanted, abs=1e-6)


def test_what_is_traded_is_bought_by_some_and_sold_by_others() -> None:
    env = microgrids_env(horizontal="trading", horizontal_options={"fee_usd_per_mwh": 1.0, "network_charge_usd_per_mwh": 2.0})
    env.reset(seed=0)
    traded, market = 0.0, 0.0
    for k in range(60):
        acts = actions(env, np.random.default_rng(k), reach=1.0)
        for name, bid in zip(acts, (0.9, -0.9, 0.2), strict=True):
            acts[name][-1] = bid
        infos = env.step(acts)[4]
        energy = [info["reward_parts"]["traded_mwh"] for info in infos.values()]
        assert sum(energy) == 0.0  # to the last bit: energy is counted in quanta
        paid = sum(info["reward_parts"]["traded_usd"] for info in infos.values())
        volume = sum(value for value in energy if value > 0.0)
        assert paid == pytest.approx(volume * (2.0 * 1.0 + 2.0), abs=1e-9)  # fees of both sides, and the network's charge
        traded, market = traded + volume, market + 1
        if not env.agents:
            env.reset()
    assert traded > 0.0


def test_consensus_gives_all_the_mean_price() -> None:
    env = microgrids_env(vertical="price-signal", horizontal="consensus")
    env.reset(seed=0)
    prices = {"MG1": -0.9, "MG2": 0.1, "MG3": 0.2}
    agreed = env.step({name: np.array([price], np.float32) for name, price in prices.items()})[4]
    other = microgrids_env(vertical="price-signal")
    other.reset(seed=0)
    mean = np.float32(np.mean([np.float32(price) for price in prices.values()]))
    same = other.step({name: np.array([mean], np.float32) for name in prices})[4]
    for name in prices:
        assert agreed[name]["ordered_mw"] == pytest.approx(same[name]["ordered_mw"], abs=1e-5)


def test_a_price_moves_devices_by_their_cost() -> None:
    env = microgrids_env(vertical="price-signal")
    powers = []
    for price in (-1.0, 1.0):
        env.reset(seed=0)
        infos = env.step({name: np.array([price], np.float32) for name in env.agents})[4]
        powers.append(np.array([info["ordered_mw"] for info in infos.values()]))
    assert (powers[1] >= powers[0]).all()
    assert powers[1].sum() > powers[0].sum() + 1.0


def test_a_microgrid_that_is_built_later_joins_then() -> None:
    scenario = load_scenario("three_microgrids")
    late = [name.startswith("MG3-") for name in scenario.network.bus_name]
    ends = zip(scenario.network.branch_from, scenario.network.branch_to, strict=True)
    grown = replace(
        scenario,
        bus_from_h=tuple(2.0 if own else 0.0 for own in late),
        branch_from_h=tuple(2.0 if late[a] or late[b] else 0.0 for a, b in ends),
    )
    env = microgrids_env(scenario=grown)
    seen, _ = env.reset(seed=0)
    assert env.agents == list(seen) == ["MG1", "MG2"]
    for step in range(1, 12):
        seen, *_ = env.step(actions(env, np.random.default_rng(step)))
        assert list(seen) == env.agents
        assert ("MG3" in env.agents) == (step >= 8)
    with pytest.raises(ActionError, match="MG3: has no action"):
        env.step({name: np.zeros(env.action_space(name).shape) for name in ("MG1", "MG2")})


def test_wrong_actions_are_refused_whole(env: MicrogridsEnv) -> None:
    env.reset(seed=0)
    before = env.grid_state
    good = actions(env, np.random.default_rng(0))
    for wrong in (
        {**good, "MG4": good["MG1"]},
        {name: good[name] for name in ("MG1", "MG2")},
        {**good, "MG2": np.zeros(3, np.float32)},
        {**good, "MG2": np.full(4, np.nan, np.float32)},
    ):
        with pytest.raises(ActionError):
            env.step(wrong)
    after = env.grid_state
    assert before is not None
    assert after is not None
    assert (before.step == after.step).all()


def test_configuration_is_checked_whole(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="reward") as error:
        MicrogridsConfig(reward="both", vertical="telepathy", safety_weight=-1.0)
    assert "vertical" in str(error.value)
    assert "safety_weight" in str(error.value)
    path = tmp_path / "microgrids.yaml"
    path.write_text("scenario: three_microgrids\nvertical: price-signal\nmessage-broker: in_memory\n")
    assert microgrids_env(path).action_names("MG1") == ("price_usd_per_mwh",)
    path.write_text("scenarios: three_microgrids\n")
    with pytest.raises(ConfigError, match="scenarios"):
        microgrids_env(path)
    with pytest.raises(ConfigError, match="has no areas"):
        microgrids_env(scenario="six_bus")


def test_any_number_of_microgrids() -> None:
    env = microgrids_env(scenario="microgrids-10")
    env.reset(seed=0)
    assert len(env.agents) == 10
    assert len(env.step(actions(env, np.random.default_rng(0)))[1]) == 10
