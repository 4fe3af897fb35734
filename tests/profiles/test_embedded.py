"""The shipped data: small, licensed, real, and the same as the simbench package within its quantisation."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import gridpilot.profiles
import make_embedded_profiles
from gridpilot.profiles.embedded import FILE, LEVELS, Packed, load_embedded, pack, unpack
from gridpilot.profiles.simbench import load_simbench
from gridpilot.values import Floats

DATA = Path(gridpilot.profiles.__file__).parent / "data"


def test_it_is_small_and_carries_its_licence() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) <= 2_000_000
    notice = (DATA / "NOTICE.md").read_text(encoding="utf-8")
    for word in ("ODbL", "DbCL", "SimBench", "University of Kassel", FILE, "make_embedded_profiles.py", "opendatacommons.org"):
        assert word in notice


def test_it_holds_no_pickle() -> None:
    with np.load(DATA / FILE, allow_pickle=False) as held:
        assert all(held[name].dtype != object for name in held.files)


def test_it_is_a_year_at_15_min_of_every_kind() -> None:
    profiles = load_embedded()
    assert (str(profiles.start), str(profiles.end), profiles.step_min) == ("2016-01-01T00:00", "2017-01-01T00:00", 15.0)
    kinds = set(profiles.kinds)
    assert kinds == {"load", "reactive", "solar", "wind"}
    for column in ("load_H0-A", "load_G0-A", "load_BL-H", "load_mv_urban"):
        assert profiles.column(f"{column}_p_pu") + 1 == profiles.column(f"{column}_q_pu")
    assert (profiles.values[:, profiles.non_negative] >= 0.0).all()
    assert (np.ptp(profiles.values, axis=0) > 0.1).all()


def test_nights_are_exactly_dark() -> None:
    profiles = load_embedded()
    solar = [kind == "solar" for kind in profiles.kinds]
    midnight = profiles.values[:: profiles.rows_per_day][:, solar]
    assert not midnight.any()


def test_every_column_is_simbench_s_within_quantisation() -> None:
    pytest.importorskip("simbench", reason="Needs the extra 'data': pip install 'gridpilot[data]'.")
    ours = load_embedded()
    assert list(ours.columns) == make_embedded_profiles.columns()
    theirs = load_simbench(["load_H0-A_p_pu", "load_mv_urban_q_pu", "solar_PV3_pu", "wind_WP10_pu"])
    for c, column in enumerate(theirs.columns):
        source = theirs.values[:, c]
        step = (source.max() - min(source.min(), 0.0)) / LEVELS
        np.testing.assert_allclose(ours.values[:, ours.column(column)], source, rtol=0, atol=0.51 * step)


@given(arrays(np.float64, (40, 2), elements=st.floats(-5.0, 5.0)))
def test_packing_loses_half_a_quantisation_step_at_most(values: Floats) -> None:
    values[0], values[1] = 1.0, -1.0
    file = io.BytesIO()
    pack(Packed("2020-01-01T00:00", 15.0, ("a", "b"), values, "here", "free"), file)
    file.seek(0)
    back = unpack(file)
    step = (values.max(axis=0) - values.min(axis=0)) / LEVELS
    assert (np.abs(back.values - values) <= 0.501 * step).all()
    assert (back.start, back.step_min, back.columns, back.source, back.licence) == ("2020-01-01T00:00", 15.0, ("a", "b"), "here", "free")
