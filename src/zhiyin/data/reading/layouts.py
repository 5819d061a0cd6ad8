"""Layouts: which table a file is, and what each of its columns is to us. In doubt it is asked, never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from zhiyin.data.reading import names
from zhiyin.data.reading.asked import NOTHING, Asked
from zhiyin.data.reading.roles import Layout, events_layout, items_layout, long_columns, matched, people_layout
from zhiyin.errors import MissingColumn

SAMPLE = 2000
"""Rows that a layout is told from."""


def layout_of(frame: pl.DataFrame, where: str, asked: Asked = NOTHING) -> Layout:
    """What the columns and first rows of a file say it is. Raises MissingColumn where that is not certain."""
    sample = frame.head(SAMPLE)
    columns = [name for name in frame.columns if asked.names.get(name) != "ignore"]
    given = {name: new for name, new in asked.names.items() if name in columns}
    free = {name: names.squeezed(name) for name in columns if name not in given}
    found = {**given, **matched(free, names.IDS, frozenset(given.values()))}
    _pairs(free, found)
    _other_items(free, found)
    table = asked.table or _table(sample, free, found, where)
    _plain_id(table, free, found)
    _needed(table, found, frame, where)
    if table == "events":
        return events_layout(sample, free, found, asked, where, frame.columns)
    if table == "items":
        return items_layout(sample, free, found, asked, frame.columns)
    return people_layout(sample, table, columns, found)


# -- which table --------------------------------------------------------------------------------------------------------


def _table(sample: pl.DataFrame, free: Mapping[str, str], found: Mapping[str, str], where: str) -> str:
    there = set(found.values())
    if {"user_id", "friend_id"} <= there and "item_id" not in there:
        return "edges"
    acts = matched(free, {"event_type": names.EVENTS["event_type"], **names.VALUES})
    timed = matched(free, {"timestamp": names.EVENTS["timestamp"]})
    if {"user_id", "item_id"} <= there or ("user_id" in there and timed and "event_type" in acts.values()):
        return "events"
    if "user_id" in there:
        return _users_or_doubt(sample, found, acts, timed, where)
    if "item_id" in there:
        return _items_or_doubt(sample, free, found, timed, where)
    hint = _from_name(where)
    if any(one in names.PLAIN_IDS for one in free.values()):
        item = len(matched(free, {k: v for k, v in names.ITEMS.items() if k != "title"}))
        user = sum(one in names.USERS for one in free.values())
        named = bool(matched(free, {"title": names.ITEMS["title"]}))
        if hint in ("items", "users") or item != user or (named and not user):
            return hint if hint in ("items", "users") else "items" if item >= user else "users"
    raise MissingColumn("user_id or item_id", sample.columns, where, _advice("what its columns are"))


def _users_or_doubt(
    sample: pl.DataFrame, found: Mapping[str, str], acts: Mapping[str, str], timed: Mapping[str, str], where: str
) -> str:
    """A file with users and no items: what happened between them and items is never taken for what is known of users."""
    column = next(name for name, new in found.items() if new == "user_id")
    repeated = _repeats(sample[column])
    clear = {names.squeezed(name) for name in timed} & {
        "timestamp",
        "eventtime",
        "ts",
        "time",
        "datetime",
        "时间",
        "时间戳",
    }
    if _from_name(where) == "users" and not repeated:
        return "users"
    if repeated or acts or clear:
        why = f"the ids in '{column}' repeat" if repeated else f"there is a column '{next(iter({**acts, **timed}))}'"
        raise MissingColumn(
            "item_id",
            sample.columns,
            where,
            f"It looks like what users did, since {why}. {_advice('which the item is')}",
        )
    return "users"


def _items_or_doubt(
    sample: pl.DataFrame, free: Mapping[str, str], found: Mapping[str, str], timed: Mapping[str, str], where: str
) -> str:
    column = next(name for name, new in found.items() if new == "item_id")
    if _is_long(free, found) or not timed or not _repeats(sample[column]):
        return "items"
    hint = f"It looks like what happened to items, since the ids in '{column}' repeat. {_advice('which the user is')}"
    raise MissingColumn("user_id", sample.columns, where, hint)


def _repeats(ids: pl.Series) -> bool:
    filled = ids.drop_nulls()
    return len(filled) >= 3 and filled.n_unique() < 0.9 * len(filled)


def _from_name(where: str) -> str:
    """The table a file's name speaks of."""
    stem = Path(where).name.lower().split(".")[0]
    for table, pattern in {
        "users": r"user|customer|member|client|visitor|用户|会员|客户|顾客",
        "events": r"event|interaction|rating|click|order|purchase|transaction|log|behavio|view|action|feedback|行为|评分|订单|记录",
        "items": r"item|product|catalog|good|article|movie|book|商品|物品|产品|目录",
    }.items():
        if re.search(pattern, stem):
            return table
    return ""


def _needed(table: str, found: Mapping[str, str], frame: pl.DataFrame, where: str) -> None:
    for name in {
        "events": ("user_id",),
        "items": ("item_id",),
        "users": ("user_id",),
        "edges": ("user_id", "friend_id"),
    }[table]:
        if name not in found.values():
            raise MissingColumn(name, frame.columns, where, _advice("which it is"))


def _advice(what: str) -> str:
    return f"Say {what}, as --name COLUMN=item_id (or user_id), or what the file is, as --as events, items, users or edges."


# -- ids ------------------------------------------------------------------------------------------------------------------


def _pairs(free: dict[str, str], found: dict[str, str]) -> None:
    """Two users make a tie; and where nobody is named, a session stands for its visitor."""
    there = set(found.values())
    first = next((name for name, one in free.items() if one in names.FIRST_USERS), None)
    if "friend_id" not in there and "user_id" in there and first is None:
        return
    if "user_id" not in there and first is not None:
        second = matched(free, {"friend_id": (*names.IDS["friend_id"], "targetid", "target")})
        if second or "friend_id" in there:
            found.update({first: "user_id", **second})


def _other_items(free: Mapping[str, str], found: dict[str, str]) -> None:
    """A column like wine_id: the one id that is no user's, session's or category's."""
    there = set(found.values())
    if "item_id" not in there and "friend_id" not in there:
        candidates = [name for name in free if name not in found and _names_an_item(name)]
        if len(candidates) == 1:
            found[candidates[0]] = "item_id"
    there = set(found.values())
    if "user_id" not in there and "item_id" in there and "friend_id" not in there:
        session = next((name for name, one in free.items() if name not in found and one in names.SESSIONS), None)
        if session is not None:
            found[session] = "user_id"


def _names_an_item(name: str) -> bool:
    bare = name.strip().split(":")[0]
    one = names.squeezed(bare)
    if re.search(r"[\u4e00-\u9fff]", bare):
        base = re.sub(r"(id|编号|编码|代码)$", "", one)
        return (
            base != one
            and base != ""
            and not any(base.startswith(other) for other in names.NO_ITEMS if not other.isascii())
        )
    base = bare[:-2]
    if bare[-2:].lower() != "id" or not re.search(r"[\W_]\Z" if bare[-2] == "i" else r"[\W_a-z]\Z", base):
        return False
    return names.squeezed(base) not in ("", *names.NO_ITEMS)


def _plain_id(table: str, free: Mapping[str, str], found: dict[str, str]) -> None:
    wanted = {"items": "item_id", "users": "user_id"}.get(table)
    if wanted and wanted not in found.values():
        column = next((name for name, one in free.items() if one in names.PLAIN_IDS), None)
        if column is not None:
            found[column] = wanted


def _is_long(free: Mapping[str, str], found: Mapping[str, str]) -> bool:
    return "item_id" in found.values() and len(long_columns(free, found)) == 2
