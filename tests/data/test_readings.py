"""Columns as people write them: what is read, and what is said of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import narwhals as nw
import pandas as pd
import polars as pl
import pytest

from quickprop.data import Reading, understand

N = 40


def read(folder: Path, text: str, **settings) -> Reading:
    path = folder / "t.csv"
    path.write_text(text)
    return understand(path, **settings)


def column(reading: Reading, name: str) -> list:
    return nw.to_native(reading.frame)[name].to_list()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["$1,234.50", "-$5", "$ 12"], [1234.5, -5, 12]),
        (["1.234,50 €", "12,00 €", "3,5 €"], [1234.5, 12, 3.5]),
        (["12 %", "3.5%", "(4%)"], [12, 3.5, -4]),
        (["1\u00a0234,5", "7,25", "12\u202f000"], [1234.5, 7.25, 12000]),
        (["1'234.5", "7.25", "(3)"], [1234.5, 7.25, -3]),
        (["12,34,567", "1,00,000", "5.5"], [1234567, 100000, 5.5]),
        (["$56.7M", "$1.2B", "$900K"], [56.7e6, 1.2e9, 9e5]),
        (["\u22125.5", "7-", "+3"], [-5.5, -7, 3]),
        (["3.234", "976", "12.001"], [3.234, 976, 12.001]),
        (["0,564", "3,827", "1,000"], [0.564, 3.827, 1.0]),
    ],
)
def test_numbers(tmp_path, cells, expected):
    lines = "".join(f'"{cell}"\n' for cell in cells * 9)
    assert column(read(tmp_path, "x\n" + lines), "x") == pytest.approx(expected * 9)


def test_a_convention_is_that_of_the_file(tmp_path):
    rows = "".join(f"3.{k:03d};{k},5;{k}\n" for k in range(100, 100 + N))
    reading = read(tmp_path, "thousands;halves;whole\n" + rows)
    assert column(reading, "thousands")[:2] == [3100, 3101]
    assert column(reading, "halves")[:2] == [100.5, 101.5]
    points = read(tmp_path, "a;b\n" + "".join(f"3.{k:03d};{k}.5\n" for k in range(N)))
    assert column(points, "a")[1] == 3.001


@pytest.mark.parametrize("odd", ["#DIV/0!", "n.a.", "<5", "1.2.3", "see note"])
def test_an_odd_cell_is_missing_and_named(tmp_path, odd):
    rows = "".join(f"{odd if k == 7 else k / 4},{k}\n" for k in range(N))
    reading = read(tmp_path, "x,y\n" + rows)
    assert column(reading, "x")[6:9] == [1.5, None, 2.0]
    assert reading.notes == (
        f"In x, 1 of {N} cells is no number and is treated as missing: {odd!r}.",
    )


@pytest.mark.parametrize(
    "form",
    [
        *("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%d-%b-%Y %H:%M"),
        *("%m/%d/%y %I:%M %p", "%Y.%m.%d %H:%M:%S", "%Y%m%dT%H%M%S", "%A, %d %B %Y %H:%M"),
        *("%B %d, %Y %H:%M", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S+02:00"),
    ],
)
def test_moments(tmp_path, form):
    moments = [datetime(2021, 1 + k % 12, 1 + k % 28, k % 24, 30) for k in range(N)]
    rows = "".join(f'"{m.strftime(form)}",{k}\n' for k, m in enumerate(moments))
    assert column(read(tmp_path, "x,y\n" + rows), "x") == moments


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        ([f"{1949 + k // 12}-{1 + k % 12:02d}" for k in range(N)], datetime(1949, 1, 1)),
        ([f"{2000 + k // 4}Q{1 + k % 4}" for k in range(N)], datetime(2000, 1, 1)),
        ([f"2020-W{1 + k:02d}" for k in range(N)], datetime(2019, 12, 30)),
        ([f"202101{1 + k % 28:02d}" for k in range(N)], datetime(2021, 1, 1)),
        ([f"{1 + k % 12:02d}.0{1 + k % 9}.2021" for k in range(N)], datetime(2021, 1, 1)),
    ],
)
def test_parts_of_dates(tmp_path, cells, first):
    reading = read(tmp_path, "x,y\n" + "".join(f"{cell},{k}\n" for k, cell in enumerate(cells)))
    assert column(reading, "x")[0] == first
    assert any("In x, " in note for note in reading.notes)


def test_day_and_month_that_nothing_tells_apart_are_said(tmp_path):
    rows = "".join(f"0{1 + k % 9}/0{1 + k % 7}/2021,{k}\n" for k in range(N))
    note = read(tmp_path, "x,y\n" + rows).notes[0]
    assert note == (
        "In x, dates are read as month/day/year; no cell tells day and month apart, so it may be "
        "the other way round."
    )


def test_times_and_lengths_of_time(tmp_path):
    rows = "".join(f"{k % 24}:{k:02d},0 days 01:00:{k:02d},{k}\n" for k in range(N))
    frame = nw.to_native(read(tmp_path, "x,z,y\n" + rows).frame)
    assert frame["x"].dt.total_minutes().to_list()[1] == 61
    assert frame["z"].dt.total_seconds().to_list()[1] == 3601


def test_signs_for_missing_numbers(tmp_path):
    rows = "".join(f"{-200 if k % 5 == 0 else k / 10},{k}\n" for k in range(N))
    reading = read(tmp_path, "x,y\n" + rows)
    assert column(reading, "x")[:2] == [None, 0.1]
    assert reading.notes[0].startswith(f"In x, -200 (in 8 of {N} cells) is far from all other")
    assert column(read(tmp_path, "x,y\n" + rows, missing="none"), "x")[0] == -200
    assert column(read(tmp_path, "x,y\n" + rows, missing=[3]), "y")[2:5] == [2, None, 4]
    # The end of a range is no sign.
    rows = "".join(f"{99 - k},{k}\n" for k in range(N))
    assert not read(tmp_path, "x,y\n" + rows).notes


def test_lines_that_are_no_rows(tmp_path):
    rows = "".join(f"s{k % 3},{k}.5,{k}\n" for k in range(N))
    units = read(tmp_path, f"site,t,y\n,oC,kg\n{rows}Total,780,780\n")
    assert column(units, "t") == [k + 0.5 for k in range(N)]
    assert units.notes == (
        "The first row is set aside: it names units (oC, kg).",
        "1 row is set aside at the end: 'Total' is no row like the others.",
    )
    again = read(tmp_path, f"site,t,y\n{rows}site,t,y\n{rows}")
    assert len(column(again, "y")) == 2 * N
    assert again.notes == ("1 row is set aside: the header again.",)


def test_in_memory_only_null_is_missing():
    table = {"region": ["NA", "EU", None, "?"] * 10, "y": list(range(N))}
    for one in (table, pl.DataFrame(table), pd.DataFrame(table)):
        assert column(understand(one), "region")[:4] == ["NA", "EU", None, "?"]


def test_text_files_say_what_was_taken_for_missing(tmp_path):
    reading = read(
        tmp_path, "c,y\n" + "".join(f"{'NA' if k % 4 else 'EU'},{k}\n" for k in range(N))
    )
    assert reading.notes == ("In c, cells are taken for missing that say 'NA' (30).",)


@pytest.mark.parametrize(
    "cells",
    [
        ["01", "02", "A1"],
        ["2WD", "4WD", "2WD"],
        ["10115", "20095", "80331"],
        ["1 kg", "500 g", "2 lb"],
        ["16-24", "25-34", "35-44"],
        ["v1.2", "v1.3", "v2.0"],
        [*(f"{k}.5" for k in range(97)), "V57", "V55", "E965"],
    ],
)
def test_names_stay_names(cells):
    assert column(understand({"x": cells * 9}), "x") == cells * 9


def test_levels_of_mixed_objects_go_by_value():
    mixed = pd.DataFrame({"k": pd.Series(["1", 1, 1.0, "2", 2, 2.0] * 5, dtype=object)})
    assert set(column(understand(mixed), "k")) == {"1", "2"}
