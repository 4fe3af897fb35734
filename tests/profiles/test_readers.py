"""The readers of public data sets, on the data itself."""

from __future__ import annotations

import builtins
import gzip
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from gridpilot.errors import MissingExtraError, ProfileError, UnknownNameError
from gridpilot.profiles import Profiles
from gridpilot.profiles.caiso import load_caiso
from gridpilot.profiles.grid2op import DATASETS, episodes, load_grid2op
from gridpilot.profiles.rts_gmlc import load_rts_gmlc
from gridpilot.profiles.simbench import load_simbench


@pytest.fixture(scope="module")
def rts(shared_data: Path) -> Profiles:
    return load_rts_gmlc(shared_data)


def cell(path: Path, line: int, column: str) -> float:
    """One number of a CSV file, found without the reader under test."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    return float(lines[line - 1].split(",")[lines[0].split(",").index(column)])


def test_rts_is_a_leap_year_with_the_published_peaks(rts: Profiles, shared_data: Path) -> None:
    assert (str(rts.start), str(rts.end), rts.step_min) == ("2020-01-01T00:00", "2021-01-01T00:00", 5.0)
    peaks = dict(zip(rts.columns, rts.peak, strict=True))
    assert peaks["load_area2_mw"] == peaks["load_area3_mw"] == 2850.0
    assert (peaks["pv_320_PV_1_mw"], peaks["wind_122_WIND_1_mw"]) == (51.6, 711.4)
    path = shared_data / "timeseries" / "rts_gmlc_realtime_5min_2020.csv.gz"
    assert rts.values[50_000, rts.column("load_area3_mw")] == cell(path, 50_002, "load_area3_mw")


def test_no_episode_of_rts_crosses_the_splice(rts: Profiles) -> None:
    assert [str(rts.time(seam)) for seam in rts.seams] == ["2020-03-01T00:00"]
    starts = rts.episode_starts(2 * rts.rows_per_day)
    assert len(starts) == 366 - 2
    assert "2020-02-29" not in {str(rts.time(int(row)))[:10] for row in starts}
    assert len(rts.episode_starts(rts.rows_per_day)) == 366


def test_day_ahead_hours_stand_at_mid_hour(rts: Profiles) -> None:
    """Day-ahead load follows real load best if an hour's mean stands in its middle, and not at its label."""
    assert rts.day_ahead is not None
    real = rts.values[:, rts.column("load_area2_mw")]
    ahead = rts.day_ahead.values[:, rts.day_ahead.column("load_area2_mw")]
    hours = np.arange(len(ahead)) * 12

    def error(shift_min: int) -> float:
        return float(np.abs(np.interp(hours + shift_min / 5.0, np.arange(len(real)), real) - ahead).mean())

    stands_at = int((rts.day_ahead.start - rts.start) / np.timedelta64(1, "m"))
    assert stands_at == min(range(-60, 125, 15), key=error)


def test_caiso_is_refused_with_rows_and_columns_until_repair_is_asked_for(shared_data: Path) -> None:
    with pytest.raises(ProfileError) as caught:
        load_caiso(shared_data)
    message = str(caught.value)
    assert "row 4178 (line 4180, 2023-06-24T10:00:00), column load_AZPS_mw: is -1529; load power cannot be negative" in message
    assert "column solar_NP15_mw: is not a finite number" in message
    repaired = load_caiso(shared_data, repair="interpolate")
    assert (len(repaired), repaired.step_min, str(repaired.start)) == (8760, 60.0, "2023-01-01T08:00")
    assert (repaired.values[:, repaired.non_negative] >= 0.0).all()
    assert repaired.values[:, repaired.column("price_LMP_0096WD_7_N001_usd_per_mwh")].min() < 0.0
    assert any("Clipped 3116 small negative values of solar_NP15_mw" in sentence for sentence in repaired.repairs)
    assert any("Interpolated 2 missing or impossible values of load_AZPS_mw" in sentence for sentence in repaired.repairs)


@pytest.mark.parametrize("dataset", DATASETS)
def test_grid2op_episodes_begin_at_midnight_and_are_spliced_at_seams(shared_data: Path, dataset: str) -> None:
    parts = episodes(shared_data, dataset=dataset)
    assert all(str(part.start).endswith("T00:00") for part in parts)
    spliced = load_grid2op(shared_data, dataset=dataset)
    assert len(spliced.seams) == len(parts) - 1
    assert len(spliced) % spliced.rows_per_day == 0
    for part, first in zip(parts, (0, *spliced.seams), strict=True):
        np.testing.assert_array_equal(spliced.values[first : first + 288], part.values[:288])
    np.testing.assert_array_equal(load_grid2op(shared_data, dataset=dataset, episode=1).values, parts[1].values)


def test_grid2op_forecasts_stand_at_the_instant_they_are_for(shared_data: Path) -> None:
    for dataset in DATASETS:
        part = episodes(shared_data, dataset=dataset)[0]
        ahead = part.day_ahead
        assert ahead is not None
        assert (ahead.start, len(ahead), ahead.lead_min) == (part.start, len(part), 5.0)
        real = part.values[:, [part.column(name) for name in ahead.columns]]
        error = {shift: np.abs(real[5 + shift : 270 + shift] - ahead.values[5:270]).mean() for shift in (-1, 0, 1)}
        assert min(error, key=error.__getitem__) == 0


def test_a_data_set_or_episode_that_is_not_there_lists_the_valid_ones(shared_data: Path) -> None:
    with pytest.raises(UnknownNameError, match="rte_case14_realistic"):
        load_grid2op(shared_data, dataset="case15")
    with pytest.raises(UnknownNameError, match="Valid: 0, 1"):
        load_grid2op(shared_data, episode=7)


def test_without_data_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GRIDPILOT_DATA", raising=False)
    for load in (load_rts_gmlc, load_caiso, load_grid2op):
        with pytest.raises(ProfileError, match="set GRIDPILOT_DATA"):
            load()
        with pytest.raises(ProfileError, match="set GRIDPILOT_DATA"):
            load(tmp_path)


def test_simbench_gives_named_columns_without_importing_pandapower(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("simbench", reason="Needs the extra 'data': pip install 'gridpilot[data]'.")
    real_import = builtins.__import__

    def watched(name: str, *args: object, **kwargs: object) -> object:
        assert name.split(".")[0] not in {"pandas", "pandapower", "simbench"}
        return real_import(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", watched)
    profiles = load_simbench(["wind_WP4_pu", "load_G0-A_q_pu", "net_hv_mixed2_p_pu"])
    assert profiles.columns == ("wind_WP4_pu", "load_G0-A_q_pu", "net_hv_mixed2_p_pu")
    assert profiles.kinds == ("wind", "reactive", "other")
    assert profiles.values[0, 1] == 0.282542
    with pytest.raises(UnknownNameError, match="Did you mean 'solar_PV1_pu'"):
        load_simbench(["solar_PV11_pu"])


def test_without_simbench_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gridpilot.profiles.simbench.find_spec", lambda name: None if name == "simbench" else util.find_spec(name))
    with pytest.raises(MissingExtraError, match=r"gridpilot\[data\]"):
        load_simbench()
