"""Roles: what each column of an events, items, users or edges file is to us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from zhiyin.behaviour.kinds import DEFAULT, WITHOUT_ITEM, kind_of
from zhiyin.data.cells import CURRENCIES
from zhiyin.data.columns import kind_names
from zhiyin.data.reading import names
from zhiyin.data.reading.asked import Asked
from zhiyin.data.times import UTC, TimeForm, form_of, seconds

_CLOCK = r"^\s*\d{1,2}:\d\d(:\d\d(\.\d+)?)?\s*([aApP][mM])?\s*$"


@dataclass(frozen=True)
class Layout:
    """What a file is: the table, our name by column, and columns not used.

    kind: of events that have none. values: the columns of numbers beside an event, by the kind they belong to. times: how
    its times are written. clock: a column of times of day beside a column of days. context: the key in an event's context
    by column. whole_ids: columns of ids that a program wrote as decimals, 13085.0, all of them. sequences: our names of
    attributes whose words are values of their own. currency: of prices, where the column's name says it.
    ordered: the order of the rows counts, whatever columns there are. kinds: of events, by names of one's own. beside:
    columns of events that are of their items.
    """

    table: str
    renamed: Mapping[str, str]
    kind: str = ""
    ignored: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    times: TimeForm = UTC
    clock: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    whole_ids: tuple[str, ...] = ()
    sequences: frozenset[str] = frozenset()
    currency: str = ""
    ordered: bool = False
    kinds: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """The file's own name of one of our columns, "" where it has none."""
        return next((column for column, new in self.renamed.items() if new == name), "")


def events_layout(
    sample: pl.DataFrame, free: Mapping[str, str], found: dict[str, str], asked: Asked, where: str, columns: list[str]
) -> Layout:
    """What the columns of a file of events are."""
    ids = {name: new for name, new in found.items() if new not in ("friend_id",)}
    rest = {name: one for name, one in free.items() if name not in ids}
    time, clock = _time(sample, rest, found) if not asked.ordered else ("", "")
    rest = {name: one for name, one in rest.items() if name not in (time, clock)}
    plain = matched(rest, {k: v for k, v in names.EVENTS.items() if k != "timestamp"}, frozenset(ids.values()))
    plain = {
        name: new
        for name, new in plain.items()
        if new != "event_type" or _are_kinds(sample[name], rest[name], asked.kinds)
    }
    used = {**ids, **plain, **({time: "timestamp"} if time else {})}
    values = {name: new for name, new in matched(rest, names.VALUES).items() if name not in used}
    values |= {name: "value" for name, new in ids.items() if new == "value"}
    context = {n: k for n, k in matched(rest, names.CONTEXT).items() if n not in used and n not in values}
    kind = _kind(values, context, used, time, where)
    left = {name: one for name, one in rest.items() if name not in {*used, *values, *context}}
    item = next((name for name, new in ids.items() if new == "item_id"), "")
    beside = columns_beside(sample, left, item) if item else {}
    ignored = tuple(name for name in columns if name not in {*used, *values, *context, *beside, clock})
    times = form_of(sample[time], asked.times) if time else asked.times
    renamed = {name: new for name, new in used.items() if new != "value"}
    return Layout(
        "events", renamed, kind, ignored, values, times, clock, context, whole_ids(sample, ids), ordered=asked.ordered,
        kinds=asked.kinds, beside=beside,
    )  # fmt: skip


def columns_beside(sample: pl.DataFrame, rest: Mapping[str, str], item: str) -> dict[str, str]:
    """Which of the columns that events do not use are of their items, by our name for each.

    A column is an item's where it says the same in all rows of an item; a price may change. rest: squeezed name by
    column. item: the column of items.
    """
    found: dict[str, str] = {}
    for new, others in names.BESIDE.items():
        for name in (name for name, one in rest.items() if {one, bare(one)} & set(others)):
            if name not in found and (new == "price" or _constant(sample, item, name, sure=rest[name] in names.SURE)):
                found[name] = new if new not in found.values() else names.plain(name)
    return found


def _constant(sample: pl.DataFrame, item: str, name: str, sure: bool) -> bool:
    if sample[name].dtype.is_nested() or sample[item].dtype.is_nested():
        return False
    said = sample.select(pl.col(item).alias("i"), pl.col(name).cast(pl.String, strict=False).alias("v")).drop_nulls()
    counts = said.group_by("i").agg(pl.len().alias("rows"), pl.col("v").n_unique().alias("values"))
    again = counts.filter(pl.col("rows") > 1)
    if len(again) < 3:
        return sure
    return bool((again["values"] == 1).sum() >= 0.9 * len(again)) and (sure or said["v"].n_unique() > 1)


def _time(sample: pl.DataFrame, rest: Mapping[str, str], found: Mapping[str, str]) -> tuple[str, str]:
    """The column of times and, where that says days only, the one of times of day."""
    given = next((name for name, new in found.items() if new == "timestamp"), "")
    order = {one: at for at, one in enumerate(names.EVENTS["timestamp"])}
    listed = sorted((name for name in rest if rest[name] in order), key=lambda name: order[rest[name]])
    clocks = [name for name in listed if _is_clock(sample[name])]
    times = [given] if given else [name for name in listed if name not in clocks]
    if not times:
        times = [
            name
            for name, one in rest.items()
            if re.search(r"(time|date|at|时间|日期)$", one) and _share(sample[name]) > 0.9
        ]
    best = next((name for name in times if _share(sample[name]) > 0), times[0] if times else "")
    if best and clocks and _days_only(sample[best]):
        return best, clocks[0]
    return best or (clocks[0] if clocks else ""), ""


def _is_clock(column: pl.Series) -> bool:
    if column.dtype == pl.Time:
        return True
    return column.dtype == pl.String and len(filled(column)) > 0 and bool(filled(column).str.contains(_CLOCK).all())


def _days_only(column: pl.Series) -> bool:
    found = seconds(column).drop_nulls()
    return column.dtype == pl.Date or (len(found) > 0 and bool((found % 86400 == 0).all()))


def _share(column: pl.Series) -> float:
    there = len(column) - column.null_count()
    return (there and (len(column) - seconds(column).null_count()) / there) or 0.0


def _are_kinds(column: pl.Series, name: str, own: Mapping[str, str]) -> bool:
    """Whether a column's values are kinds of events; a name that says so is believed."""
    if name in (
        "eventtype",
        "behaviortype",
        "behaviourtype",
        "feedbacktype",
        "interactiontype",
        "行为类型",
        "事件类型",
    ):
        return True
    texts = column.cast(pl.String, strict=False).drop_nulls()
    return (
        len(texts) == 0
        or kind_names(texts, own).null_count() <= 0.5 * len(texts)
        or name in ("event", "behavior", "action")
    )


def _kind(values: Mapping[str, str], context: Mapping[str, str], used: Mapping[str, str], time: str, where: str) -> str:
    told = next((kind for kind in names.VALUES if kind != "value" and kind in values.values()), "")
    if told:
        return told
    if "text" in context.values():
        return "comment"
    by_time = names.KIND_OF_TIME.get(names.squeezed(time), "")
    stem = Path(where).name.split(".")[0]
    by_name = kind_of(stem)
    if by_time or by_name in (None, "rating", "comment", *WITHOUT_ITEM):
        return by_time or DEFAULT
    return str(by_name)


def items_layout(
    sample: pl.DataFrame, free: Mapping[str, str], found: dict[str, str], asked: Asked, columns: list[str]
) -> Layout:
    """What the columns of a file of items are."""
    ids = {name: new for name, new in found.items() if new not in ("friend_id", "user_id")}
    rest = {name: one for name, one in free.items() if name not in ids}
    long = long_columns(free, ids)
    if len(long) == 2:
        time = matched({n: o for n, o in rest.items() if n not in long}, {"timestamp": names.EVENTS["timestamp"]})
        form = form_of(sample[next(iter(time))], asked.times) if time else asked.times
        used = {**ids, **long, **time}
        return Layout(
            "items",
            used,
            "",
            tuple(name for name in columns if name not in used),
            times=form,
            whole_ids=whole_ids(sample, ids),
        )
    known = matched(rest, names.ITEMS, frozenset(ids.values()))
    currency = _priced(rest, known)
    ignored = [name for name, one in rest.items() if one in names.NOISE or not one]
    ignored += [name for name, one in rest.items() if one in names.IDS["item_id"][:8] and name not in known]
    used = {**ids, **known}
    taken = set(used.values())
    for name in rest:
        if name not in used and name not in ignored:
            used[name] = _free(names.plain(name), taken)
            taken.add(used[name])
    ignored += [name for name in columns if name not in free and name not in ids]
    sequences = frozenset(
        new for name, new in used.items() if name.endswith(":token_seq") and new not in ("title", "text")
    )
    return Layout(
        "items", used, "", tuple(ignored), times=asked.times, whole_ids=whole_ids(sample, ids), sequences=sequences,
        currency=currency,
    )  # fmt: skip


def _priced(rest: Mapping[str, str], known: dict[str, str]) -> str:
    """A column like price_eur becomes the price; the code of its currency, "" where none says it."""
    if "price" not in known.values():
        for name, one in rest.items():
            for sign, code in CURRENCIES.items():
                base = one.removesuffix(sign) if sign.isalpha() else one
                if name not in known and base != one and base in names.ITEMS["price"]:
                    known[name] = "price"
                    return code
    return ""


def people_layout(sample: pl.DataFrame, table: str, columns: list[str], found: Mapping[str, str]) -> Layout:
    """What the columns of a file of users or of their ties are."""
    wanted = ("user_id", "friend_id") if table == "edges" else ("user_id",)
    used = {name: new for name, new in found.items() if new in wanted}
    ids = dict(used)
    if table == "edges":
        return Layout(
            table, used, "", tuple(name for name in columns if name not in used), whole_ids=whole_ids(sample, ids)
        )
    taken = set(used.values())
    for name in columns:
        if name not in used and names.squeezed(name):
            used[name] = _free(names.plain(name), taken)
            taken.add(used[name])
    return Layout(table, used, whole_ids=whole_ids(sample, ids))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


# -- what both need


def bare(one: str) -> str:
    """A squeezed name without what exports put before it."""
    prefix = next((prefix for prefix in names.PREFIXES if one.startswith(prefix)), "")
    return one.removeprefix(prefix) or one


def matched(
    free: Mapping[str, str], wanted: Mapping[str, tuple[str, ...]], taken: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Column -> our name: for each of our names the first of its names that is there."""
    by_name: dict[str, str] = {}
    for name, one in free.items():
        by_name.setdefault(one, name)
    for name, one in free.items():
        by_name.setdefault(bare(one), name)
    roles: dict[str, str] = {}
    for new, other in wanted.items():
        if new in taken:
            continue
        column = next((by_name[one] for one in other if one in by_name and by_name[one] not in roles), None)
        if column is not None:
            roles[column] = new
    return roles


def long_columns(free: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """The two columns of a table with one row for each property of an item."""
    rest = {name: one for name, one in free.items() if name not in found}
    return matched(rest, {"property": names.PROPERTIES[0], "property_value": names.PROPERTIES[1]})


def whole_ids(sample: pl.DataFrame, found: Mapping[str, str]) -> tuple[str, ...]:
    """The columns of ids that are texts like 13085.0 throughout."""
    texts = [name for name in found if name in sample.columns and sample[name].dtype == pl.String]
    return tuple(
        name
        for name in texts
        if bool(filled(sample[name]).str.contains(r"^\s*\d+\.0+\s*$").all()) and len(filled(sample[name]))
    )


def filled(column: pl.Series) -> pl.Series:
    """The cells of a text column that are not empty."""
    return column.filter(column.is_not_null() & (column.str.strip_chars() != ""))
