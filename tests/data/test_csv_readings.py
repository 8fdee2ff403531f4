"""Reading by polars at once and by the scanner with types asked of all rows: the same tables."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickprop.data.files import delimited as csv_file
from quickprop.errors import QuickpropError

CELLS = st.sampled_from(
    [
        *("", "1", "0", "-3", "2.5", "1e3", "NA", "?", "x", " y ", "true", "False", "1,5"),
        *('"', '"a,b"', "99999999999999999999", "2024-01-05", "-", "none", "1.0", "inf"),
        *("a;b", "9" * 30),
    ]
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    width = draw(st.integers(1, 4))
    mark = draw(st.sampled_from([",", ";", "\t", "|"]))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12))
    lines = [mark.join(f"c{k}" for k in range(width)), *(mark.join(row) for row in rows)]
    for _ in range(draw(st.integers(0, 2))):
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(["", "  ", "1", mark])))
    return (
        draw(st.sampled_from(["\n", "\r\n"]))
        .join([*lines, *draw(st.sampled_from([[], [""]]))])
        .encode()
    )


def reading(raw: bytes) -> pl.DataFrame | str:
    try:
        return csv_file.parse_csv(raw, "text").frame
    except QuickpropError as error:
        return str(error)


@settings(max_examples=400, deadline=None)
@given(texts(), st.integers(1, 4))
def test_the_quick_way_reads_as_the_thorough_one(raw: bytes, guessed: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "_GUESSED_ROWS", guessed)
        quick = reading(raw)
        patch.setattr(csv_file, "_read_plain", lambda *_: None)
        patch.setattr(csv_file, "_read_guessing", lambda *_: None)
        thorough = reading(raw)
    if isinstance(thorough, str):
        assert quick == thorough
    else:
        assert isinstance(quick, pl.DataFrame)
        assert quick.schema == thorough.schema
        assert quick.equals(thorough)
