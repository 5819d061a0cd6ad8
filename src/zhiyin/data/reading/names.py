"""Names of columns in other systems' files, and which table a file is."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from zhiyin.errors import MissingColumn
from zhiyin.kinds import DEFAULT

IDS = {
    "user_id": ("user_id", "userid", "user", "customer_id", "customerid", "reviewerid", "uid", "visitorid"),
    "item_id": (
        *("item_id", "itemid", "parent_asin", "asin", "movieid", "movie_id", "product_id", "productid", "artist_id"),
        *("article_id", "stockcode", "sku", "iid", "item"),
    ),
    "friend_id": ("friend_id", "friendid", "target_id", "target_user_id", "followee_id"),
}
"""Names of ids, the preferred first."""

EVENTS = {
    "timestamp": ("timestamp", "unixreviewtime", "event_time", "created_at", "datetime", "time", "ts", "date"),
    "event_type": (
        "event_type",
        "eventtype",
        "feedbacktype",
        "feedback_type",
        "behavior_type",
        "behavior",
        "action",
        "event",
    ),
    "value": ("value", "event_value", "rating", "overall", "stars", "score", "quantity", "plays"),
    "session_id": ("session_id", "sessionid"),
    "request_id": ("request_id", "recommendation_id"),
    "event_id": ("event_id", "eventid"),
    "position": ("position",),
    "propensity": ("propensity",),
    "context": ("context",),
}

ITEMS = {
    "title": ("title", "name", "product_name", "item_name", "movie_title", "comment"),
    "text": ("text", "description", "overview"),
    "available_from": ("available_from", "creation_timestamp", "timestamp"),
    "available_until": ("available_until",),
    "hidden": ("hidden", "ishidden", "is_hidden"),
    "images": ("images", "image", "imageurl", "image_url", "imageurlhighres"),
}

KIND_OF_VALUE = {
    **dict.fromkeys(("rating", "overall", "stars", "score"), "rating"),
    "quantity": "purchase",
    "plays": "listen",
}
"""What an event is that has no type, by the name of its value."""

NOISE = frozenset(
    {"also_buy", "also_view", "similar_item", "bought_together", "videos", "rank", "tech1", "tech2", "related"}
)
"""Columns of published item files that are no attributes."""


@dataclass(frozen=True)
class Layout:
    """What a file is: the table, new name by column, the kind of events that have none, and columns not used."""

    table: str
    renamed: dict[str, str]
    kind: str
    ignored: tuple[str, ...]


def layout_of(frame: pl.DataFrame, where: str) -> Layout:
    """Which table a frame is. Raises MissingColumn when neither users nor items can be found in it."""
    plain = {name: _plain(name) for name in frame.columns}
    found = _match(plain, IDS)
    names = set(found.values())
    timed = _match(plain, {"timestamp": EVENTS["timestamp"], "event_type": EVENTS["event_type"]})
    if "friend_id" in names and "user_id" in names and "item_id" not in names:
        return Layout("edges", found, "", tuple(name for name in plain if name not in found))
    if names >= {"user_id", "item_id"} or ("user_id" in names and set(timed.values()) >= {"timestamp", "event_type"}):
        return _events(plain, found)
    if "item_id" in names:
        return _items(plain, found)
    if "user_id" in names:
        renamed = {name: found.get(name, plain[name]) for name in plain}
        return Layout("users", renamed, "", ())
    raise MissingColumn("user_id or item_id", frame.columns, where)


def _events(plain: dict[str, str], found: dict[str, str]) -> Layout:
    renamed = _match({name: one for name, one in plain.items() if name not in found}, EVENTS)
    value = next((plain[name] for name, new in renamed.items() if new == "value"), "")
    used = {**{name: new for name, new in found.items() if new != "friend_id"}, **renamed}
    return Layout("events", used, KIND_OF_VALUE.get(value, DEFAULT), tuple(name for name in plain if name not in used))


def _items(plain: dict[str, str], found: dict[str, str]) -> Layout:
    renamed = _match({name: one for name, one in plain.items() if name not in found}, ITEMS)
    ignored = tuple(
        name for name, one in plain.items() if one in NOISE or (one in IDS["item_id"] and name not in found)
    )
    taken = {*found.values(), *renamed.values()}
    others = {
        name: one if one not in taken else f"{one}_"
        for name, one in plain.items()
        if name not in found and name not in renamed and name not in ignored
    }
    return Layout("items", {**found, **renamed, **others}, "", ignored)


def _match(plain: dict[str, str], wanted: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Column -> our name: for each of our names the first of its names that is there."""
    by_plain: dict[str, str] = {}
    for name, one in plain.items():
        by_plain.setdefault(one, name)
    matched: dict[str, str] = {}
    for new, names in wanted.items():
        column = next((by_plain[one] for one in names if one in by_plain and by_plain[one] not in matched), None)
        if column is not None:
            matched[column] = new
    return matched


def _plain(name: str) -> str:
    """A column's name without RecBole's type, in small letters."""
    return re.sub(r"\W+", "_", name.strip().removeprefix("\ufeff").split(":")[0].strip()).lower()
