"""Tables of items as items: gaps left out, numbers as numbers, prices with a currency, stock, and what was odd told of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from zhiyin.arrays import Array
from zhiyin.data.cells import GAPS, LARGEST, is_gap, number_of, prices_of, truths_of
from zhiyin.data.columns import items_of
from zhiyin.data.reading.asked import NOTHING, Asked
from zhiyin.data.reading.names import LISTED
from zhiyin.data.reading.pieces import Reject
from zhiyin.data.reading.roles import Layout
from zhiyin.data.reading.typed import flat
from zhiyin.data.times import form_of, seconds
from zhiyin.item import Item

NUMERIC = re.compile(
    r"price|.*_price|year|stock|quantity|count|.*_count|num_.*|rating|score|.*_score|votes|popularity|runtime|duration|"
    r"pages|weight|length|width|height|abv|.*(价格|年份|年代|数量|库存|评分|页数|时长|重量)"
)
"""Columns that hold numbers even where less than SHARE of their cells is one."""

SHARE = 0.8
"""Of a column's cells that must be numbers, so that the others are odd; a single odd one among three is odd too."""

SINGLE = frozenset(
    [
        "item_id",
        "available_from",
        "available_until",
        "hidden",
        "shown",
        "stock",
        "in_stock",
        "out_of_stock",
        "status",
        "price",
        "currency",
    ]
)
"""Columns with one value in a cell."""

SHOWN = dict.fromkeys(
    ["active", "published", "live", "enabled", "visible", "listed", "上架", "在售", "正常", "已上架", "启用"], True
)
HIDDEN = dict.fromkeys(
    [
        "inactive",
        "archived",
        "draft",
        "deleted",
        "disabled",
        "hidden",
        "discontinued",
        "removed",
        "下架",
        "停售",
        "已下架",
        "删除",
        "停用",
        "草稿",
    ],
    False,
)
STOCKED = {
    **dict.fromkeys(["in_stock", "instock", "available", "limited", "preorder", "pre-order", "backorder", "limitedavailability", "onlineonly", "有货", "现货", "充足", "预售"], True),
    **dict.fromkeys(["out_of_stock", "outofstock", "unavailable", "soldout", "sold_out", "oos", "缺货", "无货", "售罄", "断货"], False),
}  # fmt: skip
"""What a status may say, folded: of being shown, and of stock."""


HIDING = frozenset(("hidden",))


@dataclass
class Catalogue:
    """The items of a file. given: which of hidden, stock and the like its columns speak of. remarks: what was left out."""

    items: list[Item]
    given: frozenset[str] = frozenset()
    remarks: list[Reject] = field(default_factory=list)


def catalogue_of(frame: pl.DataFrame, lines: Array, layout: Layout, where: str, asked: Asked = NOTHING) -> Catalogue:
    """Items from cleaned rows of a file under our names. lines: of each row. [rows]"""
    if "property" in frame.columns and "property_value" in frame.columns:
        frame, lines = _wide(frame, lines, layout)
    reader = _Columns(frame, lines, layout, asked)
    items = items_of(reader.read(), where)
    if reader.odd:  # one odd value costs itself, not its column: it stays the text it is
        items = [replace(one, attributes={**one.attributes, **reader.odd.get(one.item_id, {})}) for one in items]
    return Catalogue(items, frozenset(reader.given), reader.remarks)


def merged(old: Item | None, new: Item, given: frozenset[str]) -> Item:
    """What is known of an item with what a file adds: its gaps take nothing away. given: see Catalogue."""
    if old is None:
        return new
    return replace(
        new,
        title=new.title or old.title,
        text=new.text or old.text,
        attributes={**old.attributes, **new.attributes},
        images=new.images or old.images,
        available_from=old.available_from if new.available_from is None else new.available_from,
        available_until=old.available_until if new.available_until is None else new.available_until,
        hidden=new.hidden if "hidden" in given else old.hidden,
    )


def complemented(told: Catalogue, known: Mapping[str, Item]) -> list[Item]:
    """Items with what was told of them beside; what is known already counts more."""
    return [one if (item := known.get(one.item_id)) is None else merged(one, item, HIDING) for one in told.items]


class _Columns:
    """The columns of one table of items, each read as what it is."""

    def __init__(self, frame: pl.DataFrame, lines: Array, layout: Layout, asked: Asked) -> None:
        self.frame = frame
        self.lines = lines
        self.layout = layout
        self.asked = asked
        self.given: set[str] = set()
        self.remarks: list[Reject] = []
        self.made: dict[str, pl.Series] = {}
        self.odd: dict[str, dict[str, str]] = {}

    def read(self) -> pl.DataFrame:
        """The table as items_of reads it."""
        for name in self.frame.columns:
            column = self.frame[name]
            if name in SINGLE and column.dtype.is_nested():
                column = flat(column.to_frame())[name]
            if name in ("item_id", "title", "text", "description", "overview", "images"):
                self.made[name] = column
            elif name in ("available_from", "available_until"):
                self._time(name, column)
            elif name in ("hidden", "shown", "stock", "in_stock", "out_of_stock", "status"):
                self._state(name, column)
            elif name == "price":
                self._price(column)
            else:
                self.made[name] = self._attribute(name, column)
        return pl.DataFrame([column.alias(name) for name, column in self.made.items()])

    def _time(self, name: str, column: pl.Series) -> None:
        found = seconds(column, form_of(column, self.layout.times))
        empty = is_gap(column, GAPS)
        self._remark(found.is_null() & ~empty, name, column, "no time, left out")
        self.made[name] = found

    def _state(self, name: str, column: pl.Series) -> None:
        """Columns of whether an item is there and shown, in any wording and either sense."""
        if name == "stock":
            numbers = number_of(column)
            if numbers.null_count() > 0.5 * len(numbers) + column.null_count():  # "in stock" under the name of a number
                return self._state("in_stock", column)
            self.made["stock"] = self._numbers("stock", column, numbers)
            return None
        if name == "status":
            return self._status(column)
        folded = _folded(column)
        spoken = truths_of(folded, STOCKED if name in ("in_stock", "out_of_stock") else {})
        words = truths_of(folded, {**SHOWN, **HIDDEN}) if column.dtype == pl.String else spoken
        said = spoken.fill_null(words)
        self._remark(
            said.is_null() & ~is_gap(column, GAPS - {"无", "没有", "na"}), name, column, "neither yes nor no, left out"
        )
        if name in ("in_stock", "out_of_stock"):
            truths = spoken if name == "in_stock" else ~spoken
            self.made["in_stock"] = self.made["in_stock"].fill_null(truths) if "in_stock" in self.made else truths
        else:  # a word like "archived" says hidden under either name; a yes says what the column's name says
            self._hide((spoken if name == "hidden" else ~spoken).fill_null(~words))
        return None

    def _status(self, column: pl.Series) -> None:
        words = {**SHOWN, **HIDDEN, **STOCKED}
        if column.dtype != pl.String:
            self.made["status"] = self._attribute("status", column)
            return
        text = _folded(column)
        known = text.is_in(list(words)) | is_gap(column, GAPS)
        if not known.all():
            self.made["status"] = self._attribute("status", column)
            return
        self._hide(text.replace_strict({**SHOWN, **HIDDEN}, default=None, return_dtype=pl.Boolean).not_())
        stocked = text.replace_strict(STOCKED, default=None, return_dtype=pl.Boolean)
        if stocked.is_not_null().any():
            self.made["in_stock"] = stocked

    def _hide(self, hidden: pl.Series) -> None:
        self.given.add("hidden")
        hidden = hidden.fill_null(False)
        self.made["hidden"] = self.made["hidden"] | hidden if "hidden" in self.made else hidden

    def _price(self, column: pl.Series) -> None:
        chinese = bool(re.search(r"[\u4e00-\u9fff]", "".join([self.layout.column("price"), *self.layout.renamed])))
        numbers, codes = prices_of(column, chinese)
        self.made["price"] = self._numbers("price", column, numbers)
        default = self.layout.currency or self.asked.currency
        codes = codes.fill_null(default) if default else codes
        if codes.is_not_null().any() and "currency" not in self.frame.columns:
            self.made["currency"] = codes.set(numbers.is_null(), None)

    def _attribute(self, name: str, column: pl.Series) -> pl.Series:
        kind = column.dtype
        if kind.is_temporal():
            return _dates(column)
        if kind.is_integer() and len(column) and (column.cast(pl.Float64).abs() > LARGEST).any():
            return column.cast(pl.String)
        if kind != pl.String:
            return column
        if name in self.layout.sequences:
            return column.str.split(" ")
        filled = column.set(is_gap(column, GAPS), None)
        if not len(filled.drop_nulls()):
            return filled
        if (truths := _truths(filled)) is not None:
            return truths
        if (numbers := self._as_numbers(name, filled)) is not None:
            return numbers
        return _listed(name, filled)

    def _as_numbers(self, name: str, filled: pl.Series) -> pl.Series | None:
        code = filled.str.contains(r"^\s*(?:[+-]?0\d|[+-]?\d{16,})").any()
        if code:
            return None
        numbers = number_of(filled)
        count, there = len(numbers) - numbers.null_count(), len(filled) - filled.null_count()
        alone = there - count == 1 and count >= 2
        if (count < (0.5 if NUMERIC.fullmatch(name) else SHARE) * there and not alone) or count == 0:
            return None
        return self._numbers(name, filled, numbers)

    def _numbers(self, name: str, column: pl.Series, numbers: pl.Series) -> pl.Series:
        finite = numbers.set(~numbers.is_finite().fill_null(False), None)
        odd = finite.is_null() & ~is_gap(column, GAPS)
        self._remark(odd, name, column, "no number as the others are, kept as text")
        for row in odd.arg_true():
            self.odd.setdefault(self.frame["item_id"][int(row)], {})[name] = str(column[int(row)]).strip()
        return finite

    def _remark(self, rows: pl.Series, name: str, column: pl.Series, allowed: str) -> None:
        for row in rows.fill_null(False).arg_true():
            self.remarks.append(Reject(int(self.lines[row]), name, str(column[int(row)])[:200], allowed))


def _wide(frame: pl.DataFrame, lines: Array, layout: Layout) -> tuple[pl.DataFrame, Array]:
    """One row an item from one row for each of its properties; the newest value of each counts."""
    table = frame.with_columns(
        pl.Series("\x1fline", lines), ("p_" + pl.col("property").cast(pl.String)).alias("property")
    )
    if "timestamp" in frame.columns:
        table = table.with_columns(seconds(frame["timestamp"], layout.times).alias("timestamp")).sort(
            "timestamp", maintain_order=True
        )
    newest = table.unique(["item_id", "property"], keep="last", maintain_order=True)
    wide = newest.pivot("property", index="item_id", values="property_value", aggregate_function="last")
    first = table.group_by("item_id", maintain_order=True).agg(pl.col("\x1fline").min())
    from zhiyin.data.reading.names import ITEMS, plain

    known = {other: new for new, others in ITEMS.items() for other in others}
    renamed: dict[str, str] = {}
    for name in wide.columns[1:]:
        new = known.get(plain(name[2:]).replace("_", ""), plain(name[2:]) or name)
        renamed[name] = new if new not in renamed.values() and new != "item_id" else name
    wide = wide.rename(renamed).join(first, on="item_id", maintain_order="left")
    return wide.drop("\x1fline"), wide["\x1fline"].to_numpy()


def _folded(column: pl.Series) -> pl.Series:
    if column.dtype != pl.String:
        return column
    text = column.str.strip_chars().str.to_lowercase().str.replace(r"^https?://schema\.org/", "")
    return text.str.replace_all(r"[\s_-]+", "_").replace({"in_stock": "in stock", "out_of_stock": "out of stock"})


def _dates(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Datetime:
        whole = column.dt.replace_time_zone(None) if getattr(column.dtype, "time_zone", None) else column
        days = bool((whole.drop_nulls() == whole.drop_nulls().dt.truncate("1d")).all())
        return whole.dt.strftime("%Y-%m-%d" if days else "%Y-%m-%dT%H:%M:%S")
    return column.cast(pl.String)


def _truths(filled: pl.Series) -> pl.Series | None:
    text = filled.str.strip_chars().str.to_lowercase()
    words = set(text.drop_nulls().unique())
    if words <= {"true", "false", "yes", "no", "是", "否"} or words == {"y", "n"} or words == {"t", "f"}:
        return truths_of(text)
    return None


def _listed(name: str, filled: pl.Series) -> pl.Series:
    """Cells of several values as lists, where a separator stands in many of them and cuts them into few, repeated parts."""
    if filled.str.contains("|", literal=True).any() or filled.str.contains(r"^\s*[\[{]").any():
        return filled
    cells = filled.drop_nulls().unique()
    for separator in (";", "；", "、", "，", ",", " / ", "/"):
        holding = cells.filter(cells.str.contains(separator, literal=True))
        if not len(holding):
            continue
        parts = cells.str.split(separator).explode().str.strip_chars()
        short = float(np.quantile(parts.str.len_chars().to_numpy(), 0.95)) <= 30
        reused = len(holding) >= 0.1 * len(cells) and parts.n_unique() < 0.7 * len(cells)
        if short and (reused or (LISTED.fullmatch(name) and separator != "/")):
            return filled.str.split(separator)
    return filled
