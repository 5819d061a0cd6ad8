"""Cells of foreign tables: what says nothing, what is a number, a truth, a price or several values at once."""

from __future__ import annotations

import ast
import html
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from zhiyin.text.attributes import Attribute

GAPS = frozenset(
    (
        "",
        *[
            "nan",
            "null",
            "none",
            "n/a",
            "na",
            "#n/a",
            "<na>",
            "nat",
            "nil",
            "undefined",
            "\\n",
            "-",
            "--",
            "---",
            "—",
            "–",
            "?",
            "...",
            ".",
            "missing",
            "unknown",
            "tbd",
        ],
        *(
            "(no genres listed)",
            "no genres listed",
            "not available",
            "not applicable",
            "(null)",
            "(none)",
            "[null]",
            "[]",
            "{}",
        ),
        *[
            "无",
            "暂无",
            "未知",
            "空",
            "缺失",
            "没有",
            "不详",
            "未填写",
            "暂缺",
            "(无)",
            "（无）",
            "未提供",
            "なし",
            "不明",
        ],
    )
)
"""What cells say that say nothing, in small letters."""

LOST = frozenset(
    ["nan", "null", "none", "n/a", "#n/a", "<na>", "nat", "nil", "undefined", "\\n", "(null)", "无", "空", "缺失"]
) | {""}
"""The same for ids and titles, which may be words like Unknown or No."""

TRUE = frozenset(
    ["1", "true", "yes", "t", "y", "on", "x", "✓", "✔", "是", "有", "真", "对", "1.0", "ja", "si", "sí", "oui", "wahr"]
) | {"in stock", "instock"}
FALSE = frozenset(
    ["0", "false", "no", "f", "n", "off", "✗", "✘", "否", "无", "没有", "假", "错", "0.0", "nein", "non", "falsch"]
) | {
    "out of stock",
    "outofstock",
}

CURRENCIES = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "฿": "THB", "₫": "VND", "zł": "PLN",
    "元": "CNY", "人民币": "CNY", "rmb": "CNY", "円": "JPY", "日元": "JPY", "美元": "USD", "欧元": "EUR", "港币": "HKD",
    "us$": "USD", "hk$": "HKD", "nt$": "TWD", "r$": "BRL", "a$": "AUD", "c$": "CAD", "$": "USD", "＄": "USD",
    "rs": "INR", "¥": "¥", "￥": "¥",
    **{code.lower(): code for code in ["USD", "EUR", "GBP", "CNY", "JPY", "INR", "KRW", "RUB", "TRY", "THB", "VND", "PLN", "HKD", "TWD", "BRL", "AUD", "CAD", "CHF", "SEK", "NOK", "DKK", "CZK", "HUF", "MXN", "SGD", "NZD", "ZAR", "ILS", "AED", "SAR", "IDR", "MYR", "PHP"]},
}  # fmt: skip
"""Signs of currencies and their codes; ¥ is the yuan among Chinese words, else the yen."""

LARGEST = 2**53
"""A whole number above it loses digits as a float: it is an id, and stays a text."""

_SIGNS = "|".join(sorted((re.escape(sign) for sign in CURRENCIES), key=len, reverse=True))
_MONEY = rf"(?i)^(?:(?P<a>{_SIGNS})[.:]?)?\s*(?P<n>[-+]?[\d.,'\u00a0\u202f ]*\d)\s*(?:(?P<b>{_SIGNS})\.?)?$"
_FREE = frozenset(["free", "gratis", "kostenlos", "免费", "无料"])
_UNITS = {
    **dict.fromkeys(("ms", "msec", "毫秒"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "秒"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "分", "分钟"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "小时"), 3600.0),
}


def is_gap(column: pl.Series, gaps: frozenset[str] = LOST) -> pl.Series:
    """Which cells say nothing. [rows]"""
    if column.dtype == pl.String:
        return column.str.strip_chars().str.to_lowercase().is_in(list(gaps)).fill_null(True)
    if column.dtype.is_float():
        return column.is_nan().fill_null(True)
    return column.is_null()


def gap(value: Any) -> bool:
    """Whether one cell says nothing."""
    if isinstance(value, str):
        return value.strip().lower() in GAPS
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def number_of(column: pl.Series) -> pl.Series:
    """Numbers as Float64, null for what is none. Texts may group digits, have a comma for a point, or a percent sign."""
    if column.dtype != pl.String:
        if column.dtype.is_nested() or column.dtype.is_temporal():
            return pl.repeat(None, len(column), dtype=pl.Float64, eager=True).alias(column.name)
        return column.cast(pl.Float64, strict=False).fill_nan(None)
    text = column.str.strip_chars()
    found = text.cast(pl.Float64, strict=False).fill_nan(None)
    left = (found.is_null() & ~is_gap(text, GAPS)).arg_true()
    if len(left):
        found = found.scatter(left, _written(text.gather(left).str.strip_suffix("%")))
    return found


def _written(text: pl.Series) -> pl.Series:
    """Numbers as people write them: 1,299.00 and 1.299,00 and 12,5 and 1 299."""
    bare = text.str.replace_all(r"[\s'’\u00a0\u202f]", "")
    bare = bare.set(~bare.str.contains(r"^[-+]?[\d.,]*\d$").fill_null(False), None)
    comma = bare.str.contains(r",[^.]*$") & ~bare.str.contains(r"^[-+]?\d{1,3}(,\d{3})+$")
    there = pl.DataFrame({"text": bare, "comma": comma}).select(
        pl.when("comma")
        .then(pl.col("text").str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True))
        .otherwise(pl.col("text").str.replace_all(",", "", literal=True))
    )
    found = there.to_series()
    thousands = found.str.contains(r"^[-+]?\d{1,3}(\.\d{3}){2,}$").fill_null(False)
    return (
        found.set(thousands, None)
        .cast(pl.Float64, strict=False)
        .fill_null(found.str.replace_all(".", "", literal=True).set(~thousands, None).cast(pl.Float64, strict=False))
    )


def durations_of(column: pl.Series) -> pl.Series:
    """Seconds of texts like 0:30, 01:02:03 or 30 s; null for others."""
    return pl.Series([None if one is None else _duration(one) for one in column], dtype=pl.Float64)


def _duration(text: str) -> float | None:
    clock = re.fullmatch(r"(?:(\d+):)?(\d+):(\d\d(?:\.\d+)?)", text.strip())
    if clock:
        return float(clock[1] or 0) * 3600 + float(clock[2]) * 60 + float(clock[3])
    unit = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([^\d\s.]+)\.?", text.strip().lower())
    return float(unit[1]) * _UNITS[unit[2]] if unit and unit[2] in _UNITS else None


def prices_of(column: pl.Series, chinese: bool) -> tuple[pl.Series, pl.Series]:
    """Prices as numbers, and the code of each one's currency where it says one. chinese: whether ¥ is the yuan."""
    if column.dtype != pl.String:
        return number_of(column), pl.repeat(None, len(column), dtype=pl.String, eager=True)
    text = column.str.strip_chars()
    groups = text.str.extract_groups(_MONEY).struct.unnest()
    numbers = number_of(groups["n"]).fill_null(number_of(text)).set(text.str.to_lowercase().is_in(list(_FREE)), 0.0)
    signs = groups.select(pl.coalesce("a", "b").str.to_lowercase()).to_series()
    codes = {**CURRENCIES, **dict.fromkeys("¥￥", "CNY" if chinese else "JPY")}
    return numbers, signs.replace_strict(codes, default=None, return_dtype=pl.String)


def truths_of(column: pl.Series, words: Mapping[str, bool] | None = None) -> pl.Series:
    """Truths, null where a cell says neither yes nor no. words: more of them."""
    if column.dtype == pl.Boolean:
        return column
    if column.dtype.is_numeric():
        return column.cast(pl.Float64, strict=False).fill_nan(None) > 0
    known = {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False), **(words or {})}
    text = column.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    return text.replace_strict(known, default=None, return_dtype=pl.Boolean)


def truth(value: Any) -> bool:
    """Whether a cell says yes."""
    return value.strip().lower() in TRUE if isinstance(value, str) else bool(value)


def attribute(value: Any) -> Attribute | None:
    """A cell as an attribute value, None when it says nothing (a gap, an empty list)."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) > LARGEST:
        return str(value)
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return several(value)
    text = str(value).strip()
    if text.startswith("[") and text.endswith("]") and (listed := _list(text)) is not None:
        return several(listed)
    if "|" in text:
        return several(text.split("|"))
    return None if gap(text) else text


def several(values: Iterable[Any]) -> tuple[str, ...] | None:
    """Several values without gaps and repeats; an object counts by its name."""
    texts = (_called(one) for one in values)
    return tuple(dict.fromkeys(one for one in texts if not gap(one))) or None


def _called(value: Any) -> str:
    if isinstance(value, dict):
        value = next((value[name] for name in ("name", "title", "value", "label") if value.get(name)), "")
    return "" if value is None else str(value).strip()


def _list(text: str) -> list[Any] | None:
    """A list in JSON or as Python writes it."""
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(found, list | tuple):
            return list(found)
    return None


def opened(text: str) -> dict[str, Attribute] | None:
    """The attributes in a JSON object, None when the text is no such thing; what is nested deeper is left out."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    plain = {str(name): attribute(value) for name, value in found.items() if not isinstance(value, dict)}
    return {name: value for name, value in plain.items() if value is not None}


def unmarked(text: str) -> str:
    """A text without the marks of HTML."""
    if not re.search(r"</?(?:p|br|div|span|b|i|em|strong|ul|ol|li|h\d|a|table|tr|td)\b[^<>]*>", text):
        return text
    bare = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", text)
    return re.sub(r"[ \t]+", " ", html.unescape(re.sub(r"<[^<>]+>", " ", bare))).strip()


def running(value: Any, gaps: frozenset[str] = GAPS) -> str:
    """A cell as running text; a list of paragraphs is joined. gaps: what says nothing."""
    if isinstance(value, str) and not value.startswith("["):
        text = unmarked(value).strip()
        return "" if text.lower() in gaps else text
    found = attribute(value)
    return " ".join(found) if isinstance(found, tuple) else "" if found is None else str(value).strip()
