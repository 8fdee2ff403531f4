"""How a column writes dates, times of day and lengths of time."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

_YEAR, _SHORT_YEAR = r"(?P<y>[0-9]{4})", r"(?P<y>[0-9]{4}|[0-9]{2})"
_MONTH, _DAY = r"(?P<m>[0-9]{1,2})", r"(?P<d>[0-9]{1,2})"
_NAME = r"(?P<b>\p{L}{3,10})\.?"
_WEEKDAY = r"(?:\p{L}{2,10}\.?,? +)?"
_ORDINAL = r"(?:st|nd|rd|th|\.)?"
_CLOCK = (
    r"(?:(?:T|,? +)(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?"
    r" ?(?P<p>[AaPp]\.?[Mm]\.?)? ?(?:Z|[A-Z]{3,4}|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_SHORT_CLOCK = r"(?:[T ]?(?P<H>[0-9]{2})(?P<M>[0-9]{2})(?P<S>[0-9]{2})?Z?)?"
#: The forms by what is said of them. Where two fit as well, the first is taken.
FORMS = {
    "year-month-day": rf"^{_YEAR}[-/.]{_MONTH}[-/.]{_DAY}{_CLOCK}$",
    "month/day/year": rf"^{_MONTH}[-/.]{_DAY}[-/.]{_SHORT_YEAR}{_CLOCK}$",
    "day/month/year": rf"^{_DAY}[-/.] ?{_MONTH}[-/.] ?{_SHORT_YEAR}{_CLOCK}$",
    "day, month by name, year": (
        rf"^{_WEEKDAY}{_DAY}{_ORDINAL}[- /]*(?:of |de )?{_NAME},?[- /]*(?:de )?"
        rf"{_SHORT_YEAR}{_CLOCK}$"
    ),
    "month by name, day, year": rf"^{_WEEKDAY}{_NAME}[- ]{_DAY}{_ORDINAL},?[- ]+{_YEAR}{_CLOCK}$",
    "year, month by name, day": rf"^{_YEAR}[- /]{_NAME}[- /]{_DAY}{_CLOCK}$",
    "digits of year, month and day": rf"^{_YEAR}(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}}){_SHORT_CLOCK}$",
    "year and month": rf"^{_YEAR}(?:[-/]|-?M){_MONTH}$",
    "month and year": rf"^{_MONTH}[-/]{_YEAR}$",
    "month by name and year": rf"^{_NAME}[-, ']*{_SHORT_YEAR}$",
    "year and month by name": rf"^{_YEAR}[- /]{_NAME}$",
    "year and quarter": rf"^{_YEAR}[- /]?Q(?P<q>[1-4])$",
    "quarter and year": rf"^Q(?P<q>[1-4])[- /]?{_YEAR}$",
    "year and week": rf"^{_YEAR}-?W(?P<w>[0-9]{{1,2}})(?:-(?P<k>[1-7]))?$",
}
ISO = "year-month-day"
DIGITS = "digits of year, month and day"
_MONTH_FIRST, _DAY_FIRST = "month/day/year", "day/month/year"
#: Beginnings of the names of months in European languages, in lower case.
_MONTH_NAMES = {
    1: ("jan", "ene", "gen", "sty", "led"), 2: ("feb", "fév", "fev", "lut", "úno"),
    3: ("mar", "mär", "mrz", "maa", "mrt"), 4: ("apr", "avr", "abr", "kwi"),
    5: ("may", "mai", "mag", "maj", "mei"), 6: ("jun", "juin", "giu", "cze"),
    7: ("jul", "juil", "lug", "lip"), 8: ("aug", "aoû", "aou", "ago", "sie"),
    9: ("sep", "set", "wrz"), 10: ("oct", "okt", "ott", "out", "paź"),
    11: ("nov", "lis"), 12: ("dec", "dez", "déc", "dic", "gru"),
}  # fmt: skip
_BY_BEGINNING = {name: month for month, names in _MONTH_NAMES.items() for name in names}
_PARTS = ("y", "m", "d", "b", "q", "w", "k", "H", "M", "S", "f", "p")
_NEARLY_ALL = 0.95
_LIKE_A_DATE = r"[0-9]{4}|[0-9][-/. ][0-9]|[0-9].*\p{L}{3}|\p{L}{3}.*[0-9]"

_SPAN = (
    r"^(?P<s>[+-]?)(?:(?P<d>[0-9]+) ?(?:days?|d),? ?)?\+?"
    r"(?:(?P<H>[0-9]{1,5}):(?P<M>[0-5][0-9])(?::(?P<S>[0-5][0-9])(?:\.(?P<f>[0-9]{1,9}))?)?"
    r" ?(?P<p>[AaPp]\.?[Mm]\.?)?)?$"
)
_ISO_SPAN = (
    r"^(?P<s>-?)P(?:(?P<w>[0-9]+)W)?(?:(?P<d>[0-9]+)D)?(?:T(?:(?P<H>-?[0-9]+)H)?"
    r"(?:(?P<M>-?[0-9]+)M)?(?:(?P<S>-?[0-9]+)(?:\.(?P<f>[0-9]{1,9}))?S)?)?$"
)


def moments_of(text: pl.Series, form: str) -> pl.Series:
    """The moments that text spells in this form, to the microsecond; null where it spells none.

    The zone is set aside: the calendar of the place where the clock hung is what has a pattern.
    """
    parts = text.str.extract_groups(FORMS[form]).struct.unnest()
    there = {name: pl.col(name) if name in parts.columns else pl.lit(None) for name in _PARTS}
    number = {name: there[name].cast(pl.Int64, strict=False) for name in "ymdqwkHMS"}
    year = number["y"]
    year = pl.when(year >= 100).then(year).when(year < 70).then(year + 2000).otherwise(year + 1900)
    named = there["b"].cast(pl.String).str.to_lowercase()
    by_name = pl.coalesce(
        named.str.slice(0, length).replace_strict(_BY_BEGINNING, default=None) for length in (4, 3)
    )
    month = number["m"]
    if "b" in parts.columns:
        month = by_name
    elif "q" in parts.columns:
        month = number["q"] * 3 - 2
    elif "w" in parts.columns:
        month = pl.lit(1)
    day = pl.lit(1) if "d" not in parts.columns else number["d"]
    hour = number["H"].fill_null(0)
    half = there["p"].cast(pl.String).str.slice(0, 1).str.to_lowercase()
    hour = (
        pl.when(half == "p").then(hour % 12 + 12).when(half == "a").then(hour % 12).otherwise(hour)
    )
    fraction = there["f"].cast(pl.String).fill_null("0").str.pad_end(6, "0").str.slice(0, 6)
    written = pl.format(
        "{}-{}-{} {}:{}:{}",
        *(
            one.cast(pl.String).str.zfill(width)
            for one, width in (
                (year, 4), (month, 2), (day, 2), (hour, 2),
                (number["M"].fill_null(0), 2), (number["S"].fill_null(0), 2),
            )
        ),
    )  # fmt: skip
    moment = written.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    moment = moment + pl.duration(microseconds=fraction.cast(pl.Int64, strict=False))
    if "w" in parts.columns:
        # The week that holds 4 January is the first.
        fourth = pl.date(year, 1, 4).cast(pl.Datetime("us"))
        monday = fourth - pl.duration(days=fourth.dt.weekday().cast(pl.Int64) - 1)
        since = (number["w"] - 1) * 7 + number["k"].fill_null(1) - 1
        moment = monday + pl.duration(days=since)
    return parts.select(moment.alias(text.name)).to_series()


def find_moments(distinct: pl.Series, counts: Sequence[int] | pl.Series) -> tuple[str, bool] | None:
    """The form in which nearly all of these texts are dates, and whether it is a guess.

    It is where day and month could be told apart by no cell.
    """
    weight = pl.Series(counts, dtype=pl.Int64)
    least = _NEARLY_ALL * int(weight.sum())
    head = distinct.head(100)
    if not len(head) or int(head.str.contains(_LIKE_A_DATE).sum()) < 0.8 * len(head):
        return None

    def share(form: str) -> int:
        if int(head.str.contains(FORMS[form]).sum()) < 0.8 * len(head):
            return 0
        return int(weight.filter(moments_of(distinct, form).is_not_null()).sum())

    shares = {form: share(form) for form in FORMS}
    best = max(shares, key=lambda form: shares[form])
    if not shares[best] or shares[best] < least:
        return None
    open_order = shares[_MONTH_FIRST] == shares[_DAY_FIRST] == shares[best]
    if open_order and bool(distinct.str.contains(r"^[0-9]+\.").all()):
        # With points between, the day is first wherever dates are written so.
        return _DAY_FIRST, True
    return best, open_order


def spans_of(text: pl.Series) -> pl.Series:
    """The lengths of time, or times of day, that text spells; null where it spells none."""
    clock = _span(text.str.extract_groups(_SPAN).struct.unnest(), iso=False)
    iso = _span(text.str.extract_groups(_ISO_SPAN).struct.unnest(), iso=True)
    return clock.fill_null(iso).alias(text.name)


def _span(parts: pl.DataFrame, *, iso: bool) -> pl.Series:
    number = {name: pl.col(name).cast(pl.Int64, strict=False) for name in "dHMS"}
    hour = number["H"]
    if not iso:
        half = pl.col("p").str.slice(0, 1).str.to_lowercase()
        hour = pl.when(half == "p").then(hour % 12 + 12).when(half == "a").then(hour % 12)
        hour = hour.otherwise(number["H"])
    fraction = pl.col("f").fill_null("0").str.pad_end(6, "0").str.slice(0, 6)
    clock = pl.duration(
        hours=hour.fill_null(0), minutes=number["M"].fill_null(0), seconds=number["S"].fill_null(0),
        microseconds=fraction.cast(pl.Int64, strict=False),
    )  # fmt: skip
    days = pl.duration(days=number["d"].fill_null(0))
    if iso:
        weeks = pl.col("w").cast(pl.Int64, strict=False).fill_null(0)
        days = days + pl.duration(weeks=weeks)
    negative = pl.col("s") == "-"
    # pandas writes -1 days +23:59:59: there the sign is that of the days alone.
    alone = pl.lit(iso) | number["d"].is_null()
    whole = (
        pl.when(negative & alone).then(-(days + clock))
        .when(negative).then(clock - days).otherwise(days + clock)
    )  # fmt: skip
    any_part = pl.any_horizontal([one.is_not_null() for one in number.values()])
    return parts.select(pl.when(any_part).then(whole).cast(pl.Duration("us"))).to_series()


def are_spans(distinct: pl.Series, counts: Sequence[int] | pl.Series) -> bool:
    """Whether nearly all of these texts are lengths of time or times of day."""
    head = distinct.head(100)
    if not len(head) or int(head.str.contains(r"[0-9]:[0-5][0-9]|days?\b|^-?P").sum()) < 0.8 * len(
        head
    ):
        return False
    weight = pl.Series(counts, dtype=pl.Int64)
    known = int(weight.filter(spans_of(distinct).is_not_null()).sum())
    return known >= _NEARLY_ALL * int(weight.sum())
