"""Diagnosis: what is odd about data that was read without complaint, and would come out as odd lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from zhiyin.behaviour.kinds import TABLE
from zhiyin.data.reading.alike import alike
from zhiyin.data.reading.summary import DAY, EARLY, ratings_said
from zhiyin.data.scales import scale_of
from zhiyin.item import Item
from zhiyin.text.attributes import out_of_stock

NOBODY = frozenset(
    [
        "0",
        "-1",
        "1",
        "guest",
        "anonymous",
        "anon",
        "unknown",
        "none",
        "null",
        "test",
        "admin",
        "default",
        "visitor",
        "游客",
        "匿名",
        "访客",
        "未登录",
        "测试",
    ]
)
"""Ids that stand for nobody, or for everybody who is not logged in."""

SCRIPTS = (
    ("Chinese", re.compile(r"[\u4e00-\u9fff]")),
    ("Japanese", re.compile(r"[\u3040-\u30ff]")),
    ("Korean", re.compile(r"[\uac00-\ud7af]")),
    ("Cyrillic", re.compile(r"[\u0400-\u04ff]")),
    ("Arabic", re.compile(r"[\u0600-\u06ff]")),
    ("Latin", re.compile(r"[A-Za-z\u00c0-\u024f]")),
)

GARBLED = re.compile("Ã[\u0080-\u00bf]|â€|锟斤拷|\ufffd|æ[\u0080-\u00bf]|ï¿½")
"""What letters look like that were read in the wrong encoding."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found. about: what of the data. said: a sentence, with figures. odd: whether to look into it."""

    about: str
    said: str
    odd: bool = False

    def __str__(self) -> str:
        return f"{'!' if self.odd else ' '} {self.about}: {self.said}"


@dataclass(frozen=True)
class Patient:
    """The data that is looked at. events: user_id, item_id, event_type, timestamp, value. now: seconds since 1970 or None."""

    events: pl.DataFrame
    items: Sequence[Item] = ()
    users: Collection[str] = ()
    clock: bool = True
    now: float | None = None
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def diagnose(data: Patient) -> list[Finding]:
    """Everything that can be said of the data, in a fixed order."""
    found: list[Finding] = []
    for look in CHECKS:
        found += look(data)
    return found


def _size(data: Patient) -> list[Finding]:
    events = data.events
    users, items = events["user_id"].n_unique(), events.filter(pl.col("item_id") != "")["item_id"].n_unique()
    kinds = events["event_type"].value_counts(sort=True)
    named = ", ".join(f"{count:,} {kind}" for kind, count in kinds.iter_rows())
    said = f"{len(events):,} events ({named}) of {users:,} users with {items:,} items"
    found = [Finding("size", said)]
    if not len(events):
        return [Finding("size", "there are no events; nothing can be learned", odd=True)]
    likes = {kind.name for kind in TABLE if kind.weight > 0}
    if not set(kinds["event_type"]) & likes:
        found.append(
            Finding("kinds", "none of these kinds speaks for an item: nothing can be learned of taste", odd=True)
        )
    once = (events["user_id"].value_counts()["count"] == 1).mean()
    if isinstance(once, float) and once > 0.5:
        found.append(
            Finding("users", f"{once:.0%} of the users have one event alone: their lists are of what is popular")
        )
    return found


def _visitors(data: Patient) -> list[Finding]:
    """Users and items that have more events than one person or thing can have."""
    found = []
    for column, one, many in (("user_id", "user", "users"), ("item_id", "item", "items")):
        counts = (
            data.events.filter(pl.col(column) != "")[column]
            .value_counts()
            .sort("count", column, descending=[True, False])
        )
        if len(counts) < 5:
            continue
        total, usual = int(counts["count"].sum()), float(counts["count"].median())  # type: ignore[arg-type]
        for name, count in counts.head(3).iter_rows():
            share = count / total
            nobody = column == "user_id" and name.strip().lower() in NOBODY
            if (
                (column == "user_id" and share >= 0.03 and count >= 10 * usual)
                or share >= 0.2
                or (nobody and share >= 0.01 and count >= 3 * usual)
            ):
                why = (
                    "which may stand for everybody not logged in"
                    if nobody
                    else f"the median of the {many} has {usual:,.0f}"
                )
                advice = "; if it is no person, leave its rows out" if column == "user_id" else ""
                said = f"'{name}' alone has {share:.0%} of the events ({count:,}); {why}{advice}"
                found.append(Finding(f"one {one}", said, odd=True))
    return found


def _ratings(data: Patient) -> list[Finding]:
    rated = data.events.filter((pl.col("event_type") == "rating") & pl.col("value").is_not_null())
    values = rated["value"].to_numpy()
    scale = scale_of(values)
    if scale is None:
        return []
    odd = scale.counts or bool(scale.unrated)
    found = [Finding("ratings", said.removeprefix("ratings: "), odd) for said in ratings_said(values)]
    if scale.counts:
        advice = 'name the column "plays" or "quantity", or give the rows their kind'
        found.append(Finding("ratings", f"if they are counts, {advice}", odd=True))
    elif len(np.unique(values)) == 1:
        found.append(
            Finding("ratings", f"all of them are {values[0]:g}, so that none says more than another", odd=True)
        )
    else:
        low = scale.low + 0.4 * (scale.high - scale.low)
        share = float(((values < low) & ~scale.outside(values)).mean())
        if share > 0.5:
            found.append(
                Finding(
                    "ratings", f"{share:.0%} of them count against their items, which is rare among people", odd=True
                )
            )
    return found


def _times(data: Patient) -> list[Finding]:
    if not data.clock:
        return [Finding("times", "there are none; the order of the rows counts, and nothing is newer or trending")]
    times = data.events["timestamp"]
    count = len(times)
    if not count:
        return []
    found = [Finding("times", f"from {_moment(times.to_numpy().min())} to {_moment(times.to_numpy().max())} UTC")]
    early = int((times < EARLY).sum())
    late = 0 if data.now is None else int((times > data.now + DAY).sum())
    for number, where in ((early, "before 1990: say the unit they are in, as --times"), (late, "after tomorrow")):
        if number:
            found.append(Finding("times", f"{number:,} of {count:,} lie {where}", odd=True))
    return found + _equal_times(data.events)


def _moment(time: float) -> str:
    return str(np.datetime64(int(time), "s"))


def _equal_times(events: pl.DataFrame) -> list[Finding]:
    times, count = events["timestamp"], len(events)
    frequent = times.value_counts().sort("count", descending=True)
    share = frequent["count"][0] / count
    if count >= 10 and share >= 0.2:
        said = f"{share:.0%} of the events have one and the same time ({_moment(frequent['timestamp'][0])})"
        return [Finding("equal times", f"{said}: it may be that of an export", odd=True)]
    if count >= 10 and bool((times % DAY == 0).all()):
        return [Finding("equal times", "all times are days: of one day, the order of the rows counts", odd=True)]
    together = int(events.group_by("user_id", "timestamp").len().filter(pl.col("len") > 1)["len"].sum())
    if count >= 10 and together >= 0.5 * count:
        said = f"{together / count:.0%} of the events share their user's time with another one (baskets, or an import)"
        return [Finding("equal times", f"{said}: among them the order of the rows counts", odd=True)]
    return []


def _repeats(data: Patient) -> list[Finding]:
    said = ["user_id", "item_id", "event_type", "timestamp", "value"]
    repeats = len(data.events) - data.events.select(said).n_unique() if data.clock else 0
    if repeats < 0.01 * max(len(data.events), 1):
        return []
    share = repeats / len(data.events)
    return [
        Finding("repeats", f"{repeats:,} events ({share:.0%}) say what an earlier one says, to the second", odd=True)
    ]


def _matches(data: Patient) -> list[Finding]:
    """Ids in events that no row is known of, and why that may be."""
    named = {"items": _counts(data.events, "item_id"), "users": _counts(data.events, "user_id")}
    known = {"items": {one.item_id for one in data.items}, "users": set(data.users)}
    found = []
    for what, counts in named.items():
        total = sum(counts.values())
        if not known[what]:
            if what == "items":
                found.append(Finding("items", "no catalogue: items have no title, and lists show ids", odd=True))
        elif total:
            lost = {one: count for one, count in counts.items() if one not in known[what]}
            share = 1 - sum(lost.values()) / total
            has = f"{share:.0%} of the events name {what} that have a row; {len(lost):,} of {len(counts):,} {what} have none"
            idle = len(known[what] - counts.keys())
            found.append(
                Finding(what, f"{has}; {idle:,} rows are of {what} without events", odd=share < 0.9 and what == "items")
            )
            if said := alike(lost, known[what]):
                found.append(Finding(f"{what} that match nothing", said, odd=True))
        if said := alike(counts, counts):
            found.append(Finding(f"{what} twice", said, odd=True))
    return found


def _counts(events: pl.DataFrame, column: str) -> dict[str, int]:
    counts = events.filter(pl.col(column) != "")[column].value_counts()
    return dict(zip(counts[column].to_list(), counts["count"].to_list(), strict=True))


def _catalogue(data: Patient) -> list[Finding]:
    items = data.items
    if not items:
        return []
    found = []
    for number, what in (
        (sum(not one.title for one in items), "have no title"),
        (sum(not one.content() for one in items), "have no title, text or topic: nothing is known of them but events"),
        (sum(bool(GARBLED.search(one.title + one.text[:200])) for one in items), "have garbled letters: read with another --encoding"),
        (len(items) - len({(one.title, one.text) for one in items if one.title}) - sum(not one.title for one in items), "have the title and text of another item"),
    ):  # fmt: skip
        if number:
            found.append(Finding("catalogue", f"{number:,} of {len(items):,} items {what}", odd=True))
    gone = sum(out_of_stock(one.attributes) for one in items)
    hidden = sum(one.hidden for one in items)
    if gone or hidden:
        said = f"{gone:,} of {len(items):,} items are out of stock and {hidden:,} hidden: they are not recommended"
        found.append(Finding("catalogue", said, odd=gone + hidden > 0.5 * len(items)))
    codes = sorted({str(one.attributes["currency"]) for one in items if one.attributes.get("currency")})
    if len(codes) > 1:
        found.append(
            Finding("prices", f"they are in {', '.join(codes)}: a range of prices compares them all alike", odd=True)
        )
    return found


def _languages(data: Patient) -> list[Finding]:
    counts: dict[str, int] = {}
    for one in data.items:
        script = next((name for name, pattern in SCRIPTS if pattern.search(one.title or one.text[:200])), "")
        if script:
            counts[script] = counts.get(script, 0) + 1
    total = sum(counts.values())
    if not total:
        return []
    shares = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    said = ", ".join(f"{count / total:.0%} {name}" for name, count in shares)
    foreign = sum(count for name, count in shares if name not in ("Chinese", "Latin")) / total
    found = [Finding("languages", f"of the titles {said}")]
    if foreign > 0.1:
        found.append(Finding("languages", "messages and words are understood in English and Chinese alone", odd=True))
    return found


def _notes(data: Patient) -> list[Finding]:
    return [Finding(file, said) for file, lines in data.notes.items() for said in lines]


CHECKS = (_size, _visitors, _ratings, _times, _repeats, _matches, _catalogue, _languages, _notes)
