"""A user's CSV: what is read, what is refused with row and column, and what is repaired on request."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from gridpilot.errors import ConfigError, ProfileError, UnknownNameError
from gridpilot.profiles.csv import load_csv

GOOD = """time,load_town_mw,solar_mw,price_usd_per_mwh
2021-05-01 00:00,10,0,31.5
2021-05-01 01:00,11,0,-4
2021-05-01 02:00,12,0.5,30
2021-05-01 03:00,13,1.5,29
"""


def write(folder: Path, text: str, name: str = "town.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(ProfileError) as caught:
        load_csv(path, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_good_file_is_read_as_it_is(tmp_path: Path) -> None:
    town = load_csv(write(tmp_path, GOOD))
    assert (town.name, str(town.start), town.step_min) == ("town", "2021-05-01T00:00", 60.0)
    assert town.kinds == ("load", "solar", "price")
    assert town.repairs == ()
    np.testing.assert_array_equal(town.values[1], [11.0, 0.0, -4.0])


def test_gzip_byte_order_mark_semicolon_and_zulu_time_are_read(tmp_path: Path) -> None:
    path = tmp_path / "town.csv.gz"
    text = GOOD.replace(",", ";").replace(":00;", ":00Z;")
    path.write_bytes(gzip.compress(("\ufeff" + text).encode()))
    plain = load_csv(write(tmp_path, GOOD))
    packed = load_csv(path, delimiter=";")
    np.testing.assert_array_equal(packed.values, plain.values)
    assert packed.start == plain.start


def test_a_unit_is_needed_and_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("load_town_mw", "load_town").replace("solar_mw", "solar"))
    message = refusal(path)
    assert "column load_town: does not end with a unit" in message
    assert "column solar: does not end with a unit" in message
    assert load_csv(path, unit="mw").columns == ("load_town_mw", "solar_mw", "price_usd_per_mwh")
    with pytest.raises(ConfigError, match="Valid: mw"):
        load_csv(path, unit="horsepower")


def test_every_cell_that_is_no_number_is_told_at_once(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, GOOD.replace("12,0.5", "lots,0.5").replace("1.5,29", "some,29")))
    assert "line 4, column load_town_mw: holds 'lots'" in message
    assert "line 5, column solar_mw: holds 'some'" in message


@pytest.mark.parametrize("bad", ["yesterday", "2021-05-01 01:00+02:00", "01.05.2021 01:00"])
def test_a_time_that_cannot_be_read_is_told_with_its_line(tmp_path: Path, bad: str) -> None:
    assert f"line 3: holds the time {bad!r}" in refusal(write(tmp_path, GOOD.replace("2021-05-01 01:00", bad)))


def test_an_empty_time_is_told_with_its_line(tmp_path: Path) -> None:
    assert "row 1 (line 3, NaT): has no time" in refusal(write(tmp_path, GOOD.replace("2021-05-01 01:00", "")))


def test_empty_lines_do_not_shift_what_is_told(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, GOOD.replace("2021-05-01 02:00,12", "\n\n2021-05-01 02:00,nan")))
    assert "row 2 (line 6, 2021-05-01T02:00:00), column load_town_mw: is not a finite number" in message


def test_missing_values_are_told_or_interpolated(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("11,0,-4", ",0,inf"))
    message = refusal(path)
    assert "row 1 (line 3, 2021-05-01T01:00:00), column load_town_mw" in message
    assert "column price_usd_per_mwh" in message
    town = load_csv(path, repair="interpolate")
    np.testing.assert_allclose(town.values[1], [11.0, 0.0, 30.75])
    assert town.repairs == (
        "Interpolated 1 missing or impossible values of load_town_mw.",
        "Interpolated 1 missing or impossible values of price_usd_per_mwh.",
    )


def test_missing_rows_are_told_or_put_in(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("2021-05-01 01:00,11,0,-4\n", "") + "2021-05-01 04:00,14,2,28\n")
    assert "row 1 (line 3, 2021-05-01T02:00:00): follows after a gap: 1 row(s) are missing" in refusal(path)
    town = load_csv(path, repair="interpolate")
    np.testing.assert_allclose(town.values[:, 0], [10, 11, 12, 13, 14])
    assert town.repairs[0] == "Put in 1 missing rows by interpolation."


def test_a_gap_of_more_than_a_day_is_never_interpolated(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "2021-05-03 04:00,14,2,28\n")
    assert "up to 24 h can be interpolated" in refusal(path, repair="interpolate")


def test_a_column_without_any_value_is_never_interpolated(tmp_path: Path) -> None:
    path = write(tmp_path, "time,load_mw\n2021-05-01 00:00,\n2021-05-01 01:00,\n")
    assert "too long to interpolate" in refusal(path, repair="interpolate")


def test_unordered_and_repeated_rows_are_told_or_repaired(tmp_path: Path) -> None:
    lines = GOOD.splitlines()
    path = write(tmp_path, "\n".join([lines[0], lines[1], lines[3], lines[2], lines[2], lines[4]]) + "\n")
    message = refusal(path)
    assert "row 2 (line 4, 2021-05-01T01:00:00): lies 60 min before the row above it" in message
    assert "row 3 (line 5, 2021-05-01T01:00:00): repeats the time stamp" in message
    town = load_csv(path, repair=["sort", "deduplicate"])
    np.testing.assert_array_equal(town.values, load_csv(write(tmp_path, GOOD, "good.csv")).values)
    assert len(town.repairs) == 2


def test_a_wrong_resolution_is_told(tmp_path: Path) -> None:
    assert "1 row(s) are missing" in refusal(write(tmp_path, GOOD), step_min=30.0)
    assert "expected 120 min (wrong resolution)" in refusal(write(tmp_path, GOOD), step_min=120.0)
    off = write(tmp_path, GOOD.replace("02:00", "02:07"))
    assert "row 2 (line 4, 2021-05-01T02:07:00): follows after 67 min; expected 60 min (wrong resolution)" in refusal(off)
    uneven = write(tmp_path, "time,load_mw\n2021-05-01 00:00,1\n2021-05-01 00:07,1\n2021-05-01 00:14,1\n")
    assert "expected one that divides a day" in refusal(uneven)


def test_negative_power_is_told_and_only_small_values_are_clipped(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("2021-05-01 00:00,10,0,", "2021-05-01 00:00,-9,-0.01,"))
    message = refusal(path)
    assert "column load_town_mw: is -9; load power cannot be negative" in message
    assert "column solar_mw: is -0.01; solar power cannot be negative" in message
    message = refusal(path, repair="clip")
    assert "load_town_mw" in message
    assert "solar_mw" not in message
    town = load_csv(path, repair=["clip", "interpolate"])
    np.testing.assert_allclose(town.values[0], [11.0, 0.0, 31.5])


def test_many_problems_are_counted(tmp_path: Path) -> None:
    rows = [f"2021-05-{day:02d} {hour:02d}:00,-5" for day in range(1, 4) for hour in range(24)]
    message = refusal(write(tmp_path, "\n".join(["time,load_mw", *rows]) + "\n"))
    assert "have 72 problem(s)" in message
    assert "52 more of them" in message


def test_an_unknown_repair_lists_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="sort, deduplicate, interpolate, clip"):
        load_csv(write(tmp_path, GOOD), repair="magic")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has 0 line"),
        ("time,load_mw\n", "has 1 line"),
        ("time,load_mw\n2021-05-01 00:00,1\n", "have 1 row"),
        ("time,load_mw\n2021-05-01 00:00,1\n2021-05-01 01:00,1,2\n", "line 3: has 3 cells; expected 2"),
        ("when,load_mw\n2021-05-01 00:00,1\n2021-05-01 01:00,1\n", "has no time column"),
        ("time,load_mw,load_mw\n2021-05-01 00:00,1,1\n2021-05-01 01:00,1,1\n", "column load_mw: is there twice"),
        ("time\n2021-05-01 00:00\n2021-05-01 01:00\n", "time column only"),
        ("time,load_mw\n2021-05-01 00:00,1\n2021-05-01 00:00,1\n", "never moves forward"),
        ("time,load_mw\n2021-05-01 00:00:30,1\n2021-05-01 00:01:30,1\n", "begins between two minutes"),
    ],
)
def test_files_that_are_no_time_series_are_refused(tmp_path: Path, text: str, told: str) -> None:
    assert told in refusal(write(tmp_path, text))


def test_a_file_that_is_no_gzip_or_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read as CSV" in refusal(write(tmp_path, GOOD, "town.csv.gz"))
    whole = gzip.compress(GOOD.encode() * 100)
    (tmp_path / "torn.csv.gz").write_bytes(whole[: len(whole) // 2])
    assert "cannot be read as CSV" in refusal(tmp_path / "torn.csv.gz")
    assert "There is no file" in refusal(tmp_path / "nowhere.csv")
