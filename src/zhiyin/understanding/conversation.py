"""Conversation: what has been asked for so far, one message at a time, as constraints that any item either meets or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from zhiyin.arrays import Bools
from zhiyin.item import Item, Items, Tags
from zhiyin.query import Condition
from zhiyin.understanding.lexicon import Lexicon, Topic, fold
from zhiyin.understanding.numbers import Range, meet
from zhiyin.understanding.reading import Choice, Reading

SHOWN = 200
"""Items remembered as shown, the newest."""


@dataclass(frozen=True)
class Ask:
    """What a conversation has asked for so far.

    wanted, unwanted, avoid, ranges: see Reading; every one of them is a hard constraint. text: the wish in words. like:
    ids of items to be like. count: items per answer, 0 for the default. shown: ids shown so far, oldest first. last: ids of
    the newest list, in order. turns: messages so far.
    """

    wanted: tuple[Choice, ...] = ()
    unwanted: tuple[Topic, ...] = ()
    avoid: tuple[str, ...] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)
    text: str = ""
    like: tuple[str, ...] = ()
    count: int = 0
    shown: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    turns: int = 0

    def conditions(self) -> tuple[Condition, ...]:
        """What is wanted, as filters of a request."""
        values = [Condition(name, values) for name, values in self.wanted]
        return (*values, *(Condition(name, (), low, high) for name, (low, high) in self.ranges.items()))

    def meets(self, item: Item) -> bool:
        """Whether an item meets every hard constraint. Nothing that does not is ever shown."""
        attributes, tags = item.attributes, item.tags()
        if any(topic in self.unwanted for topic in tags):
            return False
        for name, wanted in self.wanted:
            if not any((name, value) in tags for value in wanted):
                return False
        for name, (low, high) in self.ranges.items():
            number = attributes.get(name)
            if isinstance(number, bool) or not isinstance(number, int | float):
                return False
            if (low is not None and number < low) or (high is not None and number > high):
                return False
        words = f" {fold(item.title)} "
        return not any(
            (word in words) if not word.isascii() else f" {word.removesuffix('s')}" in words for word in self.avoid
        )

    def without(self, attribute: str) -> Ask:
        """The same with nothing asked of an attribute."""
        return replace(
            self,
            wanted=tuple(one for one in self.wanted if one[0] != attribute),
            ranges={name: limits for name, limits in self.ranges.items() if name != attribute},
            unwanted=tuple(topic for topic in self.unwanted if topic[0] != attribute),
        )

    def showing(self, ids: Sequence[str]) -> Ask:
        """The same after a list was shown."""
        shown = (*(one for one in self.shown if one not in ids), *ids)
        return replace(self, shown=shown[-SHOWN:], last=tuple(ids))

    def table(self) -> dict[str, Any]:
        """As plain values; `Ask.of` reads them."""
        return asdict(self)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Ask:
        """From plain values."""
        return cls(
            tuple((name, tuple(values)) for name, values in table["wanted"]),
            tuple((name, value) for name, value in table["unwanted"]),
            tuple(table["avoid"]),
            {name: (low, high) for name, (low, high) in table["ranges"].items()},
            table["text"], tuple(table["like"]), table["count"], tuple(table["shown"]), tuple(table["last"]), table["turns"],
        )  # fmt: skip


def heard(ask: Ask, reading: Reading, items: Items) -> Ask:
    """What is asked for after one more message.

    New values take the place of the old ones of the same attribute, or come to them when the message says so; what is
    wanted now is no longer unwanted, and the other way round. A comparison ("cheaper") is with the newest list.
    """
    if reading.intent == "reset":
        return Ask(turns=ask.turns + 1)
    for attribute in reading.free:
        ask = ask.without(attribute)
    gone, named = set(reading.unwanted), {name for name, _ in reading.wanted}
    wanted = _kept((one for one in ask.wanted if one[0] not in named), gone) + _kept(reading.wanted, gone)
    if reading.more:
        wanted = _kept(ask.wanted, gone)
        for name, values in reading.wanted:
            wanted = _widened(wanted, name, values)
    asked = {(name, value) for name, values in reading.wanted for value in values}
    unwanted = tuple(dict.fromkeys((*(one for one in ask.unwanted if one not in asked), *reading.unwanted)))
    ranges = {**ask.ranges, **reading.ranges}
    result = replace(
        ask, wanted=wanted, unwanted=unwanted, avoid=tuple(dict.fromkeys((*ask.avoid, *reading.avoid))), ranges=ranges,
        count=reading.count or ask.count, turns=ask.turns + 1, like=_like(ask, reading, items),
        text=_text(ask, reading),
    )  # fmt: skip
    return _compared(result, reading, items)


def _kept(choices: Iterable[Choice], gone: set[Topic]) -> tuple[Choice, ...]:
    left = ((name, tuple(value for value in values if (name, value) not in gone)) for name, values in choices)
    return tuple((name, values) for name, values in left if values)


def _widened(choices: tuple[Choice, ...], name: str, values: tuple[str, ...]) -> tuple[Choice, ...]:
    """The same choices where these values will do as well."""
    if not any(one == name for one, _ in choices):
        return (*choices, (name, values))
    return tuple((one, tuple(dict.fromkeys((*kept, *values))) if one == name else kept) for one, kept in choices)


def _text(ask: Ask, reading: Reading) -> str:
    """A new wish in words takes the place of the old one; a message about other things leaves it."""
    return reading.text or ask.text


def _like(ask: Ask, reading: Reading, items: Items) -> tuple[str, ...]:
    if reading.intent != "similar":
        return ask.like
    if reading.like >= 0:
        return (items[reading.like].item_id,)
    one = spoken_of(ask, reading)
    return (one,) if one else ask.like


def spoken_of(ask: Ask, reading: Reading) -> str:
    """The id of the item of the newest list that a message speaks of: by its place, else the only or first one."""
    if not ask.last:
        return ""
    place = reading.rank or 1
    at = len(ask.last) - 1 if place < 0 else place - 1
    return ask.last[at] if at < len(ask.last) else ""


def _compared(ask: Ask, reading: Reading, items: Items) -> Ask:
    """ "Cheaper" and the like: beyond the middle of what was shown last."""
    lexicon = Lexicon.of(items)
    shown = [items[at] for one in ask.last if (at := items.vocabulary.get(one)) >= 0]
    if reading.rank and (one := spoken_of(ask, reading)):
        shown = [items[items.vocabulary.get(one)]]
    for attribute, sign in reading.relative.items():
        scale = lexicon.scale(attribute)
        if scale:
            now = [value for name, values in ask.wanted if name == attribute for value in values]
            now = now or [value for one in shown for name, value in one.tags() if name == attribute]
            others = tuple(one for one in ask.wanted if one[0] != attribute)
            ask = replace(ask, wanted=(*others, (attribute, _beyond(scale, now, sign))))
            continue
        values = [float(v) for one in shown if isinstance(v := one.attributes.get(attribute), int | float)]
        middle = float(np.median(values)) if values else float(np.nanmedian(lexicon.columns[attribute]))
        edge = float(np.nextafter(middle, sign * np.inf))
        limit: Range = (None, edge) if sign < 0 else (edge, None)
        ask = replace(ask, ranges={**ask.ranges, attribute: meet(ask.ranges.get(attribute, (None, None)), limit)})
    return ask


def _beyond(scale: Sequence[str], now: Sequence[str], sign: int) -> tuple[str, ...]:
    """The values of a scale below, or above, the middle of those of now; the last one when there is none beyond."""
    places = sorted(scale.index(one) for one in now if one in scale) or [len(scale) // 2]
    middle = places[len(places) // 2]
    beyond = scale[:middle] if sign < 0 else scale[middle + 1 :]
    return tuple(beyond) or (scale[0 if sign < 0 else -1],)


def meeting(ask: Ask, items: Items) -> Bools:
    """Which items meet an ask: what Ask.meets says of each, for the whole catalogue at once. [items]"""
    tags, lexicon = items.tags, Lexicon.of(items)
    good = np.ones(tags.matrix.shape[0], np.bool_)
    for name, values in ask.wanted:
        good &= _having(tags, [(name, value) for value in values])
    if ask.unwanted:
        good &= ~_having(tags, ask.unwanted)
    for name, (low, high) in ask.ranges.items():
        column = lexicon.columns.get(name, np.full(len(good), np.nan))
        good &= (column >= (-np.inf if low is None else low)) & (column <= (np.inf if high is None else high))
    if ask.avoid:
        bare = Ask(avoid=ask.avoid)
        good[[at for at in np.flatnonzero(good) if not bare.meets(items[int(at)])]] = False
    return good


def _having(tags: Tags, topics: Iterable[Topic]) -> Bools:
    """Which items have any of the topics."""
    columns = [tags.positions[topic] for topic in topics if topic in tags.positions]
    wanted = np.zeros(len(tags.names), np.float32)
    wanted[columns] = 1
    return np.asarray(tags.matrix @ wanted > 0)


def loosened(ask: Ask, items: Items, available: Bools) -> list[tuple[str, int]]:
    """When nothing meets an ask: the attributes without which something would, with how many items, most first."""
    names = dict.fromkeys((*(name for name, _ in ask.wanted), *ask.ranges, *(name for name, _ in ask.unwanted)))
    counts = []
    for name in names:
        good = meeting(ask.without(name), items)
        size = min(len(good), len(available))  # an item may just have been added
        counts.append((name, int((good[:size] & available[:size]).sum())))
    return sorted((one for one in counts if one[1]), key=lambda one: -one[1])
