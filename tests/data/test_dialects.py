"""New rows are read as the training table was, whatever they are written in: the same bits."""

from __future__ import annotations

import io
from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quickprop.data import Preprocessor, read_by, understand
from quickprop.errors import DataError

ROWS = 24
# A line of nothing is no row, so each table has a column that is filled.
#: Cells of one column each; what a column holds is drawn from one of these.
CELLS = {
    "whole": st.integers(-5000, 5000),
    "large": st.integers(2**60, 2**60 + 40),
    "fraction": st.floats(-1e6, 1e6, allow_nan=False),
    "thousandths": st.integers(0, 99_999).map(lambda n: n / 1000),
    "codes": st.sampled_from(["01", "02", "03", "A1", "1E5", "007"]),
    "digits": st.sampled_from(["01234", "00501", "10115", "99999"]),
    "words": st.sampled_from(["a, b", 'q"t', "x;y", "é", "NA", "None", "true", "l1\nl2", "-"]),
    "answers": st.sampled_from(["yes", "no"]),
    "truth": st.booleans(),
    "moment": st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1)),
    "span": st.timedeltas(timedelta(0), timedelta(days=9)),
    "clock": st.times().map(lambda t: time(t.hour, t.minute, t.second)),
    "money": st.integers(100, 999_999).map(lambda cents: f"${cents / 100:,.2f}"),
    "day": st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(
        lambda d: d.strftime("%d/%m/%Y")
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5, unique=True))
    columns: dict[str, list] = {"place": [k / 3 for k in range(ROWS)]}
    for kind in kinds:
        # Large whole numbers beside gaps are floats to pandas, which loses their ends.
        gaps = kind != "large" and draw(st.booleans())
        cell = st.none() | CELLS[kind] if gaps else CELLS[kind]
        columns[kind] = draw(st.lists(cell, min_size=ROWS, max_size=ROWS))
    return pl.DataFrame(columns)


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with lengths of time as text, for polars writes none to CSV."""
    return frame.with_columns(cs.duration().dt.to_string("iso"))


def dialects(frame: pl.DataFrame, folder: Path) -> dict[str, object]:
    """The same rows in everything that they may come in."""
    written: dict[str, object] = {
        "polars": frame,
        "pyarrow": frame.to_arrow(),
        "pandas": frame.to_pandas(),
        "objects": pd.DataFrame(frame.to_dict(as_series=False), dtype=object),
        "a dict": frame.to_dict(as_series=False),
    }
    files = {
        "t.csv": as_text(frame).write_csv,
        "t.tsv": lambda path: as_text(frame).write_csv(path, separator="\t"),
        "quoted.csv": lambda path: as_text(frame).write_csv(path, quote_style="non_numeric"),
        "t.parquet": frame.write_parquet,
        "t.arrow": frame.write_ipc,
        "by_pandas.csv": lambda path: frame.to_pandas().to_csv(path, index=False),
    }
    for name, write in files.items():
        write(folder / name)
        written[name] = str(folder / name)
    return written


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(), st.randoms(use_true_random=False))
def test_the_same_rows_in_every_dialect(tmp_path_factory, frame, random):
    folder = tmp_path_factory.mktemp("dialects")
    reading = understand(frame)
    try:
        preprocessor = Preprocessor.fit(reading.frame)
    except DataError:
        return
    expected = preprocessor.transform(reading.frame)

    def check(data: object, rows: list[int], what: str) -> None:
        got = preprocessor.transform(read_by(data, reading.schema).frame)
        assert np.array_equal(got.numeric, expected.numeric[rows]), what
        assert np.array_equal(got.categories, expected.categories[rows]), what

    every = list(range(ROWS))
    for name, data in dialects(frame, folder).items():
        check(data, every, name)
    shuffled = random.sample(every, ROWS)
    as_text(frame[shuffled]).write_csv(folder / "shuffled.csv")
    check(folder / "shuffled.csv", shuffled, "shuffled")
    row = shuffled[0]
    check(frame[row], [row], "one row")
    as_text(frame[row]).write_csv(folder / "one.csv")
    check(folder / "one.csv", [row], "one row of a file")


def test_a_file_with_decimal_commas_for_a_model_of_points(tmp_path):
    frame = pl.DataFrame({"a": [k / 8 for k in range(40)], "b": [k * 1000 for k in range(40)]})
    reading = understand(frame)
    preprocessor = Preprocessor.fit(reading.frame)
    expected = preprocessor.transform(reading.frame).numeric
    frame.to_pandas().to_csv(tmp_path / "t.csv", sep=";", decimal=",", index=False)
    got = preprocessor.transform(read_by(tmp_path / "t.csv", reading.schema).frame)
    assert np.array_equal(got.numeric, expected)


@pytest.mark.parametrize(
    ("train", "new", "expected"),
    [
        (["yes", "no"], ["True", "False", "1", "0", "Y", "n"], [1, 0, 1, 0, 1, 0]),
        ([True, False], ["yes", "no", "1", "0", "TRUE", "false"], [1, 0, 1, 0, 1, 0]),
        ([1, 0], ["yes", "no", "True", "False", "1", "0"], [1, 0, 1, 0, 1, 0]),
    ],
)
def test_one_truth_in_many_words(tmp_path, train, new, expected):
    reading = understand({"x": train * 20})
    preprocessor = Preprocessor.fit(reading.frame)
    high, low = preprocessor.transform(reading.frame).numeric[:2, 0]
    path = tmp_path / "new.csv"
    path.write_text("x\n" + "\n".join(new) + "\n")
    rows = preprocessor.transform(read_by(path, reading.schema).frame).numeric[:, 0]
    assert rows.tolist() == [high if one else low for one in expected]


def test_codes_that_lost_their_zeros_are_found_again():
    reading = understand({"zip": ["01234", "10115", "00501"] * 20})
    preprocessor = Preprocessor.fit(reading.frame)
    expected = preprocessor.transform(reading.frame).numeric[:3]
    for new in ([1234, 10115, 501], [1234.0, 10115.0, 501.0]):
        got = preprocessor.transform(read_by({"zip": new}, reading.schema).frame).numeric
        assert np.array_equal(got, expected)


def test_what_is_new_is_counted():
    table = {"level": ["a", "b"] * 20, "n": list(range(40)), "when": ["2024-01-01"] * 40}
    table["when"] = [f"2024-01-{1 + k % 28:02d}" for k in range(40)]
    reading = understand(table)
    preprocessor = Preprocessor.fit(reading.frame)
    text = "level,n,when\nA,5,2024-01-01\nb,x,soon\na,4000,2024-02-01\n"
    new = read_by(io_file(text), reading.schema)
    said = [str(one) for one in (*new.deviations, *preprocessor.deviations(new.frame))]
    assert said == [
        "1 of 3 cells of 'n' is treated as missing, for they cannot be read (x)",
        "1 of 3 cells of 'when' is treated as missing, for they cannot be read (soon)",
        "1 of 3 cells of 'level' is new or too rare at training time, so nothing was learned of "
        "them (A)",
        "1 of 3 cells of 'n' is missing, which none was at training time",
        "1 of 3 cells of 'n' is far out of the range of training, 0 to 39 (4000)",
    ]
    assert not preprocessor.deviations(reading.frame)
    with pytest.raises(DataError, match=r"column 'n': not one cell can be read as it could"):
        read_by({"n": ["many", "few"]}, reading.schema)


def io_file(text: str) -> object:
    return pl.read_csv(io.StringIO(text), infer_schema=False)
