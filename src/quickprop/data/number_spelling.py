"""How a column writes its numbers: decimal sign, thousands marks, currency, unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

_APOSTROPHES = "'\u2019"
_GROUP_SIGNS = f" {_APOSTROPHES}_"
#: Blanks and minus signs of other alphabets, as they are read.
_PLAIN = {
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ",
    "\u2212": "-", "\u2012": "-", "\u2013": "-", "\u066b": ".", "\uff05": "%",
}  # fmt: skip
_CURRENCY = (
    r"[$€£¥₹₽₩₺₴฿₫₪₦₱]|[A-Z]{1,3}\$|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|BRL"
    r"|ZAR|RUB|TRY|CZK|HUF|MXN|KRW|Fr\.?|Rs\.?|kr\.?|zł)"
)
_ANY_NUMBER = rf"[0-9](?:[0-9.,{_GROUP_SIGNS}]*[0-9])?[.,]?|[.,][0-9]+"
_UNIT = r"[^0-9\s.,;:+\-()'\"<>=/*][^0-9;:<>=()]{0,11}"
_CELL = (
    rf"^(?P<sign>[+-]?) ?(?P<before>{_CURRENCY})? ?(?P<after>[+-]?)(?P<digits>{_ANY_NUMBER})"
    rf"(?P<power>[eE][+-]?[0-9]+)? ?(?P<unit>{_UNIT})?(?P<behind>-?)$"
)


def _grouped(mark: str) -> str:
    return rf"[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+"


_BLANK_GROUPS = "|".join(_grouped(mark) for mark in _GROUP_SIGNS)
#: What is a number under either decimal sign.
_FORMS = {
    ".": rf"^(?:(?:[0-9]+|{_grouped(',')}|[0-9]{{1,2}}(?:,[0-9]{{2}})+,[0-9]{{3}}|{_BLANK_GROUPS})"
    r"(?:\.[0-9]*)?|\.[0-9]+)$",
    ",": rf"^(?:(?:[0-9]+|{_grouped('[.]')}|{_BLANK_GROUPS})(?:,[0-9]*)?|,[0-9]+)$",
}


def _certain(decimal: str, thousands: str) -> str:
    """Numbers that have this decimal sign and cannot have the other."""
    groups = rf"[0-9]{{1,3}}(?:[{thousands}{_GROUP_SIGNS}][0-9]{{3}})"
    return (
        rf"^(?:{groups}*[{decimal}](?:[0-9]{{1,2}}|[0-9]{{4,}})|0+[{decimal}][0-9]+"
        rf"|[0-9]{{4,}}[{decimal}][0-9]+|{groups}+[{decimal}][0-9]+"
        rf"|[0-9]{{1,3}}(?:[{thousands}][0-9]{{3}}){{2,}}|[{decimal}][0-9]+)$"
    )


_EVIDENCE = {".": _certain(".", ","), ",": _certain(",", ".")}
#: Letters behind an amount and what they multiply it by.
_MAGNITUDES = {
    "k": 1e3, "K": 1e3, "tsd": 1e3, "M": 1e6, "mn": 1e6, "mio": 1e6, "Mio": 1e6, "Mio.": 1e6,
    "B": 1e9, "bn": 1e9, "Mrd": 1e9, "Mrd.": 1e9,
}  # fmt: skip
#: Of fewer different numbers with a word behind them it is a name: 2WD, 4WD.
_FEWEST_WITH_WORDS = 5
_NEARLY_ALL = 0.95
#: Share of numbers that begin with 0 from which they are codes.
_CODES = 0.05


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Attributes
    ----------
    decimal : str
        "." or ",".
    unit : str
        What may stand behind them, such as "%" or "kg".
    multiplies : bool
        Whether letters behind them are thousands and millions.
    """

    decimal: str = "."
    unit: str = ""
    multiplies: bool = False

    def read(self, text: pl.Series) -> pl.Series:
        """The numbers that text spells so, float64, null where it spells none."""
        plain = text.cast(pl.Float64, strict=False).fill_nan(None) if self.decimal == "." else None
        if plain is not None and plain.null_count() == text.null_count():
            return plain
        cells = taken_apart(text)
        found = self._numbers(cells)
        # What polars itself takes for a number, such as inf.
        return found if plain is None else plain.fill_null(found)

    def _numbers(self, cells: pl.DataFrame) -> pl.Series:
        decimal, other = pl.lit(self.decimal), "," if self.decimal == "." else "."
        digits = pl.col("digits")
        whole = digits.str.contains(_FORMS[self.decimal])
        value = (
            digits.str.replace_all(f"[{other}{_GROUP_SIGNS}]", "")
            .str.replace(decimal, ".", literal=True)
            .add(pl.col("power").fill_null(""))
            .cast(pl.Float64, strict=False)
        )
        unit = pl.col("unit").fill_null("")
        if self.multiplies:
            value = value * unit.replace_strict(_MAGNITUDES, default=None).fill_null(1.0)
            fits = unit.is_in(["", *_MAGNITUDES])
        else:
            fits = (unit == "") | (unit.str.strip_chars_end("s.") == self.unit.rstrip("s."))
            fits = fits | unit.str.contains(rf"^(?:{_CURRENCY})$")
        minus = ["sign", "after", "behind"]
        negative = pl.any_horizontal([pl.col(one) == "-" for one in minus]).fill_null(False)
        return cells.select(
            pl.when(whole & fits).then(pl.when(negative).then(-value).otherwise(value))
        ).to_series()


def taken_apart(text: pl.Series) -> pl.DataFrame:
    """Sign, digits, unit and the like of each cell; null where it is no number of any kind."""
    plain = text.str.replace_many(list(_PLAIN), list(_PLAIN.values())).str.strip_chars()
    plain = plain.str.replace(r"^\((.*)\)$", "-${1}")
    return plain.str.extract_groups(_CELL).struct.unnest()


@dataclass(frozen=True)
class Votes:
    """How many cells of a column can only have a decimal point, or only a decimal comma."""

    point: int = 0
    comma: int = 0

    def __add__(self, other: Votes) -> Votes:
        return Votes(self.point + other.point, self.comma + other.comma)

    @property
    def decided(self) -> str | None:
        """The sign that most have; None where none has said anything."""
        if self.point == self.comma:
            return None
        return "." if self.point > self.comma else ","


def votes_of(cells: pl.DataFrame) -> Votes:
    """What the cells of a column say of the decimal sign, if they are numbers at all."""
    digits = cells["digits"].drop_nulls()
    if len(digits) < 0.5 * len(cells):
        return Votes()
    point, comma = (int(digits.str.contains(_EVIDENCE[sign]).sum()) for sign in ".,")
    return Votes(point, comma)


def grouped_by_points(cells: pl.DataFrame) -> bool:
    """Whether points can only stand between thousands: 976 and 1.250, and never 1250 or 1.25."""
    digits = cells["digits"].drop_nulls()
    pointed = digits.str.contains(".", literal=True)
    groups = digits.str.contains(r"^[1-9][0-9]{0,2}(?:\.[0-9]{3})+$")
    small = digits.str.contains(r"^[0-9]{1,3}$")
    some = len(digits.filter(~pointed)) > 0 and int(pointed.sum()) > 2
    return bool(some and (groups | small).all())


def find_form(
    cells: pl.DataFrame, counts: Sequence[int] | pl.Series, decimal: str
) -> NumberForm | None:
    """The form in which nearly all cells are numbers; None where there is none.

    Parameters
    ----------
    cells : DataFrame
        What `taken_apart` made of the different texts.
    counts : sequence of int
        How often each comes.
    decimal : str
        The sign of the table, for a column that does not say.
    """
    weight = pl.Series("count", counts, pl.Int64)
    total = int(weight.sum())
    number = cells["digits"].is_not_null()
    if not total or int(weight.filter(number).sum()) < _NEARLY_ALL * total:
        return None
    own = votes_of(cells).decided
    zeros = cells["digits"].str.contains(r"^0[0-9]+$").fill_null(False)
    if int(weight.filter(zeros).sum()) > _CODES * total:
        return None
    sign = own or decimal
    units = cells.select(
        unit=pl.when(pl.col("unit").str.contains(rf"^(?:{_CURRENCY})$"))
        .then(pl.lit(""))
        .otherwise(pl.col("unit").fill_null("").str.strip_chars_end("s."))
    ).with_columns(count=weight)
    units = units.filter(number).group_by("unit").agg(pl.col("count").sum()).sort("count")
    words = [unit for unit in units["unit"].to_list() if unit]
    paid = bool(cells["before"].is_not_null().any())
    letters = {unit.rstrip("s.") for unit in _MAGNITUDES}
    multiplies = bool(words) and set(words) <= letters and (paid or len(words) > 1)
    form = NumberForm(sign, "" if multiplies or not words else words[-1], multiplies)
    values = form._numbers(cells)
    if int(weight.filter(values.is_not_null()).sum()) < _NEARLY_ALL * total:
        return None
    if form.unit not in ("", "%") and values.n_unique() < _FEWEST_WITH_WORDS:
        return None
    return form
