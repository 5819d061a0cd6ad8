"""Codes: what is categorical about a request, an item and their pair, hashed to numbers that no catalogue can outgrow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from zhiyin.arrays import Array, Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.item import Items, Tags
from zhiyin.query import Query
from zhiyin.vocabulary import Vocabulary

Codes = npt.NDArray[np.uint64]
"""64-bit hashes; 0 stands for nothing."""

VALUES = 3
"""Values of one attribute of one item that are read at most."""

NAMES = 6
"""Attributes that are read at most, those that most items have."""

CONTEXT = ("device", "place")
"""Keys of a request's context that are read."""

FADE = 0.8
"""How much less each earlier event counts when the values a user likes most are looked for."""


def code(*words: str) -> int:
    """The hash of a few words, the same on every machine and in every run; never 0."""
    digest = blake2b("\x1f".join(words).encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def crossed(left: Codes | int, right: Codes | int, salt: int = 0) -> Codes:
    """The hash of a pair: order counts; a pair with nothing (0) is nothing. Shapes as numpy broadcasts them.

    salt keeps pairs of different kinds apart.
    """
    first, second = np.atleast_1d(np.asarray(left, np.uint64)), np.atleast_1d(np.asarray(right, np.uint64))
    mixed = _scattered(first + np.uint64(salt * 2 + 1)) ^ (second * np.uint64(0x9E3779B97F4A7C15))
    return np.asarray(np.where((first != 0) & (second != 0), _scattered(mixed) | np.uint64(1), 0), np.uint64)


def buckets(codes: Codes, count: int) -> Ints:
    """Codes as rows of a table with `count` rows; nothing is row 0, which stays empty."""
    return np.where(codes == 0, 0, 1 + (codes >> np.uint64(8)) % np.uint64(count - 1)).astype(np.int32)


def _scattered(codes: Codes) -> Codes:
    # The finaliser of splitmix64: close numbers end far apart.
    mixed = (codes ^ (codes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def worth_reading(items: Items, most: int = NAMES) -> list[str]:
    """Names of textual attributes that most items have and that items share, so that a value says something."""
    tags = items.tags
    uses = np.bincount(tags.matrix.indices, minlength=len(tags.names)) if tags.names else np.empty(0)
    total: dict[str, int] = {}
    repeated: dict[str, int] = {}
    for (name, _), count in zip(tags.names, uses.tolist(), strict=True):
        total[name] = total.get(name, 0) + int(count)
        repeated[name] = repeated.get(name, 0) + (int(count) if count > 1 else 0)
    shared = [name for name in total if repeated[name] > 0.2 * total[name]]
    return sorted(shared, key=lambda name: (-total[name], name))[:most]


class ItemCodes:
    """The id and the attribute values of items as codes. Remembers the hashes of the catalogue it was asked of last."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._places = {name: place for place, name in enumerate(self.names)}
        self._vocabulary: Vocabulary | None = None
        self._ids: Codes = np.empty(0, np.uint64)
        self._tags: Tags | None = None
        self._values: tuple[Codes, Array] = (np.empty(0, np.uint64), np.empty(0, np.int64))

    def of(self, items: Items, wanted: Ints) -> Codes:
        """Field 0 is the id, the others the attributes. [wanted, 1 + names, VALUES]; 0 for items not in the catalogue."""
        result = np.zeros((len(wanted), 1 + len(self.names), VALUES), np.uint64)
        rows = np.flatnonzero((wanted >= 0) & (wanted < len(items)))
        if not len(rows):
            return result
        result[rows, 0, 0] = self._id_codes(items.vocabulary)[wanted[rows]]
        values, places = self._tag_codes(items.tags)
        block = items.tags.matrix[wanted[rows]]
        owner = np.repeat(rows, np.diff(block.indptr))
        named = places[block.indices] >= 0 if len(places) else np.zeros(0, np.bool_)
        owner, found = owner[named], block.indices[named]
        # Which of its attribute's values each is: values of one attribute come after each other only when sorted.
        group = owner * max(len(self.names), 1) + places[found]
        order = np.argsort(group, kind="stable")
        group, owner, found = group[order], owner[order], found[order]
        within = np.arange(len(group)) - np.searchsorted(group, group)
        few = within < VALUES
        result[owner[few], 1 + places[found[few]], within[few]] = values[found[few]]
        return result

    def _id_codes(self, vocabulary: Vocabulary) -> Codes:
        if vocabulary is not self._vocabulary:
            self._vocabulary, self._ids = vocabulary, np.empty(0, np.uint64)
        if len(self._ids) < len(vocabulary):  # a vocabulary only ever grows at its end
            more = [code("id", one) for one in vocabulary.ids[len(self._ids) :]]
            self._ids = np.concatenate([self._ids, np.array(more, np.uint64)])
        return self._ids

    def _tag_codes(self, tags: Tags) -> tuple[Codes, Array]:
        if tags is not self._tags:
            values = np.array([code(*tag) for tag in tags.names], np.uint64)
            places = np.array([self._places.get(name, -1) for name, _ in tags.names], np.int64)
            self._tags, self._values = tags, (values, places)
        return self._values


def liked_most(history: Codes) -> Codes:
    """For each attribute the value met most in a history, newest first and fading. history: [events, names, VALUES].

    [names]; 0 where the history has no value.
    """
    result = np.zeros(history.shape[1], np.uint64)
    weights = np.repeat(FADE ** np.arange(len(history)), VALUES)
    for place in range(history.shape[1]):
        values, index = np.unique(history[:, place].ravel(), return_inverse=True)
        counts = np.bincount(index, weights, minlength=len(values)) * (values != 0)
        if len(values) and counts.max() > 0:
            result[place] = values[counts.argmax()]
    return result


def context_of(query: Query) -> list[tuple[str, str]]:
    """Those of CONTEXT that a request says, folded, with what it says of them."""
    told = [(key, str(query.context.get(key) or "").strip().casefold()) for key in CONTEXT]
    return [(key, value) for key, value in told if value]


def request_codes(query: Query, attributes: Sequence[str], met: Collection[str] = ()) -> Codes:
    """The user's attributes, then the shelf and CONTEXT. [attributes + 1 + len(CONTEXT)]

    met: "key\x1fvalue" of what rows to learn from said; any other value has a row that nothing was learned for, and is
    nothing.
    """
    told = query.profile.attributes
    users = [code("user", name, told[name]) if told.get(name) else 0 for name in attributes]
    context = dict(context_of(query))
    asked = [
        code("context", key, context[key]) if "\x1f".join((key, context.get(key, ""))) in met else 0 for key in CONTEXT
    ]
    return np.array([*users, code("shelf", query.shelf), *asked], np.uint64)


def rank_codes(candidates: Candidates, sources: Sequence[str]) -> Codes:
    """For each source how high it ranked a candidate, in powers of two. [candidates, sources]; 0 where it did not."""
    result = np.zeros((len(candidates), len(sources)), np.uint64)
    for column, source in enumerate(sources):
        if candidates.source_ranks is not None and source in candidates.sources:
            ranks = candidates.source_ranks[:, candidates.sources.index(source)]
            steps = np.ceil(np.log2(np.maximum(ranks, 1))).astype(np.uint64)
            own = crossed(code("source", source), steps + np.uint64(1))
            result[:, column] = np.where(ranks > 0, own, 0)
    return result


def step_codes(name: str, values: Floats) -> Codes:
    """Numbers as codes of whole steps; 0 where not a number. name keeps the steps of two columns apart."""
    known = np.isfinite(values)
    steps = np.where(known, np.clip(np.round(values), -50, 50) + 51, 0).astype(np.uint64)
    return crossed(code("step", name), steps)
