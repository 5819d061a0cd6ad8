"""Times as people and systems write them, as seconds since 1970 (UTC)."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from zhiyin.errors import SettingError

DAY = 86400.0

EXCEL = 25569.0
"""1970-01-01 in the days that spreadsheets count."""

UNITS = {
    "seconds": 1.0,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
    "nanoseconds": 1e-9,
    "days": DAY,
    "excel": DAY,
    "ticks": 1e-7,
}
"""Seconds in one of each unit a number may be in; ticks are .NET's, of 100 ns since the year 1."""

CALENDAR = ("YYYYMMDD", "YYYYMMDDhhmm", "YYYYMMDDhhmmss")
"""Numbers that are dates when their digits are read in groups."""

RANGES = {"days": (7305.0, 32874.0), "excel": (32874.0, 73051.0), "ticks": (6.2767e17, 6.6249e17)}
"""What numbers in these units lie between, from 1990 to 2060 (days) or 2100; as seconds all of them would be 1970 or nonsense."""

SHARE = 0.9
"""Of the numbers of a column that must fit a unit other than seconds, so that a few odd ones do not hide it."""

EDGES = " \t\r\n\u00a0\u3000'\""
"""What may stand around a time without being part of it."""

ACCEPTED = "a time: seconds, ms, µs or ns since 1970, days, YYYYMMDD, Excel days, or ISO 8601 like 2024-01-31T12:00:00Z"

_CLOCK = (
    r"(?:[t ,]*(?P<half1>[ap]m )?(?P<H>\d{1,2})(?::?(?P<M>\d\d)(?::?(?P<S>\d\d)(?:[.,](?P<f>\d+))?)?)? ?"
    r"(?P<half2>[ap]\.?m\.?)?)? ?(?P<o>z|utc|gmt|(?:utc|gmt)?[+-]\d\d:?(?:\d\d)?)?(?: utc)?$"
)
_USUAL = "%Y-%m-%d %H:%M:%S%.f"
_NAMED = r"(?:[a-z]{3,9},? )?"  # the day of the week, which says nothing new

_PATTERNS = (
    r"^(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})" + _CLOCK,
    r"^(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)" + _CLOCK,
    r"^(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})" + _CLOCK,
    "^" + _NAMED + r"(?P<d>\d{1,2})(?:st|nd|rd|th)?[ -](?P<n>[a-z]{3,9})\.?,?[ -](?P<y>\d{4})" + _CLOCK,
    "^" + _NAMED + r"(?P<n>[a-z]{3,9})\.? (?P<d>\d{1,2})(?:st|nd|rd|th)?,? (?P<y>\d{4})" + _CLOCK,
    "^"
    + _NAMED
    + r"(?P<n>[a-z]{3}) +(?P<d>\d{1,2}) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d) (?P<o>z|utc|gmt|[+-]\d{4})? ?(?P<y>\d{4})$",
    r"^(?P<m>\d\d) (?P<d>\d{1,2}), (?P<y>\d{4})$",
)
_SLASHED = r"^(?P<a>\d{1,2})[/-](?P<b>\d{1,2})[/-](?P<y>\d{4}|\d\d)" + _CLOCK
_MONTHS = {
    name: f"{number:02}"
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_PLAIN = (
    (r"^/date\((\d+)[^)]*\)/$", "$1"),
    (r'^\{"?\$date"?: ?"?([^"}]+)"?\}$', "$1"),
    (r"\[[\w/+-]+\]$", ""),  # Java's name of the zone after the offset
    ("[年月]", "-"),
    ("[日号]", " "),
    ("[时時点點分]", ":"),
    ("[: ]*秒", ""),
    ("上午", " am "),
    ("下午", " pm "),
    (r"\s+", " "),
    (r"[: ]+$", ""),
)


@dataclass(frozen=True)
class TimeForm:
    """How a column's times are written.

    unit: of its numbers, one of UNITS or CALENDAR, "" when each number's size decides between seconds, ms, µs and ns.
    order: of 1/2/2024, "dmy" or "mdy", "" when it cannot be told. zone: of times without an offset.
    """

    unit: str = ""
    order: str = ""
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.unit not in ("", *UNITS, *CALENDAR):
            raise SettingError(f"unit of times '{self.unit}': must be one of {', '.join((*UNITS, *CALENDAR))}")
        if self.order not in ("", "dmy", "mdy"):
            raise SettingError(f"order of dates '{self.order}': must be dmy (31/1/2024) or mdy (1/31/2024)")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingError(
                f"time zone '{self.zone}': must be a name like UTC, Europe/Berlin or Asia/Shanghai"
            ) from None


UTC = TimeForm()


def form_of(column: pl.Series, asked: TimeForm = UTC) -> TimeForm:
    """How the times of a column are written, as far as that is not asked for already."""
    if column.dtype.is_temporal() or column.dtype == pl.Boolean:
        return asked
    if column.dtype.is_nested():
        return asked
    numbers = (column.str.strip_chars(EDGES) if column.dtype == pl.String else column).cast(pl.Float64, strict=False)
    texts = column.dtype == pl.String and numbers.null_count() > column.null_count()
    return TimeForm(asked.unit or _unit(numbers), asked.order or (_order(column) if texts else ""), asked.zone)


def seconds(column: pl.Series, form: TimeForm | None = None) -> pl.Series:
    """Times as seconds since 1970 (UTC), Float64, null where a value is no time.

    Texts may be numbers or dates with or without a time of day and an offset, in the orders people write them; see
    TimeForm for what a column decides as a whole. form: as form_of gives it, None to look at this very column.
    """
    kind, name = column.dtype, column.name
    if kind in (pl.Boolean, pl.Time, pl.Null) or kind.is_nested():
        return pl.repeat(None, len(column), dtype=pl.Float64, eager=True).alias(name)
    form = form or form_of(column)
    if kind == pl.Duration:
        return (column.dt.total_microseconds() / 1e6).alias(name)
    if kind.is_temporal():
        moments = column.cast(pl.Datetime("us")) if kind == pl.Date else column
        aware = getattr(moments.dtype, "time_zone", None) is not None
        return _epoch(moments if aware else _located(moments, form.zone)).alias(name)
    if kind.is_numeric():
        return _of_numbers(column.cast(pl.Float64, strict=False), form).alias(name)
    text = column.cast(pl.String).str.strip_chars(EDGES)
    numbers = text.cast(pl.Float64, strict=False)
    return _of_numbers(numbers, form).fill_null(_of_texts(text, numbers, form)).alias(name)


# -- numbers ----------------------------------------------------------------------------------------------------------


def _unit(numbers: pl.Series) -> str:
    finite = numbers.filter(numbers.is_finite().fill_null(False))
    if not len(finite):
        return ""
    for unit in CALENDAR:
        if _calendar(finite, unit).is_not_null().sum() >= SHARE * len(finite):
            return unit
    for unit, (low, high) in RANGES.items():
        if finite.is_between(low, high, closed="left").sum() >= SHARE * len(finite):
            return unit
    return ""


def _of_numbers(numbers: pl.Series, form: TimeForm) -> pl.Series:
    numbers = numbers.set(~numbers.is_finite().fill_null(True), None)
    if form.unit in CALENDAR:
        return _epoch(_located(_calendar(numbers, form.unit), form.zone))
    if form.unit == "excel":
        local = ((numbers - EXCEL) * DAY).round(3) * 1e6  # a cell's fraction of a day is good to about a ms
        return _epoch(_located(local.cast(pl.Int64, strict=False).cast(pl.Datetime("us")), form.zone))
    if form.unit == "ticks":
        return (numbers - 621_355_968_000_000_000) * UNITS["ticks"]
    return numbers * UNITS[form.unit] if form.unit else by_size(numbers)


def by_size(numbers: pl.Series) -> pl.Series:
    """Seconds of numbers in seconds, ms, µs or ns: this side of the year 5138 their size tells which."""
    size = pl.col("n").abs()
    scaled = (
        pl.when(size >= 1e17)
        .then(pl.col("n") / 1e9)
        .when(size >= 1e14)
        .then(pl.col("n") / 1e6)
        .when(size >= 1e11)
        .then(pl.col("n") / 1e3)
        .otherwise(pl.col("n"))
    )
    return pl.DataFrame({"n": numbers}).select(scaled).to_series()


def _calendar(numbers: pl.Series, unit: str) -> pl.Series:
    """Numbers whose digits are a date, from 1900 to 2100, as moments without a zone."""
    width = len(unit)
    low, high = 1900 * 10 ** (width - 4), 2101 * 10 ** (width - 4)
    whole = numbers.set(~numbers.is_between(low, high).fill_null(False), None).cast(pl.Int64, strict=False)
    return (whole.cast(pl.String) + "0" * (14 - width)).str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False)


# -- texts ------------------------------------------------------------------------------------------------------------


def _of_texts(text: pl.Series, numbers: pl.Series, form: TimeForm) -> pl.Series:
    """The usual forms of ISO 8601 at once; what they leave is looked at closely."""
    found = pl.repeat(None, len(text), dtype=pl.Float64, eager=True)
    if text.null_count() == numbers.null_count():
        return found
    usual = text.str.replace(r"^(\d{4}-\d\d-\d\d)[tT]", "${1} ")
    found = _epoch(_located(usual.str.to_datetime(_USUAL, time_unit="us", strict=False), form.zone))
    if found.null_count() > numbers.len() - numbers.null_count():
        there = usual.str.replace(r"(?:[zZ]| ?UTC|\+00)$", "+00:00")
        found = found.fill_null(
            _epoch(there.str.to_datetime(_USUAL + "%:z", time_unit="us", time_zone="UTC", strict=False))
        )
    left = found.is_null() & numbers.is_null() & text.is_not_null() & (text != "")
    if left.any():
        rows = left.arg_true()
        found = found.scatter(rows, _closely(text.gather(rows), form))
    return found


def _closely(text: pl.Series, form: TimeForm) -> pl.Series:
    plain = _folded(text)
    found = by_size(plain.cast(pl.Float64, strict=False))
    for pattern in _PATTERNS:
        if found.has_nulls():
            found = found.fill_null(_matched(plain, pattern, form))
    if found.has_nulls() and form.order:
        found = found.fill_null(_matched(plain, _SLASHED, form))
    return found


def _folded(column: pl.Series) -> pl.Series:
    """Small letters, one space, and the words and brackets around a time taken off."""
    text = column.str.to_lowercase().str.strip_chars(EDGES)
    for pattern, replacement in _PLAIN:
        text = text.str.replace_all(pattern, replacement)
    return text


def _matched(text: pl.Series, pattern: str, form: TimeForm) -> pl.Series:
    groups = text.str.extract_groups(pattern).struct.unnest()
    if "a" in groups.columns:
        day, month = ("a", "b") if form.order == "dmy" else ("b", "a")
        groups = groups.rename({day: "d", month: "m"})
    if "n" in groups.columns:
        month_of = pl.col("n").str.slice(0, 3).replace_strict(_MONTHS, default=None, return_dtype=pl.String)
        groups = groups.with_columns(month_of.alias("m"))
    for name in ("H", "M", "S", "f", "half1", "half2", "o"):
        if name not in groups.columns:
            groups = groups.with_columns(pl.lit(None, pl.String).alias(name))
    year = pl.when(pl.col("y").str.len_chars() == 2).then(pl.concat_str(_century(), "y")).otherwise("y")
    clock = [pl.col(name).fill_null("0").str.zfill(2) for name in ("H", "M", "S")]
    written = pl.concat_str(year, pl.col("m").str.zfill(2), pl.col("d").str.zfill(2), *clock)
    half = pl.coalesce(pl.col("half1"), pl.col("half2")).str.slice(0, 1)
    hour = pl.col("H").cast(pl.Int64, strict=False)
    shift = pl.when((half == "p") & (hour < 12)).then(12).when((half == "a") & (hour == 12)).then(-12).otherwise(0)
    fraction = pl.concat_str(pl.lit("0."), pl.col("f").fill_null("0")).cast(pl.Float64)
    parts = groups.select(
        written.str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False).alias("moment"),
        (shift * 3600 + fraction).alias("more"),
        _offset().alias("offset"),
    )
    there = _epoch(parts["moment"].dt.replace_time_zone("UTC")) - parts["offset"]
    return there.fill_null(_epoch(_located(parts["moment"], form.zone))) + parts["more"]


def _century() -> pl.Expr:
    return pl.when(pl.col("y").cast(pl.Int64, strict=False) < 70).then(pl.lit("20")).otherwise(pl.lit("19"))


def _offset() -> pl.Expr:
    """Seconds east of UTC; null where nothing is said."""
    digits = pl.col("o").str.extract(r"([+-]\d\d:?(?:\d\d)?)").str.replace(":", "")
    hours = digits.str.slice(1, 2).cast(pl.Float64, strict=False)
    minutes = digits.str.slice(3).cast(pl.Float64, strict=False).fill_null(0)
    sign = pl.when(digits.str.starts_with("-")).then(-1).otherwise(1)
    return (
        pl.when(digits.is_null())
        .then(pl.when(pl.col("o").is_null()).then(None).otherwise(0.0))
        .otherwise(sign * (hours * 3600 + minutes * 60))
    )


def _order(column: pl.Series) -> str:
    """Whether the day or the month comes first in 1/2/2024; "" when no number above 12 tells, or both do."""
    text = _folded(column.filter(column.str.contains(r"^\s*\d{1,2}[/-]\d")))
    groups = text.str.extract_groups(_SLASHED).struct.unnest()
    first, second = (groups[name].cast(pl.Int64, strict=False).max() for name in ("a", "b"))
    late = [isinstance(most, int) and most > 12 for most in (first, second)]
    return "" if late[0] == late[1] else "dmy" if late[0] else "mdy"


# -- moments ----------------------------------------------------------------------------------------------------------


def _located(moments: pl.Series, zone: str) -> pl.Series:
    """Moments without a zone in a zone. An hour that the clocks skip is no time; of one that comes twice the first counts."""
    return moments.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")


def _epoch(moments: pl.Series) -> pl.Series:
    return (moments.dt.epoch("us") / 1e6).cast(pl.Float64)
