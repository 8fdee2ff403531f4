"""Files of every kind, packed and not, come back as the same table; what cannot be read says so."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import zipfile
from pathlib import Path

import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest

from quickprop.data import TableFile, read_table, understand
from quickprop.errors import DataError, DataFileError, QuickpropError, SettingError
from quickprop.foundation import bounded_file

COLUMNS = {"n": [1, 2, 3], "x": [0.5, None, 1.25], "t": ["Köln", "b", None]}
CSV = "n,x,t\n1,0.5,Köln\n2,,b\n3,1.25,\n"


def rows_of(data: object) -> dict[str, list]:
    return nw.to_native(read_table(data)).to_dict(as_series=False)


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(**members: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return stream.getvalue()


def zstd(raw: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return sink.getvalue().to_pybytes()


PACKED = {
    "t.csv.gz": gzip.compress(CSV.encode()),
    "t.csv.bz2": bz2.compress(CSV.encode()),
    "t.csv.xz": lzma.compress(CSV.encode()),
    "t.csv.zst": zstd(CSV.encode()),
    "t.zip": zipped(**{"folder/t.csv": CSV, "__MACOSX/folder/._t.csv": "no table"}),
    "t.jsonl.gz": gzip.compress(pl.DataFrame(COLUMNS).write_ndjson().encode()),
    "two.csv.gz.gz": gzip.compress(gzip.compress(CSV.encode())),
    # What the bytes are decides, not what the file is called.
    "named_wrong.csv": bz2.compress(CSV.encode()),
    "no_ending": CSV.encode(),
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_files(name, tmp_path):
    assert rows_of(put(tmp_path, name, PACKED[name])) == COLUMNS


@pytest.mark.parametrize("name", ["t.csv.bz2", "t.csv.xz", "t.csv.zst", "t.zip"])
def test_packed_files_that_are_cut(name, tmp_path):
    path = put(tmp_path, name, PACKED[name][:-20])
    with pytest.raises(DataFileError, match="not a whole"):
        read_table(path)


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, zstd])
def test_what_grows_without_end_is_refused(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(bounded_file, "_HARMLESS", 2**20)
    path = put(tmp_path, "t.csv.bz2", pack(b"1,2\n" * 2**20))
    with pytest.raises(DataFileError, match="what is packed in it is too large"):
        read_table(path)


def test_archives_of_several_files(tmp_path):
    path = put(tmp_path, "t.zip", zipped(**{"a.csv": CSV, "b.csv": "n\n7\n"}))
    with pytest.raises(DataFileError, match=r"several files \(given: a.csv, b.csv\). Name one"):
        read_table(path)
    assert rows_of(TableFile(path, table="b.csv")) == {"n": [7]}
    assert rows_of(f"{path}::a.csv") == COLUMNS
    with pytest.raises(DataFileError, match="no file of that name"):
        read_table(f"{path}::c.csv")


def test_json(tmp_path):
    lines = pl.DataFrame(COLUMNS).write_ndjson()
    assert rows_of(put(tmp_path, "t.jsonl", lines)) == COLUMNS
    assert rows_of(put(tmp_path, "t.ndjson", lines.replace("\n", "\n\n"))) == COLUMNS
    records = [dict(zip(COLUMNS, row)) for row in zip(*COLUMNS.values())]
    assert rows_of(put(tmp_path, "t.json", json.dumps(records))) == COLUMNS
    assert rows_of(put(tmp_path, "lines.json", lines)) == COLUMNS
    assert rows_of(put(tmp_path, "columns.json", json.dumps(COLUMNS))) == COLUMNS
    wrapped = {"count": 3, "data": records}
    assert rows_of(put(tmp_path, "wrapped.json", json.dumps(wrapped))) == COLUMNS
    inner = '{"a": {"b": 1, "c": {"d": "x"}}}\n{"a": {"b": 2}}\n'
    assert rows_of(put(tmp_path, "inner.jsonl", inner)) == {"a.b": [1, 2], "a.c.d": ["x", None]}
    mixed = '{"a": 1}\n{"a": "x", "b": 2}\n{"b": 3}\n'
    assert rows_of(put(tmp_path, "m.jsonl", mixed)) == {"a": ["1", "x", None], "b": [None, 2, 3]}
    for name, text, expected in (
        ("e.jsonl", '{"a": 1}\n{"a": \n', "line 2 is no JSON"),
        ("l.jsonl", '{"a": 1}\n[1]\n', "line 2 is no JSON object"),
        ("e.json", '[{"a": 1},\n{"a" 2}]', "line 2 is no JSON"),
        ("n.json", "[1, 2]", "not a list of objects"),
    ):
        with pytest.raises(DataFileError) as caught:
            read_table(put(tmp_path, name, text))
        assert expected in str(caught.value)


def database(path: Path, *tables: str) -> Path:
    with sqlite3.connect(path) as connection:
        for table in tables:
            table = table.replace('"', '""')
            connection.execute(f'CREATE TABLE "{table}" (n INTEGER, x REAL, t TEXT)')
            rows = list(zip(*COLUMNS.values()))
            connection.executemany(f'INSERT INTO "{table}" VALUES (?, ?, ?)', rows)
    connection.close()
    return path


def test_sqlite(tmp_path):
    assert rows_of(database(tmp_path / "one.db", "only")) == COLUMNS
    path = database(tmp_path / "two.sqlite", 'cu"st', "orders")
    with pytest.raises(DataFileError, match=r"several tables .*Name one: --table"):
        read_table(path)
    assert rows_of(f"{path}::orders") == COLUMNS
    assert rows_of(TableFile(path, table='cu"st')) == COLUMNS
    with pytest.raises(DataFileError, match=r"no table 'order'.*Did you mean 'orders'"):
        read_table(f"{path}::order")
    with sqlite3.connect(tmp_path / "wal.db") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    assert rows_of(database(tmp_path / "wal.db", "t")) == COLUMNS
    with pytest.raises(DataFileError, match="the database has no table"):
        read_table(_empty_database(tmp_path / "e.db"))
    broken = (tmp_path / "one.db").read_bytes()[:1000]
    with pytest.raises(DataFileError, match="not a whole SQLite database"):
        read_table(put(tmp_path, "broken.db", broken))
    # No row can be read where there is none.
    connection = sqlite3.connect(tmp_path / "rowless.db")
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    with pytest.raises(DataError, match="the table has no rows"):
        read_table(tmp_path / "rowless.db")


def _empty_database(path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.execute("DROP TABLE t")
    connection.commit()
    connection.close()
    return path


def test_folders_and_patterns_of_parquet(tmp_path):
    whole = pl.DataFrame(COLUMNS)
    for place, year in enumerate((2019, 2020, 2020)):
        folder = tmp_path / "parts" / f"year={year}"
        folder.mkdir(parents=True, exist_ok=True)
        whole[place : place + 1].write_parquet(folder / f"part{place}.parquet")
    put(tmp_path / "parts", "_SUCCESS", b"")
    expected = {**COLUMNS, "year": [2019, 2020, 2020]}
    opened = understand(tmp_path / "parts")
    assert rows_of(opened.frame) == expected
    assert opened.notes == ("3 files read as one table (part0.parquet ... part2.parquet)",)
    assert rows_of(f"{tmp_path}/parts/**/*.parquet") == COLUMNS
    whole.rename({"n": "m"}).write_parquet(tmp_path / "parts" / "z.parquet")
    with pytest.raises(DataError, match="the files do not have the same columns"):
        read_table(tmp_path / "parts")
    with pytest.raises(DataFileError, match="no file fits this pattern"):
        read_table(tmp_path / "*.parquet")


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    openpyxl = pytest.importorskip("openpyxl", reason="Excel files need openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_excel(tmp_path):
    rows = [list(COLUMNS), *(list(row) for row in zip(*COLUMNS.values()))]
    assert rows_of(workbook(tmp_path / "t.xlsx", Sheet=rows)) == COLUMNS
    framed = [["Report of 2020"], [], *([None, *row] for row in rows)]
    opened = understand(
        workbook(tmp_path / "framed.xlsx", Notes=[], Data=framed, More=[["a"], [1]])
    )
    assert rows_of(opened.frame) == COLUMNS
    assert "sheet 'Data' was read, and not 'More' (--table says otherwise)" in opened.notes
    assert rows_of(f"{tmp_path}/framed.xlsx::More") == {"a": [1]}
    with pytest.raises(DataFileError, match=r"no sheet 'Dat'.*Did you mean 'Data'"):
        read_table(f"{tmp_path}/framed.xlsx::Dat")
    with pytest.raises(DataFileError, match="the workbook has no cells"):
        read_table(workbook(tmp_path / "none.xlsx", Sheet=[]))


def test_excel_without_its_package_says_how_to_get_it(tmp_path, monkeypatch):
    path = put(tmp_path, "t.xlsx", zipped(**{"xl/workbook.xml": "<workbook/>"}))
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(QuickpropError, match=r"pip install 'quickprop\[excel\]'"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an Excel file of the old kind"),
        ("t.csv", b"%PDF-1.7\n\0", "a PDF document"),
        ("t.csv", b"<!DOCTYPE html>\n<html>", "a web page, not a table"),
        ("t.csv", b"version https://git-lfs.github.com/spec/v1\noid 1\n", "Git LFS"),
        ("t.arff", b"@relation x\n@data\n1,2\n", "an ARFF file"),
        ("t.ods", zipped(**{"content.xml": "<a/>"}), "an office document"),
        ("t.npy", b"\x93NUMPY\x01\0", "an array of NumPy"),
    ],
)
def test_what_is_no_table_that_can_be_read(name, content, expected, tmp_path):
    with pytest.raises(DataFileError, match=expected):
        read_table(put(tmp_path, name, content))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"encoding": "klingon"}, "no encoding of text"),
        ({"encoding": "base64"}, "no encoding of text"),
        ({"delimiter": ",,"}, "nothing that can stand between cells"),
        ({"delimiter": "a"}, "nothing that can stand between cells"),
        ({"header": "yes"}, "neither yes nor no"),
        ({"table": 3}, "no name of a table"),
    ],
)
def test_settings_that_are_none(setting, expected):
    with pytest.raises(SettingError, match=expected):
        TableFile("t.csv", **setting)
