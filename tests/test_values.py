"""Values pass between layers and cannot be changed on the way; every status says what to do."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass

import numpy as np
import pytest
from tests.twin import small

from gridpilot import values
from gridpilot.rewards import weights
from gridpilot.values import REWARD_TERMS, Action, Status


def test_every_status_is_a_sentence() -> None:
    sentences = [status.sentence for status in Status]
    assert len(set(sentences)) == len(Status)
    assert all(sentence.endswith(".") and len(sentence.split()) > 5 for sentence in sentences)


def test_values_are_frozen() -> None:
    classes = [value for value in vars(values).values() if is_dataclass(value) and isinstance(value, type)]
    assert len(classes) > 12
    assert all(one.__dataclass_params__.frozen for one in classes)  # type: ignore[attr-defined]
    action = Action("STORAGE", "BESS", {})
    with pytest.raises(FrozenInstanceError):
        action.target = "other"  # type: ignore[misc]


def test_a_flow_is_usable_where_it_was_solved() -> None:
    flow = small.twin().first().flow
    for status in Status:
        flow.status[0] = status
        assert flow.usable.tolist() == [status in (Status.OK, Status.ISLANDED)]


def test_angles_are_those_of_the_rectangular_voltages() -> None:
    flow = small.twin().first().flow
    assert flow.v_pu * np.exp(1j * flow.angle_rad) == pytest.approx(flow.v_re_pu + 1j * flow.v_im_pu)
    assert flow.angle_rad[0, small.A] == 0.0
    assert flow.angle_rad[0, small.C] < 0.0, "power flows towards the load"


def test_every_field_of_a_state_has_one_row_per_element() -> None:
    state = small.twin(seeds=(0, 1, 2)).first()
    assert state.batch == 3
    shapes = {field.name: value.shape[0] for field in fields(state) if isinstance(value := getattr(state, field.name), np.ndarray)}
    assert set(shapes.values()) == {3}


def test_reward_terms_have_a_weight_each() -> None:
    assert dict(zip(REWARD_TERMS, weights({}).tolist(), strict=True)) == {
        "congestion": 5.0, "voltage": 3.0, "curtailment": 2.0, "imbalance": 4.0, "cost": 0.5, "emissions": 1.0, "reliability": 10.0,
    }  # fmt: skip
