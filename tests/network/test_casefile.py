"""gridpilot's case format: what is written is read back, and a wrong file says everything that is wrong."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridpilot.errors import CaseError
from gridpilot.network import Case, load_case, make_case, make_network, read_case, read_matpower, write_case


def full_case() -> Case:
    """A case which uses every key of the format."""
    network = make_network(
        "full",
        base_mva=10,
        frequency_hz=60,
        buses=[{"name": "å", "kv": 20, "x": 1.5, "y": 2}, {"name": "b", "kv": 20, "v_min_pu": 0.9}, {"name": "c", "kv": 0.4}],
        branches=[
            {"name": "L", "a": "å", "b": "b", "r_pu": 0.1, "x_pu": 0.3, "b_pu": 0.07, "rating_mva": 4.3},
            {"name": "T", "a": "b", "b": "c", "r_pu": 0.01, "x_pu": 0.2, "g_from_pu": 0.1, "b_from_pu": -0.2, "b_to_pu": -0.1}
            | {"tap": 1.025, "shift_deg": 150, "transformer": True, "closed": False},
        ],
        shunts=[{"name": "C", "bus": "b", "g_mw": 0.1, "b_mvar": 1.2}],
        switches=[{"name": "S", "a": "å", "b": "b", "closed": False}],
    )
    return make_case(
        network,
        loads=[{"name": "mill", "bus": "c", "p_mw": 1 / 3, "q_mvar": 0.1}],
        units=[
            {
                "name": "G",
                "bus": "å",
                "p_mw": 1,
                "p_max_mw": 2,
                "v_set_pu": 1.02,
                "holds_voltage": True,
                "fuel": "gas",
                "cost": (0.1, 20, 3),
            },
            {"name": "H", "bus": "b", "in_service": False, "cost_points": ((0, 0), (2, 50.5))},
        ],
        slacks=[{"bus": "å", "v_pu": 1.02, "angle_deg": 7}],
        source="this test",
    )


def assert_same(one: Any, other: Any) -> None:
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if hasattr(a, "__dataclass_fields__"):
            assert_same(a, b)
        elif isinstance(a, np.ndarray) and a.dtype.kind == "f":
            # Angles are radians in memory and degrees in the file: one rounding each way.
            np.testing.assert_allclose(a, b, rtol=4e-16 if "rad" in field.name else 0, atol=0, err_msg=field.name)
        else:
            assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b, field.name


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_case(full_case(), tmp_path / "case.json")
    assert_same(read_case(tmp_path / "case.json"), full_case())


@pytest.mark.parametrize("name", ["pglib_opf_v23.07/pglib_opf_case118_ieee.m", "rts_gmlc/RTS_GMLC.m"])
def test_real_cases_are_read_back(shared_data: Path, tmp_path: Path, name: str) -> None:
    case = read_matpower(shared_data / "networks" / name)
    write_case(case, tmp_path / "case.json")
    assert_same(read_case(tmp_path / "case.json"), case)


def test_writing_leaves_one_file(tmp_path: Path) -> None:
    write_case(full_case(), tmp_path / "case.json")
    write_case(load_case("case14"), tmp_path / "case.json")
    assert [path.name for path in tmp_path.iterdir()] == ["case.json"]
    assert read_case(tmp_path / "case.json").network.name == "case14"


def problems_after(tmp_path: Path, edit: Any) -> set[str]:
    path = tmp_path / "case.json"
    write_case(full_case(), path)
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    with pytest.raises(CaseError) as caught:
        read_case(path)
    return {str(problem) for problem in caught.value.problems}


def test_unknown_missing_and_mistyped_keys_are_told_at_once(tmp_path: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["colour"] = "blue"
        del document["slacks"]
        document["base_mva"] = "10"
        document["loads"] = {}
        document["branches"][0]["rating"] = 5
        document["branches"][1]["closed"] = 1
        del document["buses"][2]["kv"]
        document["units"][1]["cost_points"] = [[0, 0], [1]]
        document["shunts"][0] = 3

    found = problems_after(tmp_path, edit)
    starts = (
        *("document: has the unknown key 'colour'", "document: has no 'slacks'", "base_mva: is '10', expected a number"),
        *("loads: is dict", "branches[0]: has the unknown key 'rating'", "branches[1].closed: is 1, expected true or false"),
        *("buses[2]: has no 'kv'", "units[1].cost_points: is", "shunts[0]: is 3"),
    )
    assert len(found) == len(starts)
    for start in starts:
        assert any(problem.startswith(start) for problem in found), start


def test_contradictions_are_told_at_once(tmp_path: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["branches"][0] |= {"r_pu": 0, "x_pu": 0}
        document["buses"][1]["kv"] = 0
        document["loads"][0]["bus"] = "nowhere"
        document["slacks"] = []

    found = problems_after(tmp_path, edit)
    assert len(found) == 4
    for start in ("branch L: series impedance", "bus b: nominal voltage", "load mill: there is no bus", "slack: no bus fixes"):
        assert any(problem.startswith(start) for problem in found), start


def test_another_format_or_version_is_refused(tmp_path: Path) -> None:
    assert problems_after(tmp_path, lambda document: document.update(version=2)) == {
        "format: is 'gridpilot case' 2, expected 'gridpilot case' 1"
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ("[]", "holds a list"), ('{"base_mva": NaN}', "holds NaN"), ('{"base_mva": Infinity}', "holds Infinity")],
)
def test_what_is_not_a_document_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "case.json").write_text(text)
    with pytest.raises(CaseError, match=said):
        read_case(tmp_path / "case.json")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="no case file"):
        read_case(tmp_path / "nowhere.json")
