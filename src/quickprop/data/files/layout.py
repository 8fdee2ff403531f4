"""What stands where in a text of lines and cells: delimiter, title lines, comments, header."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from quickprop.data.files.header import has_header
from quickprop.data.files.table_file import BLANKS

DELIMITERS = (",", ";", "\t", "|")
COMMENT_SIGNS = ("#", "%", "//")
#: A comma in the middle of a number.
_DECIMAL_COMMA = re.compile(r"^\s*[-+]?\d{1,3}((\.|\s)?\d{3})*,\d+\s*$|^\s*[-+]?\d+,\d+\s*$")
_NUMBER = re.compile(r"^[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?$")
_SEP = re.compile(r'^"?sep=(.|\\t)"?\s*$', re.IGNORECASE)
_TOKEN = re.compile(r'"(?:[^"]|"")*"|[^ \t]+')
#: Agreement of the lines from which a delimiter is one.
_AGREED = 0.9
_MOST_LINES = 200
_MOST_TITLES = 40


@dataclass(frozen=True)
class Layout:
    """How a text is cut.

    Attributes
    ----------
    delimiter : str
        `BLANKS` for runs of blanks.
    start : int
        The line on which the table begins, from 0.
    header : sequence of str or None
        The names where they stand on no line of their own; None where the line at `start` has them.
    comment : str
        What lines begin with that are no rows; empty where there are none.
    notes : tuple of str
    """

    delimiter: str
    start: int = 0
    header: Sequence[str] | None = None
    comment: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Cut:
    """The lines as one delimiter cuts them."""

    delimiter: str
    rows: list[tuple[int, list[str]]] = field(repr=False)
    first: int
    width: int
    agreement: float

    @property
    def cells(self) -> list[list[str]]:
        """Of the rows from the first on."""
        return [cells for _, cells in self.rows[self.first :]]


def find_layout(
    head: str,
    *,
    whole: bool,
    quoted: bool,
    delimiter: str | None = None,
    header: bool | None = None,
) -> Layout:
    """The layout of a text by its first lines.

    Parameters
    ----------
    head : str
        The beginning of the text, its line ends Unix ones.
    whole : bool
        Whether that is all of it.
    quoted : bool
        Whether fields may stand in quotes.
    delimiter : str, optional
    header : bool, optional
        Whether there is a line of names, where that was said.
    """
    lines = head.split("\n")
    if not whole and len(lines) > 2:
        lines = lines[:-1]
    begin = next((k for k, line in enumerate(lines) if line.strip()), 0)
    told = _SEP.match(lines[begin])
    if told is not None and len(lines) > begin + 1:
        delimiter = delimiter or {"\\t": "\t", " ": BLANKS}.get(told[1], told[1])
        begin += 1
    comment, comments = _comments(lines, begin)
    cut = _best_cut(lines, begin, comment, quoted, delimiter)
    if cut is None:
        return _one_column(lines, begin, comment, comments, header, delimiter)
    return _placed(lines, begin, cut, comment, comments, header)


def _comments(lines: list[str], begin: int) -> tuple[str, list[int]]:
    """The sign that the first lines begin with, if they are comments, and those lines."""
    sign = next((s for s in COMMENT_SIGNS if lines[begin].lstrip().startswith(s)), "")
    if not sign:
        return "", []
    found = []
    for place in range(begin, len(lines)):
        line = lines[place].strip()
        if line.startswith(sign):
            found.append(place)
        elif line:
            return sign, found
    return "", []


def _cells(lines: list[str], delimiter: str, quoted: bool) -> list[tuple[int, list[str]]]:
    """The cells of lines that are not blank, each with the number of the line."""
    rows = []
    if delimiter == BLANKS:
        for place, line in enumerate(lines):
            if line.strip():
                tokens = _TOKEN.findall(line) if '"' in line else line.split()
                rows.append((place, [token.strip('"') for token in tokens]))
            if len(rows) == _MOST_LINES:
                break
        return rows
    kind = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=delimiter, quoting=kind)  # type: ignore[arg-type]
    last = 0
    try:
        for cells in reader:
            if any(line.strip() for line in lines[last : reader.line_num]):
                rows.append((last, cells))
            last = reader.line_num
            if len(rows) == _MOST_LINES:
                break
    except csv.Error:
        return []
    return rows


def _cut(lines: list[str], begin: int, comment: str, quoted: bool, delimiter: str) -> _Cut | None:
    """The lines cut by one delimiter, where they agree on a number of cells."""
    kept = [
        "" if place < begin or (comment and line.lstrip().startswith(comment)) else line
        for place, line in enumerate(lines)
    ]
    rows = _cells(kept, delimiter, quoted)
    if not rows:
        return None
    counts = [len(cells) for _, cells in rows]
    often = Counter(counts)
    width = max(often, key=lambda count: (often[count], count))
    if width < 2:
        return None
    first = counts.index(width)
    if first > _MOST_TITLES or any(count > width for count in counts[:first]):
        return None
    agreement = sum(count == width for count in counts[first:]) / len(counts[first:])
    if first and (agreement < _AGREED or len(counts) - first < 2):
        return None
    return _Cut(delimiter, rows, first, width, agreement)


def _best_cut(
    lines: list[str], begin: int, comment: str, quoted: bool, delimiter: str | None
) -> _Cut | None:
    if delimiter is not None:
        return _cut(lines, begin, comment, quoted, delimiter)
    found = {mark: _cut(lines, begin, comment, quoted, mark) for mark in DELIMITERS}
    cuts = [cut for cut in found.values() if cut is not None]
    agreed = [cut for cut in cuts if cut.agreement >= _AGREED]
    blanks = _cut(lines, begin, comment, quoted, BLANKS)
    if blanks is not None and (blanks.agreement < _AGREED or not _has_numbers(blanks)):
        blanks = None
    commas = found[","]
    if commas in agreed:
        # 1,5;2,5 and 1,5 2,5: the commas are within numbers.
        for other in (*(cut for cut in agreed if cut is not commas), blanks):
            if other is not None and other.first <= commas.first and _explains_commas(other):
                return other
    if agreed:
        return max(agreed, key=lambda cut: (cut.agreement, -cut.first, cut.width))
    if blanks is not None:
        return blanks
    return max(cuts, key=lambda cut: (cut.agreement, cut.width), default=None)


def _has_numbers(cut: _Cut) -> bool:
    """Whether some column of the rows below the first holds numbers."""
    body = [cells for cells in cut.cells[1:] if len(cells) == cut.width]
    return any(
        sum(bool(_NUMBER.match(cells[k])) for cells in body) >= _AGREED * len(body) > 0
        for k in range(cut.width)
    )


def _explains_commas(cut: _Cut) -> bool:
    """Whether all commas in the cells are those of numbers."""
    cells = [cell for row in cut.cells for cell in row if "," in cell]
    return bool(cells) and all(_DECIMAL_COMMA.match(cell) for cell in cells)


def _one_column(
    lines: list[str],
    begin: int,
    comment: str,
    comments: list[int],
    header: bool | None,
    delimiter: str | None,
) -> Layout:
    """No delimiter cuts the lines: they are the cells of one column, or do not fit together."""
    rest = [line for line in lines[begin:] if line.strip()]
    if comments:
        rest = [line for line in rest if not line.lstrip().startswith(comment)]
    mark = delimiter or next((m for m in DELIMITERS if rest and m in rest[0]), ",")
    alone = not any(m in line for line in rest for m in DELIMITERS)
    names = has_header([[line.strip().strip('"')] for line in rest]) if alone else True
    if header is not None:
        names = header
    notes = _left_out(lines, comments, "comment") if comments else ()
    if names:
        return Layout(mark, begin, None, comment if comments else "", notes)
    width = 1 if alone else rest[0].count(mark) + 1
    return Layout(
        mark, begin, _by_place(width), comment if comments else "",
        (*notes, *_said(rest[0], header)),
    )  # fmt: skip


def _placed(
    lines: list[str],
    begin: int,
    cut: _Cut,
    comment: str,
    comments: list[int],
    header: bool | None,
) -> Layout:
    """Which line is the header, and what stands above it."""
    mark, first = cut.delimiter, cut.first
    above = cut.rows[:first]
    if not first:
        first = _padded_titles(cut)
        above = cut.rows[:first]
    rows = [cells for _, cells in cut.rows[first:]]
    full = [cells for cells in rows if len(cells) == cut.width]
    start = cut.rows[first][0]
    quoted_names = _only_names_are_quoted(lines, start, mark)
    names = header if header is not None else quoted_names or has_header(full)
    titles = [place for place, _ in above]
    if not names and header is None:
        named = _names_above(lines, cut, above, full, comment, comments)
        if named is not None:
            cells, place, note = named
            left = [p for p in titles if p != place]
            others = [p for p in comments if p != place]
            notes = (*_left_out(lines, others, "comment"), *_left_out(lines, left, "title"), *note)
            return Layout(mark, start, cells, comment, notes)
    if comments and not above and names and _is_header_itself(lines, begin, comments, cut, full):
        return Layout(mark, begin)
    notes = (*_left_out(lines, comments, "comment"), *_left_out(lines, titles, "title"))
    if names:
        return Layout(mark, start if titles or comments else begin, None, comment, notes)
    return Layout(
        mark, start, _by_place(cut.width), comment, (*notes, *_said(lines[start], header))
    )


def _padded_titles(cut: _Cut) -> int:
    """How many of the first rows have one cell or none, filled up with empty ones."""
    if cut.width < 3:
        return 0
    for place, (_, cells) in enumerate(cut.rows[:_MOST_TITLES]):
        filled = sum(bool(cell.strip()) for cell in cells)
        if filled > 1 or len(cells) != cut.width:
            return place if filled >= cut.width - 1 and place + 1 < len(cut.rows) else 0
    return 0


def _only_names_are_quoted(lines: list[str], start: int, delimiter: str) -> bool:
    """Whether the first line has all its cells in quotes, and the second has not."""

    def bare(line: str) -> list[bool]:
        parts = line.split() if delimiter == BLANKS else line.split(delimiter)
        return [not part.strip().startswith('"') for part in parts]

    below = next((line for line in lines[start + 1 :] if line.strip()), "")
    return bool(below) and not any(bare(lines[start])) and any(bare(below))


def _names_above(
    lines: list[str],
    cut: _Cut,
    above: list[tuple[int, list[str]]],
    full: list[list[str]],
    comment: str,
    comments: list[int],
) -> tuple[list[str], int, tuple[str, ...]] | None:
    """Names for rows that have none: a line with one cell less, or the last comment."""
    if above and len(above[-1][1]) == cut.width - 1:
        place, names = above[-1]
        if all(not cells[-1].strip() for cells in full):
            return [*names, ""], place, ()
        if len({cells[0] for cells in full}) == len(full):
            note = "the first column of the file has no name: taken for the names of the rows"
            return ["", *names], place, (note,)
        return None
    if comments and not above:
        text = lines[comments[-1]].strip().removeprefix(comment).strip()
        ((_, names), *_) = _cells([text], cut.delimiter, '"' in text) or [(0, [])]
        if len(names) == cut.width:
            # "#,name": the sign is a name itself.
            names[0] = names[0].strip() or comment
            return [name.strip() for name in names], comments[-1], ()
    return None


def _is_header_itself(
    lines: list[str], begin: int, comments: list[int], cut: _Cut, full: list[list[str]]
) -> bool:
    """Whether what looks like a comment is the header, such as "#,name" or "#chrom,pos"."""
    if len(comments) > 1:
        return False
    rows = _cells([lines[begin]], cut.delimiter, '"' in lines[begin])
    return bool(rows) and len(rows[0][1]) == cut.width and not has_header(full, sure=True)


def _left_out(lines: list[str], places: Sequence[int], what: str) -> tuple[str, ...]:
    if not places:
        return ()
    shown = lines[places[0]].strip()
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    count = f"1 {what} line is" if len(places) == 1 else f"{len(places)} {what} lines are"
    return (f"{count} left out (line {places[0] + 1}: {shown!r})",)


def _by_place(width: int) -> list[str]:
    return [f"column {place}" for place in range(1, width + 1)]


def _said(line: str, header: bool | None) -> tuple[str, ...]:
    if header is not None:
        return ()
    shown = line.strip()
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return (
        f"the first line has no names ({shown!r}): the file has no header, its columns are called "
        "column 1, column 2, ... (--header says otherwise)",
    )
