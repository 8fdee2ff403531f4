"""A table written in every dialect of text comes back the same, and what was found is said."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop.data import TableFile, read_table, understand
from quickprop.data.files.delimited import parse_csv

WORDS = ["Köln", "Malmö", "Größe", "café", "São Paulo", "naïve", "España", "crème brûlée"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "mac_roman"]
TITLES = {
    "none": "",
    "comments": "# made by hand\n# in 2020\n",
    "titles": "Report of 2020\n\nall stations together\n",
}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(4, 12))

    def column(cells: st.SearchStrategy) -> list:
        return draw(st.lists(cells, min_size=rows, max_size=rows))

    return pl.DataFrame(
        {
            "n": column(st.integers(-999, 999)),
            "place": column(st.sampled_from(WORDS)),
            "x": column(st.floats(-99, 99).map(lambda x: round(x, 2) + 0.005)),
        }
    )


def written(table: pl.DataFrame, mark: str, header: bool) -> str:
    stream = io.StringIO()
    quoting = csv.QUOTE_NONNUMERIC if mark == " " else csv.QUOTE_MINIMAL
    writer = csv.writer(stream, delimiter=mark, quoting=quoting, lineterminator="\n")
    writer.writerows([table.columns] * header + [list(row) for row in table.rows()])
    return stream.getvalue()


def comes_back(table: pl.DataFrame, draw: st.DataObject) -> None:
    mark = draw.draw(st.sampled_from([",", ";", "\t", "|", " "]))
    header = draw.draw(st.booleans())
    # Three words above three columns apart by blanks are a header as well as a title.
    above = sorted(TITLES) if mark != " " else ["comments", "none"]
    title = TITLES[draw.draw(st.sampled_from(above))]
    sep = f"sep={mark}\n" if mark != " " and not title and draw.draw(st.booleans()) else ""
    text = sep + title + written(table, mark, header)
    text = text.replace("\n", draw.draw(st.sampled_from(["\n", "\r\n", "\r"])))
    encoding = draw.draw(st.sampled_from(ENCODINGS))
    told = TableFile("", header=header) if draw.draw(st.booleans()) else None
    found = parse_csv(text.encode(encoding), "text", told)
    names = table.columns if header else ["column 1", "column 2", "column 3"]
    assert found.frame.columns == names, (text, found.notes)
    assert found.frame.rows() == table.rows(), (text, found.notes)
    if not header and told is None:
        assert any("no header" in note for note in found.notes)


@settings(max_examples=60, deadline=None)
@given(tables(), st.data())
def test_every_dialect_gives_the_same_table(table, draw):
    comes_back(table, draw)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(tables(), st.data())
def test_every_dialect_gives_the_same_table_500_times(table, draw):
    comes_back(table, draw)


@pytest.mark.parametrize(
    ("text", "expected", "note"),
    [
        ('"mpg" "cyl"\n"Mazda RX4" 21 6\n"Fiat" 32.4 4\n', {
            "column 1": ["Mazda RX4", "Fiat"], "mpg": [21.0, 32.4], "cyl": [6, 4]}, "no name"),
        ("# a b c\n1 2.5 3\n4 5.5 6\n", {"a": [1, 4], "b": [2.5, 5.5], "c": [3, 6]}, None),
        ("a,b\n1,2,\n3,4,\n", {"a": [1, 3], "b": [2, 4], "column 3": [None, None]}, None),
        (" 1.5   2\n12.5  30\n", {"column 1": [1.5, 12.5], "column 2": [2, 30]}, "no header"),
        ("1,5 2,5\n3,5 4,5\n", {"column 1": [1.5, 3.5], "column 2": [2.5, 4.5]}, "no header"),
        ("country,2019,2020,2021\nA,1,2,3\nB,4,5,9\n", {
            "country": ["A", "B"], "2019": [1, 4], "2020": [2, 5], "2021": [3, 9]}, None),
        ("p,x,e\np,s,e\ne,x,e\np,x,k\ne,s,k\np,s,e\n", {
            "column 1": [*"ppepep"], "column 2": [*"xsxxss"], "column 3": [*"eeekke"]},
         "no header"),
        ("Report,,\n,,\na,b,c\n1,2,3\n", {"a": [1], "b": [2], "c": [3]}, "left out"),
        ("#,name\n1,x\n2,y\n", {"#": [1, 2], "name": ["x", "y"]}, None),
    ],
)  # fmt: skip
def test_texts_of_other_shapes(text, expected, note, tmp_path: Path):
    (tmp_path / "t.txt").write_text(text)
    reading = understand(tmp_path / "t.txt")
    assert nw.to_native(read_table(tmp_path / "t.txt")).columns == list(expected)
    assert nw.to_native(reading.frame).to_dict(as_series=False) == expected
    assert note is None or any(note in one for one in reading.notes)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("cp1252", WORDS), ("mac_roman", WORDS), ("gb18030", ["北京", "上海市", "男", "广州"]),
     ("cp1251", ["Москва", "Иван", "ОТЛИЧНО"])],
)  # fmt: skip
def test_encodings_that_are_found_are_said(encoding, words):
    raw = ("a,b\n" + "".join(f"{word},1\n" for word in words)).encode(encoding)
    found = parse_csv(raw, "text")
    assert found.frame["a"].to_list() == words
    assert "--encoding says otherwise" in found.notes[0]
    assert parse_csv(raw, "text", TableFile("", encoding=encoding)).notes == ()
