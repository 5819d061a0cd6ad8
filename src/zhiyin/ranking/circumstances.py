"""How well items fit the circumstances of a request: who is on a phone, or comes at night, may like other things.

For each key (device, place, surface, hour) and each of its values: the logarithm of how many people liked an item there,
over how many would have if it were liked everywhere alike, drawn towards 0 where few are known. A key is read only
if what one half of the people did says enough (LEAST) of what the other half did; so data without such differences, and
shuffled ones, have no such column at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Longs
from zhiyin.data.circumstances import KEYS, values
from zhiyin.data.dataset import Dataset
from zhiyin.data.worth import lift, surely
from zhiyin.query import Query

READ = (*KEYS, "hour")
"""Keys that are tried."""

SHRINKAGE = 5.0
"""People that are added to what was counted and to what was expected."""

FEWEST = 20
"""People a value needs."""

MOST = 32
"""Values of one key that are kept, those of most people."""

SURE = 3.0
"""Standard errors by which a key must say more than nothing."""

LEAST = 0.1
"""What a key must be worth on average, as a logarithm: likes a tenth more usual there than elsewhere. For less, questions
are not taken apart by it."""

AROUND = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
"""How much the hours beside an hour count for it."""


def telling(dataset: Dataset) -> tuple[str, ...]:
    """The keys of circumstances that say something of what is liked."""
    return fitting_keys(learn_fits(dataset))


def learn_fits(dataset: Dataset, keys: Sequence[str] | None = None) -> dict[str, Array]:
    """The fits of the keys that say something, or of those given. fits.KEY [values, items] and fits.KEY.values [values]."""
    found: dict[str, Array] = {}
    for key in READ if keys is None else keys:
        likes, names = _likes(dataset, key)
        if keys is None and not _says_something(likes, len(names), dataset, key):
            continue
        found[f"fits.{key}"] = _lifts(likes, len(names), len(dataset.items), key).astype(np.float32)
        found[f"fits.{key}.values"] = np.array([_code(name) for name in names], np.int64)
    return found


def fitting_keys(facts: Mapping[str, Array]) -> tuple[str, ...]:
    """The keys there are fits for."""
    return tuple(key for key in READ if f"fits.{key}" in facts)


def fits(facts: Mapping[str, Array], query: Query, items: Array, clock: bool) -> Doubles:
    """How well items fit the request by each of fitting_keys; 0 for values and items nobody knows. [items, keys]"""
    keys = fitting_keys(facts)
    found = np.zeros((len(items), len(keys)))
    for column, key in enumerate(keys):
        rows = np.flatnonzero(facts[f"fits.{key}.values"] == _code(said(query, key, clock)))
        table = facts[f"fits.{key}"]
        inside = items < table.shape[1]
        if len(rows):
            found[inside, column] = table[rows[0], items[inside]]
    return found


def said(query: Query, key: str, clock: bool) -> str:
    """What a request says of a key, folded; its moment says the hour where nothing else does. "" for nothing."""
    told = str(query.context.get(key, "") or "").strip().casefold()
    if told or key != "hour" or not clock or query.now <= 0:
        return told
    return str(int(query.now // 3600 % 24))


def _code(name: str) -> int:
    """A number for a value that is the same everywhere; 0 for none."""
    return (
        int.from_bytes(blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "little") >> 1
        if name
        else 0
    )


def _likes(dataset: Dataset, key: str) -> tuple[Longs, list[str]]:
    """Who liked what in which circumstance, once for each: user, value, item; and the values kept. [likes, 3]"""
    table = dataset.interactions.where((dataset.interactions.weights > 0) & dataset.dated)
    places, names = values(dataset, table, key)
    rows = np.stack([table.users, places, table.items], 1).astype(np.int64)[places >= 0]
    if not len(rows):
        return rows, []
    rows = np.unique(rows, axis=0)
    people = np.bincount(np.unique(rows[:, :2], axis=0)[:, 1], minlength=len(names))
    most = np.argsort(-people, kind="stable")[:MOST]
    kept = np.sort(most[people[most] >= FEWEST])
    if len(kept) < 2:
        return rows[:0], []
    renamed = np.full(len(names), -1)
    renamed[kept] = np.arange(len(kept))
    rows[:, 1] = renamed[rows[:, 1]]
    return rows[rows[:, 1] >= 0], [names[place] for place in kept]


def _lifts(likes: Longs, count: int, items: int, key: str) -> Doubles:
    """The fits of items to `count` values. [values, items]"""
    found = np.bincount(likes[:, 1] * items + likes[:, 2], minlength=count * items).reshape(count, items)
    counted = found.astype(np.float64)
    if key == "hour" and count == 24:
        shifts = range(-(len(AROUND) // 2), len(AROUND) // 2 + 1)
        parts = [share * np.roll(counted, shift, 0) for share, shift in zip(AROUND, shifts, strict=True)]
        counted = np.sum(parts, 0)
    expected = counted.sum(1, keepdims=True) * counted.sum(0) / max(counted.sum(), 1)
    return lift(counted, expected, SHRINKAGE)


def _says_something(likes: Longs, count: int, dataset: Dataset, key: str) -> bool:
    """Whether the fits of one half of the people are, for the likes of the other, above 0 by SURE standard errors and LEAST."""
    if not count:
        return False
    half: Bools = (np.random.default_rng(0).random(len(dataset.users)) < 0.5)[likes[:, 0]]
    worth = np.zeros(len(likes))
    for own in (half, ~half):
        lifts = _lifts(likes[own], count, len(dataset.items), key)
        worth[~own] = lifts[likes[~own, 1], likes[~own, 2]]
    _, person = np.unique(likes[:, 0], return_inverse=True)
    means = np.bincount(person, worth) / np.bincount(person)
    return len(means) >= FEWEST and surely(means, SURE, LEAST)
