"""Profiles by name, as plain values, and the import of a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from gridpilot.errors import ConfigError, ProfileError, UnknownNameError
from gridpilot.profiles import import_csv, list_profiles, load_profiles, profile_info, profile_names
from gridpilot.profiles.csv import load_csv

TOWN = "time,load_town_mw\n2021-05-01 00:00,10\n2021-05-01 00:15,11.25\n2021-05-01 00:30,9\n"


@pytest.fixture
def town(tmp_path: Path) -> Path:
    path = tmp_path / "town.csv"
    path.write_text(TOWN, encoding="utf-8")
    return path


def test_a_name_may_have_dashes_or_underscores_and_a_path_is_taken_for_a_file(town: Path) -> None:
    assert load_profiles().name == "simbench"
    assert load_profiles("synthetic", days=1, seed=3).values.shape == (288, 5)
    assert load_profiles(str(town)).name == load_profiles(town).name == "town"
    with pytest.raises(ProfileError, match="set GRIDPILOT_DATA"):
        load_profiles("rts_gmlc", root=town.parent)


def test_a_wrong_name_lists_the_valid_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_profiles("simbensh")
    for name in profile_names():
        assert name in str(caught.value)
    assert "Did you mean 'simbench'?" in str(caught.value)


def test_a_wrong_option_lists_the_valid_ones(town: Path) -> None:
    with pytest.raises(ConfigError, match="sede: is no option of these profiles; valid: seed, start, days, step_min"):
        load_profiles("synthetic", sede=1)
    with pytest.raises(ConfigError, match="path: is no option"):
        load_profiles(town, path=town)


def test_the_list_is_json_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRIDPILOT_DATA", raising=False)
    listed = {row["name"]: row for row in json.loads(json.dumps(list_profiles()))}
    assert tuple(listed) == profile_names()
    assert listed["simbench"]["available"]
    assert not listed["rts-gmlc"]["available"]
    assert "GRIDPILOT_DATA" in listed["rts-gmlc"]["needs"]


def test_the_list_says_of_every_source_what_is_in_it(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDPILOT_DATA", str(shared_data))
    for row in list_profiles():
        assert row["available"], row["needs"]
        info = json.loads(json.dumps(profile_info(row["name"], **({"repair": "interpolate"} if row["name"] == "caiso" else {}))))
        assert info["step_min"] == row["step_min"]
        assert row["span"] in (info["start"][:4], "any")
        assert info["licence"] == row["licence"]


def test_info_sums_up_every_column(town: Path) -> None:
    info = profile_info(town)
    assert info["columns"] == [
        {"name": "load_town_mw", "kind": "load", "unit": "mw", "min": 9.0, "mean": pytest.approx(30.25 / 3), "max": 11.25, "peak": 11.25}
    ]
    assert (info["rows"], info["start"], info["end"]) == (3, "2021-05-01T00:00", "2021-05-01T00:45")


def test_an_import_is_the_same_series_again(town: Path, tmp_path: Path) -> None:
    told = import_csv(town, tmp_path / "mine", name="my-town")
    again = load_csv(told["path"])
    np.testing.assert_array_equal(again.values, load_csv(town).values)
    assert (again.name, again.start, again.step_min) == ("my-town", np.datetime64("2021-05-01T00:00"), 15.0)


def test_an_import_is_repaired_only_on_request(town: Path, tmp_path: Path) -> None:
    town.write_text(TOWN.replace("11.25", ""), encoding="utf-8")
    with pytest.raises(ProfileError, match="row 1"):
        import_csv(town, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    assert import_csv(town, tmp_path / "mine", repair="interpolate")["repairs"]


def test_an_import_overwrites_only_on_request(town: Path, tmp_path: Path) -> None:
    target = Path(import_csv(town, tmp_path / "mine")["path"])
    town.write_text(TOWN.replace("11.25", "12"), encoding="utf-8")
    before = target.read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        import_csv(town, tmp_path / "mine")
    assert target.read_bytes() == before
    import_csv(town, tmp_path / "mine", overwrite=True)
    assert b"12.0" in target.read_bytes()


def test_an_import_that_fails_midway_leaves_nothing(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        import_csv(town, tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("name", ["../town", "a/b", ".town"])
def test_an_import_stays_in_its_folder(town: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="plain name"):
        import_csv(town, tmp_path / "mine", name=name)
