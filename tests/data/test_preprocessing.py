"""From a table to matrices: every kind of column, every bad input, no leaks, and back from JSON."""

from __future__ import annotations

import copy
import json
import math
from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop.data import Preprocessor, read_table
from quickprop.data.numeric_column import Scaling
from quickprop.errors import DataError, ModelFileError

N = 60
SPREAD = [float(i % 7) for i in range(N)]
LETTERS = ["a", "b", "c"] * (N // 3)


def fit(**columns) -> Preprocessor:
    return Preprocessor.fit(read_table(columns))


def features(preprocessor: Preprocessor, **columns) -> dict[str, list[float]]:
    matrices = preprocessor.transform(read_table(columns))
    return dict(zip(preprocessor.numeric_names, np.round(matrices.numeric.T, 4).tolist()))


# --- kinds of columns: what is made of each, and what is dropped and why

KINDS = {
    "floats": (SPREAD, ("x",), ()),
    "integers": ([i % 7 for i in range(N)], ("x",), ()),
    "with gaps": ([None, *SPREAD[1:]], ("x", "x is missing"), ()),
    "with NaN": ([float("nan"), *SPREAD[1:]], ("x", "x is missing"), ()),
    "with infinities": ([float("inf"), *SPREAD[1:]], ("x", "x is missing"), ()),
    "wild": ([1e300, -1e300, *SPREAD[2:]], ("x",), ()),
    "huge whole numbers": ([1e308, -1e308] * 30, ("x",), ()),
    "one number and one gap": ([5] * 59 + [None], ("x=5",), ()),
    "two numbers": ([0, 1] * 30, ("x",), ()),
    "mostly zero": ([0] * 59 + [1], ("x",), ()),
    "durations": ([timedelta(hours=i % 5) for i in range(N)], ("x",), ()),
    "times": ([time(i % 24) for i in range(N)], ("x",), ()),
    "years": ([1950 + i for i in range(N)], ("x",), ()),
    "one number and gaps": ([5, None] * 30, ("x is missing",), ()),
    "booleans": ([True, False] * 30, ("x=true",), ()),
    "two levels": (["no", "yes"] * 30, ("x=yes",), ()),
    "three levels": (LETTERS, ("x=a", "x=b", "x=c"), ()),
    "levels and gaps": (["a", "b", None] * 20, ("x=a", "x=b", "x is missing"), ()),
    "one level and gaps": (["a", None] * 30, ("x is missing",), ()),
    "a rare gap": ([None, *LETTERS[1:]], ("x=a", "x=b", "x=c"), ()),
    "rare levels": (["p", "q", *LETTERS[2:]], ("x=a", "x=b", "x=c", "x=other"), ()),
    "one rare level": (["p", *LETTERS[1:]], ("x=a", "x=b", "x=c"), ()),
    "categorical": (pl.Series(LETTERS, dtype=pl.Categorical), ("x=a", "x=b", "x=c"), ()),
    "numbers as text": (["1", "2", "3"] * 20, ("x=1", "x=2", "x=3"), ()),
    "nine levels": ([chr(97 + i % 9) for i in range(54)], tuple(f"x={c}" for c in "abcdefghi"), ()),
    "ten levels": ([chr(97 + i % 10) for i in range(N)], (), (11,)),
    "ten levels and gaps": (
        [None if i % 11 == 10 else chr(97 + i % 11) for i in range(66)],
        (),
        (12,),
    ),
    "days": (
        [date(2024, 1, 1) + timedelta(days=i) for i in range(N)],
        (
            "x: time of year (sin)",
            "x: time of year (cos)",
            "x: day of month (sin)",
            "x: day of month (cos)",
            "x: weekday (sin)",
            "x: weekday (cos)",
            "x: elapsed days",
        ),
        (),
    ),
    "hours of a day": (
        [datetime(2024, 1, 1, i % 24) for i in range(N)],
        ("x: time of day (sin)", "x: time of day (cos)", "x: elapsed days"),
        (),
    ),
    "Mondays as text": (
        [None] + [str(date(2024, 1, 1) + timedelta(weeks=4 * i)) for i in range(59)],
        (
            "x: time of year (sin)",
            "x: time of year (cos)",
            "x: day of month (sin)",
            "x: day of month (cos)",
            "x: elapsed days",
            "x is missing",
        ),
        (),
    ),
    "one day and gaps": ([date(2024, 1, 1), None] * 30, ("x is missing",), ()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_columns(kind):
    values, names, levels = KINDS[kind]
    preprocessor = fit(x=values)
    assert preprocessor.numeric_names == names
    assert preprocessor.category_levels == levels
    assert preprocessor.category_names == ("x",) * len(levels)
    matrices = preprocessor.transform(read_table({"x": values}))
    assert matrices.numeric.shape == (len(values), len(names))
    assert matrices.numeric.dtype == np.float32
    assert matrices.numeric.flags.c_contiguous
    assert np.isfinite(matrices.numeric).all()
    assert np.abs(matrices.numeric).max(initial=0) < 800
    assert matrices.categories.shape == (len(values), len(levels))
    assert matrices.categories.dtype == np.int32
    for column, count in zip(matrices.categories.T, levels):
        assert column.min() >= 0
        assert column.max() == count - 1
    again = Preprocessor.from_document(json.loads(json.dumps(preprocessor.to_document())))
    assert again == preprocessor
    # One row, a row of gaps, and no rows at all have the same shape across.
    for rows in ([values[0]], [None]):
        one = again.transform(read_table({"x": rows}))
        assert one.numeric.shape == (1, len(names))
        assert np.isfinite(one.numeric).all()
    none = again.transform(read_table({"x": values})[:0])
    assert none.numeric.shape == (0, len(names))


DROPPED = {
    "constant number": ([3.5] * N, "every cell is the same"),
    "constant text": (["a"] * N, "every cell is the same"),
    "constant boolean": ([True] * N, "every cell is the same"),
    "constant day": ([date(2024, 1, 1)] * N, "every cell is the same"),
    "all missing": ([None] * N, "every cell is missing"),
    "all NaN": ([float("nan")] * N, "every cell is missing"),
    "all infinite": ([float("inf")] * N, "every cell is missing"),
    "all blank": ([None, " ", ""] * 20, "every cell is missing"),
    "text a row": ([f"name {i}" for i in range(N)], "nearly every row has a text of its own"),
    "texts nearly all rare": (
        ["a"] + [f"{i // 2 * 2 + i % 2}" for i in range(9)],
        "hardly any value comes often enough",
    ),
    "lists": ([[1, 2]] * N, "cells of the type List(Int64) are not used"),
}


@pytest.mark.parametrize("kind", DROPPED)
def test_columns_that_tell_nothing(kind):
    values, reason = DROPPED[kind]
    preprocessor = fit(x=values, y=(SPREAD * 2)[: len(values)])
    assert preprocessor.column_names == ("y",)
    assert any(note.startswith(f"Dropped x: {reason}") for note in preprocessor.notes)
    with pytest.raises(DataError, match="no column can be used to predict from") as caught:
        fit(x=values)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("name", "values", "dropped"),
    [
        ("id", [(i * 37) % 1009 for i in range(N)], True),
        ("No.", list(range(1, N + 1)), True),
        ("row", [i * 3 // 2 for i in range(N)], True),
        ("index", [float(i) for i in range(N)], True),
        ("hour", list(range(N)), False),
        ("customer_id", [(i * 37) % 1009 for i in range(N)], True),
        ("PassengerId", [(i * 37) % 1009 for i in range(N)], True),
        ("Unnamed: 0", [5 * i + 900 for i in range(N)], True),
        ("shop_id", [i % 5 for i in range(N)], False),
        ("rank", [(i * 37) % 61 for i in range(N)], False),
        ("humid", [(i * 37) % 61 for i in range(N)], False),
        ("weight", [900 + 5 * i for i in range(N)], False),
        ("id", [i + 0.5 for i in range(N)], False),
        ("x", list(range(10)), False),
    ],
)
def test_identifiers(name, values, dropped):
    preprocessor = Preprocessor.fit(read_table({name: values, "y": SPREAD[: len(values)]}))
    assert (name not in preprocessor.column_names) == dropped


@pytest.mark.parametrize("name", ["id", "x"])
def test_what_counts_is_kept_where_nothing_else_is(name):
    preprocessor = fit(**{name: list(range(N))})
    assert preprocessor.column_names == (name,)
    assert preprocessor.transform(read_table({name: [1, 2]})).rows == 2


def test_notes_say_what_was_done():
    preprocessor = fit(
        age=[None, *SPREAD[1:]],
        size=[float("inf"), float("inf"), *SPREAD[2:]],
        city=LETTERS,
        street=[chr(97 + i % 12) for i in range(N)],
        day=[date(2024, 1, 1) + timedelta(days=i) for i in range(N)],
        key=[f"k{i}" for i in range(N)],
        flat=[1] * N,
        even=[2] * N,
    )
    assert preprocessor.notes == (
        "2 numeric columns are scaled by median and quartiles: age, size.",
        "1 category column is one-hot, a feature for each level: city.",
        "1 category column is embedded, having 10 levels or more: street.",
        "1 date column is split into calendar parts and elapsed time: day.",
        "Missing cells are filled with the median and flagged in age, size.",
        "In size, 2 infinite cells are treated as missing.",
        "Dropped key: nearly every row has a text of its own.",
        "Dropped flat, even: every cell is the same.",
    )


def test_free_text_has_features():
    good, bad = ["fine", "lovely", "great", "splendid"], ["awful", "dreadful", "broken", "dirty"]
    fillers = ["hotel", "room", "breakfast", "garden", "view", "staff", "pool", "bed", "tea",
               "bath", "desk", "lift", "street"]  # fmt: skip
    texts = [
        f"The {fillers[k % 13]} was {(good, bad)[k % 2][k // 2 % 4]}, so the {fillers[k % 11]} "
        f"for {k % 7} nights in {fillers[k % 5]} {k}"
        for k in range(200)
    ]
    preprocessor = fit(review=texts, y=[float(k % 7) for k in range(200)])
    assert (
        "1 text column is free text, a feature for each of the usual runs of letters: review."
        in (preprocessor.notes)
    )
    again = Preprocessor.from_document(json.loads(json.dumps(preprocessor.to_document())))
    rows = {"review": [texts[0], None, texts[1]], "y": [1.0, 2.0, 3.0]}
    numeric = again.transform(read_table(rows)).numeric
    width = len(preprocessor.numeric_names) - 1
    squares = np.square(numeric[:, :width]).sum(1)
    assert squares == pytest.approx([width, 0, width], rel=1e-5)
    one = preprocessor.transform(read_table({"review": [texts[1]], "y": [3.0]})).numeric
    assert np.array_equal(one[0], numeric[2])


# --- values, worked by hand


def test_numbers_by_hand():
    # 0 to 8: the median is 4, the quartiles 2 and 6, so the spread is 4 / 1.349 = 2.96516.
    preprocessor = fit(x=[0.0, 1, 2, 3, 4, 5, 6, 7, 8])
    got = features(preprocessor, x=[4.0, 6.96516, 1000.0, -992.0, None])["x"]
    # 1000 is 335.9016 spreads out: 3 + ln(1 + 332.9016) = 8.8108.
    far = 3 + math.log1p(996 * 1.349 / 4 - 3)
    assert got == pytest.approx([0, 1, far, -far, 0], abs=1e-4)
    assert far == pytest.approx(8.8108, abs=1e-4)


def test_a_long_tail_is_taken_as_logarithms():
    # 1, 2, 4, ... 1024 climbs evenly as a logarithm once it is beyond the unit.
    scaling = Scaling.fit(2.0 ** np.arange(11))
    assert scaling.log_unit == pytest.approx(1.5)
    x = np.array([32.0, 1024.0, -3.0, 1e308, 0.0])
    logs = np.log1p(np.abs(x) / 1.5) * np.sign(x)
    assert scaling.center == pytest.approx(math.log1p(32 / 1.5))
    first = (logs[1] - scaling.center) / scaling.scale
    assert scaling.apply(x)[:2] == pytest.approx([0.0, first])
    assert np.isfinite(scaling.apply(x)).all()
    # The same numbers below zero have their tail on the other side, where no logarithm is taken.
    assert Scaling.fit(-(2.0 ** np.arange(11))).log_unit is None
    assert Scaling.fit(np.arange(11.0)).log_unit is None
    # Nor is one for a column that is zero in most rows.
    assert Scaling.fit(np.array([0.0] * 6 + [1, 10, 100, 1000])).log_unit is None


@pytest.mark.parametrize("tail", [False, True])
def test_the_scaling_of_many_numbers_is_that_of_enough_of_them(tail):
    # With a rhythm of 24 that every second, third, ... number would miss.
    rng = np.random.default_rng(1)
    values = rng.normal(size=600_000) + 5 * (np.arange(600_000) % 24 == 0)
    if tail:
        values = np.exp(values)
    scaling = Scaling.fit(values)
    assert scaling == Scaling.fit(values)
    assert (scaling.log_unit is not None) == tail
    if tail:
        values = np.log1p(values / scaling.log_unit)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    spread = (high - low) / 1.349
    assert abs(scaling.center - middle) < 0.01 * spread
    assert abs(scaling.scale - spread) < 0.01 * spread


def test_a_table_that_is_scaled_in_pieces():
    rng = np.random.default_rng(0)
    x = rng.normal(size=40_000)
    x[::1000] = np.nan
    rows = {"x": x, "name": rng.choice(["a", "b", "c"], 40_000), "k": rng.integers(0, 4, 40_000)}
    preprocessor = Preprocessor.fit(read_table(rows))
    whole = preprocessor.transform(read_table(rows)).numeric
    parts = [
        preprocessor.transform(read_table({k: v[a : a + 7_000] for k, v in rows.items()})).numeric
        for a in range(0, 40_000, 7_000)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert whole.any(axis=0).all()


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 90 + [1.0] * 10,
        [0.0] * 999 + [1e12],
        [1e300, -1e300],
        [1e-310, 2e-310],
        [5e-324, 1e300],
        [0.0, 0.0, 0.0, -1.0, 1.6e132, 1.6e-176],
        [1e15, 1e15 + 1],
        [1.0, 1.0 + 2.3e-16],
        [-1.7e308, 1.7e308, 0.0],
    ],
)
def test_scaling_never_blows_up(values):
    scaling = Scaling.fit(np.array(values))
    assert scaling.scale > 0
    ends = np.array([*values, 0.0, 1.7e308, -1.7e308, 5e-324, np.nan])
    scaled = scaling.apply(ends)
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() < 1500
    assert (np.diff(scaling.apply(np.sort(ends[:-1]))) >= 0).all()


def test_few_whole_numbers_have_features_of_their_own():
    quarters = [1, 2, 3, 4] * 51
    preprocessor = fit(x=[None, *quarters[1:]])
    assert preprocessor.numeric_names == ("x", "x is missing", "x=1", "x=2", "x=3", "x=4")
    got = features(preprocessor, x=[1.0, 4, 5, None])
    assert [got[f"x={k}"] for k in range(1, 5)] == [[1, 0, 0, 0], [0] * 4, [0] * 4, [0, 1, 0, 0]]
    assert got["x is missing"] == [0, 0, 0, 1]
    note = "Each of the few whole numbers has a feature of its own in x."
    assert note in preprocessor.notes
    assert Preprocessor.from_document(preprocessor.to_document()) == preprocessor
    # A level that comes fewer than 10 times has none: here the 4, which is there once.
    assert fit(x=[4, *[1, 2, 3] * 80]).numeric_names == ("x", "x=1", "x=2", "x=3")


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3, 5] * 50,
        [1, 2] * 100,
        [1, 2, 3, 4] * 49,
        [0.5, 1.5, 2.5, 3.5] * 50,
        [0] * 100 + [1] * 50 + [2] * 25 + [3] * 12 + [4] * 12,
        list(range(33)) * 60,
        [2**53 + i for i in range(4)] * 50,
    ],
    ids=["a gap", "two", "too few rows", "fractions", "a long tail", "too many", "too large"],
)
def test_other_numbers_have_one_feature(values):
    assert fit(x=values).numeric_names == ("x",)


def test_pixels_have_one_feature_each():
    rng = np.random.default_rng(0)
    table = {f"p{i}": rng.integers(0, 10, 600).tolist() for i in range(17)}
    assert len(fit(**table).numeric_names) == 17
    table.pop("p16")
    assert len(fit(**table).numeric_names) == 16 * 11


def test_levels_by_hand():
    preprocessor = fit(
        pair=["no", "yes"] * 30,
        three=LETTERS,
        rare=["p", "q", *LETTERS[2:]],
        gap=["a", "b", None] * 20,
    )
    got = features(
        preprocessor,
        pair=["no", "yes", "perhaps", None],
        three=["a", "c", "z", None],
        rare=["a", "q", "z", None],
        gap=["a", "z", " ", None],
    )
    assert got["pair=yes"] == [-1, 1, 0, 0]
    assert [got[f"three={one}"] for one in "abc"] == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert got["rare=a"] == [1, 0, 0, 0]
    assert got["rare=other"] == [0, 1, 1, 1]
    assert got["gap is missing"] == [0, 0, 1, 1]
    assert got["gap=a"] == [1, 0, 0, 0]


def test_codes_by_hand():
    letters = [chr(97 + i % 10) for i in range(N)]
    preprocessor = fit(x=["rare", *letters[1:]])
    codes = preprocessor.transform(read_table({"x": ["a", "j", "rare", "new", None, ""]}))
    assert codes.categories[:, 0].tolist() == [1, 10, 0, 0, 0, 0]
    with_gaps = fit(x=[None, None, *letters[2:]])
    codes = with_gaps.transform(read_table({"x": ["a", "j", "new", None, ""]}))
    assert codes.categories[:, 0].tolist() == [1, 10, 0, 11, 11]


def test_dates_by_hand():
    # 2024-01-01 is a Monday; 2024-01-04 a Thursday, 3 of 7 days round the circle of the week.
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(N)]
    preprocessor = fit(x=days)
    got = features(preprocessor, x=[date(2024, 1, 1), date(2024, 1, 4), date(2024, 1, 16), None])
    angle = 2 * math.pi * 3 / 7
    assert got["x: weekday (sin)"][:2] == pytest.approx([0, math.sin(angle)], abs=1e-4)
    assert got["x: weekday (cos)"][:2] == pytest.approx([1, math.cos(angle)], abs=1e-4)
    assert got["x: day of month (sin)"][2] == pytest.approx(
        math.sin(2 * math.pi * 15 / 31), abs=1e-4
    )
    # Days 0 to 59: the median is 29.5, the quartiles 14.75 and 44.25, the spread 29.5 / 1.349.
    assert got["x: elapsed days"][0] == pytest.approx(-1.349, abs=1e-3)
    assert all(got[name][3] == 0 for name in preprocessor.numeric_names)


@pytest.mark.parametrize(
    "cell",
    [
        "2024-02-03 04:05:06",
        "2024-02-03T04:05:06",
        "2024-02-03T04:05:06Z",
        "2024-02-03T04:05:06.789",
        "2024-02-03T04:05:06+02:00",
        "2024/2/3 4:05:06",
        " 2024-02-03 04:05:06 UTC",
        datetime(2024, 2, 3, 4, 5, 6),
        pl.Series([datetime(2024, 2, 3, 4, 5, 6)]).dt.replace_time_zone("Europe/Oslo"),
        pl.Series([datetime(2024, 2, 3, 4, 5, 6)], dtype=pl.Datetime("ns")),
    ],
)
def test_moments_however_they_are_written(cell):
    moments = [datetime(2024, 1, 1) + timedelta(hours=31 * i) for i in range(N)]
    preprocessor = fit(x=moments)
    expected = features(preprocessor, x=[datetime(2024, 2, 3, 4, 5, 6)])
    got = features(preprocessor, x=cell if isinstance(cell, pl.Series) else [cell])
    assert got == expected
    as_text = fit(x=[str(m) for m in moments])
    assert as_text.columns == preprocessor.columns


def test_text_that_is_nearly_dates_is_text():
    values = ["2024-01-01", "2024-13-01"] * 30
    assert fit(x=values).numeric_names == ("x=2024-13-01",)


# --- tables at prediction time


def test_columns_in_any_order_and_more_of_them():
    preprocessor = fit(a=SPREAD, b=LETTERS)
    table = {"b": ["a", "c"], "extra": [1, 2], "a": [1.0, 2.0], "more": ["x", "y"]}
    one = preprocessor.transform(read_table(table))
    two = preprocessor.transform(read_table({"a": table["a"], "b": table["b"]}))
    assert np.array_equal(one.numeric, two.numeric)
    assert preprocessor.extra_columns(read_table(table)) == ["extra", "more"]
    assert one.take(np.array([1])).numeric.tolist() == two.numeric[1:].tolist()
    assert one.rows == 2


def test_the_same_rows_from_every_kind_of_table():
    table = {
        "n": [1.5, None, *SPREAD[2:]],
        "i": [2, None, *range(58)],
        "t": [None, *LETTERS[1:]],
        "b": [True, None, *[True, False] * 29],
        "d": [datetime(2024, 1, 1) + timedelta(days=i) for i in range(N)],
    }
    polars_frame = pl.DataFrame(table)
    tables = [
        table,
        polars_frame,
        pd.DataFrame(table),
        pd.DataFrame(table).convert_dtypes(),
        pd.DataFrame(table).astype({"t": "category"}),
        polars_frame.to_arrow(),
        polars_frame.with_columns(pl.all().cast(pl.String)),
    ]
    preprocessor = Preprocessor.fit(read_table(table))
    expected = preprocessor.transform(read_table(table))
    for one in tables:
        got = preprocessor.transform(read_table(one))
        assert np.array_equal(got.numeric, expected.numeric)
        assert np.array_equal(got.categories, expected.categories)
    for one in tables[:-1]:
        assert Preprocessor.fit(read_table(one)).columns == preprocessor.columns


MODEL = {
    "price": SPREAD,
    "city": LETTERS,
    "day": [date(2024, 1, 1) + timedelta(days=i) for i in range(N)],
}
ROW = {"price": [1.0], "city": ["a"], "day": [date(2024, 1, 1)]}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"price": ["cheap"]}, "column 'price': text where there were numbers at training time "
                               "(given: 'cheap'). Make the cells numbers, or leave them empty"),
        ({"price": [date(2024, 1, 1)]}, "column 'price': cells of another kind where there were "
                                        "numbers at training time (given: Date)"),
        ({"price": [[1]]}, "column 'price': cells of another kind"),
        ({"city": [["a"]]}, "column 'city': cells of another kind where there was text"),
        ({"day": ["soon"]}, "column 'day': not a date where there were dates at training time"),
        ({"day": [20240101]}, "given: 20240101"),
        ({"price": None}, "data: the column 'price' is missing. Add it; its cells may be empty"),
        ({"price": None, "prices": [1.0]}, "Did you mean 'prices'? If so, rename it"),
        ({"price": None, "city": None}, "the column 'price' is missing (and 1 more: city)"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit(changes, expected):
    preprocessor = fit(**MODEL)
    table = {name: values for name, values in {**ROW, **changes}.items() if values is not None}
    with pytest.raises(DataError) as caught:
        preprocessor.transform(read_table(table))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("price", ["3"]),
        ("price", [" 3 "]),
        ("price", ["1,234.5"]),
        ("price", ["unknown"]),
        ("price", [True]),
        ("price", [None]),
        ("price", [float("-inf")]),
        ("price", [10**30]),
        ("city", [7]),
        ("city", [None]),
        ("city", [date(2024, 1, 1)]),
        ("day", [""]),
        ("day", [date(1, 1, 1)]),
        ("day", [date(9999, 12, 31)]),
    ],
)
def test_cells_that_are_taken_all_the_same(name, values):
    numeric = fit(**MODEL).transform(read_table({**ROW, name: values})).numeric
    assert np.isfinite(numeric).all()


# --- no leaks


def test_rows_held_out_change_nothing():
    rng = np.random.default_rng(0)
    table = {
        "n": rng.normal(size=N).tolist(),
        "t": LETTERS,
        "s": [chr(97 + i % 12) for i in range(N)],
        "d": [date(2024, 1, 1) + timedelta(days=int(i)) for i in rng.integers(0, 400, N)],
        "y": SPREAD,
    }
    train = np.arange(40)
    other = copy.deepcopy(table)
    for i in range(40, N):
        other["n"][i], other["t"][i], other["s"][i] = (1e9, "new", "new")
        other["d"][i], other["y"][i] = date(1900, 1, 1), 1e9
    fitted = [
        Preprocessor.fit(read_table(one)[train.tolist()], exclude=["y"]) for one in (table, other)
    ]
    assert fitted[0].to_document() == fitted[1].to_document()
    assert "y" not in fitted[0].column_names
    # And a row is encoded alike whatever rows stand beside it.
    whole = fitted[0].transform(read_table(table))
    for row in (0, 17, 59):
        alone = fitted[0].transform(read_table(table)[[row]])
        assert np.array_equal(alone.numeric[0], whole.numeric[row])
        assert np.array_equal(alone.categories[0], whole.categories[row])


# --- any table at all

CELLS = st.one_of(
    st.none(),
    st.floats(width=64),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(max_size=5),
    st.sampled_from(["a", "b", "?", "2024-01-01", "1,000", " 3 ", "true"]),
    st.dates(),
)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(2, 30).flatmap(
        lambda n: st.lists(
            st.one_of(
                st.lists(CELLS, min_size=n, max_size=n),
                st.lists(st.floats(), min_size=n, max_size=n),
                st.lists(st.sampled_from(["a", "b", None, "c"]), min_size=n, max_size=n),
                st.lists(st.one_of(st.none(), st.datetimes()), min_size=n, max_size=n),
            ),
            min_size=1,
            max_size=4,
        )
    )
)
def test_any_table_is_encoded_or_refused(columns):
    frame = read_table({f"c{i}": values for i, values in enumerate(columns)})
    half = max(1, len(frame) // 2)
    try:
        preprocessor = Preprocessor.fit(frame[:half])
    except DataError:
        return
    assert (
        Preprocessor.from_document(json.loads(json.dumps(preprocessor.to_document())))
        == preprocessor
    )
    try:
        matrices = preprocessor.transform(frame)
    except DataError:
        return
    assert np.isfinite(matrices.numeric).all()
    for codes, count in zip(matrices.categories.T, preprocessor.category_levels):
        assert ((codes >= 0) & (codes < count)).all()


# --- broken documents

DOCUMENT = fit(
    n=SPREAD, t=LETTERS, s=[chr(97 + i % 12) for i in range(N)], d=MODEL["day"]
).to_document()


def test_the_document_is_kept_as_it_is():
    assert [column["kind"] for column in DOCUMENT["columns"]] == [
        "number",
        "one-hot",
        "embedding",
        "date",
    ]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ((), [], "preprocessing: not a JSON object (given: list)"),
        (("version",), 99, "of another version (allowed: 1; given: 99"),
        (("version",), None, "'version' is not what it may be"),
        (("columns",), [], "allowed: a list of 1 or more; given: 0 items"),
        (("columns",), {}, "allowed: a list of 1 or more; given: dict"),
        (("columns", 0), 7, "preprocessing: columns[0]: not a JSON object"),
        (("columns", 0, "kind"), "pickle", "allowed: number, date, one-hot, embedding"),
        (("columns", 0, "kind"), "embedding", "columns[0]: 'codes_missing' is missing"),
        (("columns", 0, "name"), 1, "columns[0]: 'name' is not what it may be"),
        (("columns", 0, "name"), "t", "two columns have one name"),
        (("columns", 0, "center"), "1", "'center' is not what it may be"),
        (("columns", 0, "center"), float("inf"), "'center'"),
        (("columns", 0, "scale"), 0, "'scale' is not what it may be"),
        (("columns", 0, "scale"), -1.0, "a finite number above 0; given: -1.0"),
        (("columns", 0, "log_unit"), 0.0, "'log_unit'"),
        (("columns", 0, "flags_missing"), 1, "'flags_missing' is not true or false"),
        (("columns", 0, "levels"), [1.5], "'levels' holds something that is not a whole number"),
        (("columns", 0, "levels"), [True], "'levels' holds something that is not a whole number"),
        (("columns", 0, "levels"), [2, 1], "'levels' are not in order"),
        (("columns", 0, "levels"), [1, 1], "'levels' are not in order"),
        (("columns", 1, "levels"), ["a", 1], "'levels' holds something it may not"),
        (("columns", 1, "levels"), ["a", "a"], "'levels' holds an item twice"),
        (("columns", 1, "levels"), [], "a column without any level"),
        (("columns", 1, "shares_other"), None, "'shares_other' is not true or false"),
        (("columns", 2, "levels"), [], "a column without any level"),
        (("columns", 2, "codes_missing"), "no", "'codes_missing' is not true or false"),
        (("columns", 3, "parts"), ["century"], "'parts' holds something it may not"),
        (("columns", 3, "parts"), ["weekday", "weekday"], "'parts' holds an item twice"),
        (("columns", 3, "scale"), None, "'scale'"),
        (("notes",), "text", "'notes' is not what it may be"),
        (("notes",), [1], "'notes' holds something it may not"),
    ],
)
def test_broken_documents(path, value, expected):
    document = copy.deepcopy(DOCUMENT)
    if path:
        place = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    else:
        document = value
    with pytest.raises(ModelFileError) as caught:
        Preprocessor.from_document(document)
    assert expected in str(caught.value)


def _fields(node, path=()):
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(node, dict):
            yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from _fields(value, (*path, key))


#: Fields that documents of before did not have.
LATER = ("range",)


@pytest.mark.parametrize(
    "path", [path for path in _fields(DOCUMENT) if path[-1] not in LATER], ids=str
)
def test_every_field_is_missed(path):
    document = copy.deepcopy(DOCUMENT)
    place = document
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    with pytest.raises(ModelFileError, match=f"'{path[-1]}' is missing"):
        Preprocessor.from_document(document)
