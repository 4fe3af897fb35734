"""A configuration is checked whole: every value for its type and range, every name for what it names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridpilot.envs.microgrids import MicrogridsConfig, MicrogridsEnv, make_config, microgrids_env
from gridpilot.errors import ActionError, ConfigError, UnknownNameError


def wheres(**settings: Any) -> set[str]:
    with pytest.raises(ConfigError) as raised:
        MicrogridsConfig(**settings)
    return {problem.where for problem in raised.value.problems}


def test_all_wrong_types_are_told_at_once_with_what_is_out_of_range() -> None:
    wrong: dict[str, Any] = {
        "cycles": "8", "cycle_minutes": "15", "safety_weight": None, "vertical": 7, "wishes": 3, "visibility": {"bus.*": 1},
        "centralized": "no", "growth": 1, "scenario": 3, "vertical_options": {"price_max_usd_per_mwh": "x"},
    }  # fmt: skip
    nested = {"visibility": "visibility.bus.*", "vertical_options": "vertical_options.price_max_usd_per_mwh"}
    assert wheres(**wrong, join_s=-1.0, mode="no") == {nested.get(name, name) for name in wrong} | {"join_s", "mode"}


def test_unknown_keys_are_told_with_wrong_values() -> None:
    with pytest.raises(ConfigError) as raised:
        make_config({"cycless": 8, "safety-weight": "x"})
    assert [problem.where for problem in raised.value.problems] == ["cycless", "safety_weight"]


def test_values_out_of_range_are_told_before_anything_is_made() -> None:
    assert wheres(cycles=0, cycle_minutes=0.0, epoch=-1, hold_cycles=-1) == {"cycles", "cycle_minutes", "epoch", "hold_cycles"}


def test_faults_are_checked_with_the_rest() -> None:
    assert wheres(cycles="8", faults={"los": 0.1, "seed": "x"}) == {"cycles", "faults.los", "faults.seed"}
    assert wheres(faults={"loss": 2.0}) == {"faults.loss"}


def test_options_of_a_protocol_have_types() -> None:
    with pytest.raises(ConfigError, match="fee_usd_per_mwh: is '1', expected a number"):
        microgrids_env(horizontal="trading", horizontal_options={"fee_usd_per_mwh": "1"})


def test_a_pattern_that_matches_no_feature_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"storage\.\*\.energy_mw: matches no feature; the nearest are .*-ESS\.energy_mwh"):
        microgrids_env(visibility={"storage.*.energy_mw": "public", "bus.*": "system"})


@pytest.fixture(scope="module")
def env() -> MicrogridsEnv:
    return microgrids_env(cycles=2)


def test_an_unknown_agent_is_named_with_those_that_there_are(env: MicrogridsEnv) -> None:
    for ask in (env.action_space, env.observation_space, env.action_names, env.observation_names):
        with pytest.raises(UnknownNameError, match=r"agent called 'MG9'.* Valid: MG1, MG2, MG3"):
            ask("MG9")
    env.reset(seed=0)
    with pytest.raises(ActionError, match="each of MG1, MG2, MG3: MG9: is no agent"):
        env.step({name: np.zeros(4, np.float32) for name in (*env.agents, "MG9")})
