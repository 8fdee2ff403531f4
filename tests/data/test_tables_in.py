"""Tables of any make come in as one kind, and what cannot be read says why in one line."""

from __future__ import annotations

import gzip
import os
from datetime import date
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from quickprop.data import as_table, column_of, read_table, table_hash, write_table
from quickprop.errors import DataError, DataFileError, QuickpropError

COLUMNS = {"age": [31, None, 45], "city": ["Oslo", "Rome", None], "score": [1.5, 2.0, float("nan")]}


def rows_of(frame: nw.DataFrame) -> dict[str, list]:
    return nw.to_native(frame).to_dict(as_series=False)


def write_csv(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("order", ["C", "F", "strided"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "bool", "U3", "O"])
def test_the_columns_of_an_array(order, dtype):
    array = np.arange(3 * 2500).reshape(2500, 3) % 5
    array = (array % 2 if dtype == "bool" else array).astype(dtype)
    given = (
        np.repeat(array, 2, axis=1)[:, ::2]
        if order == "strided"
        else np.asarray(array, order=order)
    )
    given.flags.writeable = False
    found = as_table(given)
    assert found.columns == ["x1", "x2", "x3"]
    for k, name in enumerate(found.columns):
        assert found[name].to_list() == array[:, k].tolist()


@pytest.mark.parametrize(
    "table",
    [
        COLUMNS,
        pl.DataFrame(COLUMNS),
        pl.DataFrame(COLUMNS).lazy(),
        pd.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS).convert_dtypes(),
        pd.DataFrame(COLUMNS).astype({"city": "category"}),
        pa.table({k: pa.array(v, from_pandas=True) for k, v in COLUMNS.items()}),
        nw.from_native(pl.DataFrame(COLUMNS)),
    ],
    ids=["dict", "polars", "lazy", "pandas", "nullable", "category", "pyarrow", "narwhals"],
)
def test_every_kind_of_table_gives_the_same_values(table):
    frame = read_table(table)
    assert isinstance(frame, nw.DataFrame)
    assert isinstance(nw.to_native(frame), pl.DataFrame)
    assert rows_of(frame) == {
        "age": [31, None, 45],
        "city": ["Oslo", "Rome", None],
        "score": [1.5, 2.0, None],
    }
    assert table_hash(frame) == table_hash(read_table(COLUMNS))


@pytest.mark.parametrize(
    ("names", "as_text"), [((0, 1), ["0", "1"]), ((("a", 1), ("b", 2)), ["('a', 1)", "('b', 2)"])]
)
def test_names_that_are_no_text(names, as_text):
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]])
    frame.columns = pd.Index(names, tupleize_cols=False)
    table = read_table(frame)
    assert table.columns == as_text
    assert table[as_text[1]].to_list() == [2.0, 4.0]


def test_pandas_without_pyarrow(monkeypatch):
    def refuse(self):
        raise ImportError("pyarrow is not installed")

    monkeypatch.setattr(nw.Series, "to_polars", refuse)
    table = {**COLUMNS, "day": [pd.Timestamp("2024-01-02"), pd.NaT, pd.Timestamp("2024-01-03")]}
    for frame in (pd.DataFrame(table), pd.DataFrame(table).convert_dtypes()):
        got = nw.to_native(read_table(frame))
        assert got.drop("day").to_dict(as_series=False) == rows_of(read_table(COLUMNS))
        assert got["day"].dtype == pl.Datetime
        assert got["day"].null_count() == 1


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".parquet", ".arrow", ".feather"])
def test_what_is_written_reads_back(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    write_table({"a": np.array([1, 2]), "b": ["x", 'y, "z"\nw'], "c": [0.5, None]}, path)
    assert rows_of(read_table(path)) == {"a": [1, 2], "b": ["x", 'y, "z"\nw'], "c": [0.5, None]}
    assert os.listdir(tmp_path) == [path.name]


def test_arrow_streams_and_files_of_other_writers(tmp_path):
    table = pa.table({"a": [1, 2]})
    with (
        pa.OSFile(str(tmp_path / "s.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as w,
    ):
        w.write_table(table)
    pyarrow.feather.write_feather(table, tmp_path / "f.feather")
    assert rows_of(read_table(tmp_path / "s.arrow")) == {"a": [1, 2]}
    assert rows_of(read_table(str(tmp_path / "f.feather"))) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}, id="plain"),
        pytest.param("\ufeffa,b\r\n1,x\r\n2,y\r\n", {"a": [1, 2], "b": ["x", "y"]}, id="windows"),
        pytest.param("a,b\r1,x\r2,y", {"a": [1, 2], "b": ["x", "y"]}, id="old mac, no last end"),
        pytest.param("a;b\n1,5;x\n2,25;y\n", {"a": [1.5, 2.25], "b": ["x", "y"]}, id="semicolons"),
        pytest.param("a\tb\n1\tx, y\n2\tz\n", {"a": [1, 2], "b": ["x, y", "z"]}, id="tabs"),
        pytest.param("a|b\n1|x\n", {"a": [1], "b": ["x"]}, id="pipes"),
        pytest.param("\n\na,b\n\n1,x\n  \n2,y\n\n\n", {"a": [1, 2], "b": ["x", "y"]}, id="blank"),
        pytest.param("a\n1\n\n2\n", {"a": [1, 2]}, id="one column"),
        pytest.param('a,b\n"1,5","x ""q"""\n"2","l1\nl2"\n', None, id="quoted"),
        pytest.param('a,b\n5" pipe,1\n6",2\n', {"a": ['5" pipe', '6"'], "b": [1, 2]}, id="inches"),
        pytest.param("a, b\n1, x\n?, NA\n", {"a": [1, None], "b": ["x", None]}, id="spaces"),
        pytest.param("a,b\nNA,?\n1.5,n/a\n-,x\n", {"a": [None, 1.5, None], "b": [None, None, "x"]}),
        pytest.param("a,b\n1,None\n2,y\n", {"a": [1, 2], "b": ["None", "y"]}, id="None is a level"),
        pytest.param("a,b\n,\n2,y\n", {"a": [None, 2], "b": [None, "y"]}, id="empty cells"),
        pytest.param('a,b\n"1,234",1\n"12,000",2\n', {"a": [1234, 12000], "b": [1, 2]}),
        pytest.param("a,b\ntrue,1\nFalse,2\n", {"a": [True, False], "b": [1, 2]}, id="booleans"),
        pytest.param(",b\n1,x\n", {"column 1": [1], "b": ["x"]}, id="nameless column"),
        pytest.param("a,b\n1,inf\n2,-inf\n", {"a": [1, 2], "b": [float("inf"), -float("inf")]}),
        pytest.param("a\n99999999999999999999999\n1\n", {"a": [1e23, 1.0]}, id="huge integers"),
    ],
)
def test_csv_as_found_in_the_wild(tmp_path, text, expected):
    frame = read_table(write_csv(tmp_path, text))
    if expected is None:
        expected = {"a": ["1,5", "2"], "b": ['x "q"', "l1\nl2"]}
    assert rows_of(frame) == expected


def test_utf16_as_spreadsheets_save_it(tmp_path):
    path = write_csv(tmp_path, "a\tb\n1\tØ\n".encode("utf-16"))
    assert rows_of(read_table(path)) == {"a": [1], "b": ["Ø"]}


def test_a_column_that_turns_to_text_at_the_end(tmp_path):
    path = write_csv(tmp_path, "a,b\n" + "1,1\n" * 12_000 + "x,1\n")
    frame = nw.to_native(read_table(path))
    assert frame["a"].dtype == pl.String
    assert frame["a"][-1] == "x"
    assert frame["b"].dtype == pl.Int64


def test_names_with_signs_of_a_pattern_are_plain_paths(tmp_path):
    path = write_csv(tmp_path, "a\n1\n", "t[1]*.csv")
    assert rows_of(read_table(path)) == {"a": [1]}


BROKEN_TEXT = [
    ("", "the file is empty. Give a table"),
    (" \n\n", "the file is empty"),
    ("a,b\n", "the table has a header but no rows"),
    ("a,a\n1,2\n", "two columns are called 'a' (allowed: each name once; given: columns"),
    ("a,b\n1,2\n3,4,5\n", "line 3 does not fit the header (allowed: 2 fields; given: 3)"),
    ("a,b\n1,2\n\n3\n", "line 4 does not fit the header (allowed: 2 fields; given: 1)"),
    ("a,b\n1\n3\n", "line 2 does not fit the header (2 lines in all are like that)"),
    ('a,b\n"x\ny",1\n3\n', "line 4 does not fit the header"),
    ('a,b\n"x,1\n3,4\n', "a quoted field is never closed (given: a last quote on line 2)"),
    (b"a,b\n1,2\n\xff\x07\xe9,3\n", "line 3 holds the byte 0x07, so this is not a text file"),
    (b"a,b\n1,\x002\n", "line 2 holds a zero byte"),
]


@pytest.mark.parametrize(
    ("text", "expected"), BROKEN_TEXT, ids=[row[1][:30] for row in BROKEN_TEXT]
)
def test_broken_text(tmp_path, text, expected):
    path = write_csv(tmp_path, text)
    with pytest.raises(QuickpropError) as caught:
        read_table(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert expected in message
    assert "\n" not in message


def test_broken_files(tmp_path):
    good = tmp_path / "good.parquet"
    write_table({"a": list(range(1000))}, good)
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 500)
    rows = [
        ("none.csv", None, "no such file"),
        ("god.parquet", None, "no such file. Did you mean 'good.parquet'?"),
        ("http://x.org/a.csv", None, "no such file. Download it first"),
        ("t.xlsx", b"x", "not a whole Excel file, or not one at all"),
        ("t.xyz", b"x\0", "unknown kind of file (allowed: .csv, .tsv, .txt"),
        ("noending", b"x\0", "given: no ending"),
        ("e.parquet", b"", "the file is empty"),
        ("t.parquet", b"a,b\n1,2\n", "not a whole parquet file, or not one at all"),
        ("cut.parquet", good.read_bytes()[:-20], "not a whole parquet file"),
        ("t.arrow", b"ARROW1 no", "not a whole arrow file"),
        ("s.arrow", b"nothing of the kind", "not a whole arrow file"),
        ("t.csv.gz", b"a,b\n1,2\n", "not a whole gz file"),
        ("cut.csv.gz", packed[:-12], "not a whole gz file"),
        ("hurt.csv.gz", packed[:20] + b"\xff\xff" + packed[22:], "not a whole gz file"),
    ]
    for name, content, expected in rows:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataFileError) as caught:
            read_table(name if "://" in name else path)
        assert expected in str(caught.value), name
        assert "\n" not in str(caught.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataFileError, match="this is a folder, not a file"):
        read_table(tmp_path / "folder")


BAD_TABLES = [
    ({}, "the table has no columns"),
    ({"a": []}, "the table has no rows. Give at least one row"),
    ({"a": [1, 2], "b": [1]}, "the columns differ in length (given: a: 2, b: 1)"),
    ({1: [1], "1": [2]}, "two columns are called '1'"),
    ({"a": "text"}, "column 'a' is not a list of values"),
    ({"a": 3}, "column 'a' is not a list of values"),
    ({"a": np.zeros((2, 2))}, "column 'a' is not one-dimensional"),
    (
        pd.DataFrame([[1, 2]], columns=["x", "x"]),
        "two columns are called 'x' (allowed: each name o",
    ),
    # The name of a column is what pyarrow calls its names.
    (pd.DataFrame([[1, 2, 3]], columns=["x", "column_names", "x"]), "given: columns 1 and 3)"),
    (pa.table([[1], [2]], names=["x", "x"]), "given: columns 1 and 2). Give each column a name"),
    (np.zeros((3, 2)), "not a table (allowed: a path, a pandas, polars or pyarrow table"),
    (None, "not a table"),
    (7, "not a table"),
    (pl.Series([1]), "not a table"),
]


@pytest.mark.parametrize(("table", "expected"), BAD_TABLES)
def test_bad_tables(table, expected):
    with pytest.raises(DataError) as caught:
        read_table(table, where="rows")
    assert str(caught.value).startswith("rows: ")
    assert expected in str(caught.value)


def test_a_file_with_columns_of_one_name(tmp_path):
    path = tmp_path / "same.parquet"
    pyarrow.parquet.write_table(pa.table([[1], [2]], names=["x", "x"]), path)
    with pytest.raises(DataError, match=r"two columns have one name \(allowed: each name once"):
        read_table(path)


def test_odd_cells_in_memory():
    frame = nw.to_native(
        read_table(
            {
                "mixed": [1, "a", None],
                "numbers": [1, 2.5, pd.NA],
                "half": np.array([1, 2, 3], np.float16),
                "day": [date(2024, 1, 2), None, date(2024, 1, 3)],
                "moment": np.array(["2024-01-02", "NaT", "2024-01-03"], "datetime64[ns]"),
                "tuple": (1, 2, 3),
                "gaps": [None, None, None],
            }
        )
    )
    assert frame["mixed"].to_list() == ["1", "a", None]
    assert frame["numbers"].to_list() == [1.0, 2.5, None]
    assert frame["half"].to_list() == [1.0, 2.0, 3.0]
    assert frame["day"].dtype == pl.Date
    assert frame["moment"].null_count() == 1
    assert frame["tuple"].to_list() == [1, 2, 3]
    assert frame["gaps"].null_count() == 3


def test_column_of_names_what_there_is():
    frame = read_table({"price": [1], "size": [2]})
    assert column_of(frame, "price").to_list() == [1]
    with pytest.raises(DataError) as caught:
        column_of(frame, "prices")
    assert str(caught.value) == (
        "target: the table has no column 'prices' (allowed: price, size). Did you mean 'price'?"
    )
    headerless = read_table({"5.1": [4.9], "3.5": [3.0], "setosa": ["setosa"]})
    with pytest.raises(DataError, match="Put a header line on the file"):
        column_of(headerless, "species")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("out.xlsx", "unknown kind of file to write"),
        ("out", "given: no ending"),
        ("none/out.csv", "its folder does not exist"),
        ("folder.csv", "this is a folder, not a file"),
        ("x" * 300 + ".csv", "cannot be written"),
        ("nul\0.csv", "cannot be written"),
        ("/proc/out.csv", "cannot be written"),
    ],
)
def test_paths_that_cannot_be_written(tmp_path, name, expected):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataFileError) as caught:
        write_table({"a": [1]}, tmp_path / name)
    assert expected in str(caught.value)
    assert os.listdir(tmp_path) == ["folder.csv"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    write_table({"a": [1]}, path)

    def break_off(frame, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_csv", break_off)
    with pytest.raises(DataFileError, match="No space left on device"):
        write_table({"a": [2]}, path)
    assert path.read_text() == "a\n1\n"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_device_is_written_not_replaced(tmp_path):
    write_table({"a": [1]}, "/dev/null")
    assert not Path("/dev/null").is_file()
    real = tmp_path / "real.csv"
    real.write_text("")
    (tmp_path / "link.csv").symlink_to(real)
    write_table({"a": [1]}, tmp_path / "link.csv")
    assert real.read_text() == "a\n1\n"
    assert (tmp_path / "link.csv").is_symlink()


def test_hash_tells_tables_apart():
    base = {"a": [1, 2, None], "b": ["x", "yz", None]}
    assert table_hash(read_table(base)) == table_hash(
        read_table({"a": [1.0, 2, None], "b": base["b"]})
    )
    others = [
        {"a": [1, 2, 0], "b": base["b"]},
        {"a": [1, 3, None], "b": base["b"]},
        {"a": base["a"], "b": ["xy", "z", None]},
        {"a": base["a"], "b": ["x", "yz", ""]},
        {"A": base["a"], "b": base["b"]},
        {"a": [2, 1, None], "b": base["b"]},
        {"a": ["1", "2", None], "b": base["b"]},
        {"a": [2**60, 2, None], "b": base["b"]},
        {"a": [2**60 + 1, 2, None], "b": base["b"]},
        {"a": [date(2024, 1, 1), None, None], "b": base["b"]},
    ]
    hashes = [table_hash(read_table(one)) for one in (base, *others)]
    assert len(set(hashes)) == len(hashes)


def test_hash_is_stable():
    # Models keep this hash, so its making may not change: SHA-256 of the bytes spelled out here.
    import hashlib

    def head(name: bytes) -> bytes:
        return len(name).to_bytes(8, "little") + name + (2).to_bytes(8, "little")

    spelled = b"quickprop table 1" + head(b"n") + b"number" + bytes([0b01000000])
    spelled += np.array([1.5, 0.0], "<f8").tobytes()
    spelled += head(b"t") + b"text" + bytes([0]) + np.array([2, 1], "<u8").tobytes() + b"abc"
    frame = read_table({"n": [1.5, None], "t": ["ab", "c"]})
    assert table_hash(frame) == hashlib.sha256(spelled).hexdigest()
