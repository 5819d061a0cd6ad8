"""Dataset: a frozen, columnar table of interactions, items and edges as of a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Bools, Doubles, Floats, Ints, Longs
from zhiyin.behaviour.kinds import CODES, DEFAULT
from zhiyin.behaviour.seen import Seen
from zhiyin.data.moments import ALWAYS, DAY, inside, settled
from zhiyin.data.weights import EventWeights
from zhiyin.errors import DataError
from zhiyin.item import Items
from zhiyin.profile import History, Profile
from zhiyin.vocabulary import Vocabulary


@dataclass(frozen=True)
class Interactions:
    """Events between known users and items as columns, sorted by user, then time; equal times keep their order.

    weights: signed, see History. kinds: codes of kinds.KINDS. values: nan where the event had none. contexts: codes of
    Dataset.contexts, 0 for none, which is what they are when left out. All [interactions].
    """

    users: Ints
    items: Ints
    times: Doubles
    weights: Floats
    kinds: Array
    values: Floats
    contexts: Ints = field(default_factory=lambda: np.empty(0, np.int32))

    def __post_init__(self) -> None:
        if len(self.contexts) != len(self.users):
            object.__setattr__(self, "contexts", np.zeros(len(self.users), np.int32))

    @classmethod
    def sort(
        cls,
        users: Array,
        items: Array,
        times: Array,
        weights: Array | None = None,
        kinds: Array | None = None,
        values: Array | None = None,
        contexts: Array | None = None,
    ) -> Interactions:
        """Columns in any order, as sorted interactions. The order given settles equal times."""
        count = len(users)
        order = np.lexsort((np.arange(count), np.asarray(times), np.asarray(users)))
        return cls(
            np.asarray(users, np.int32)[order],
            np.asarray(items, np.int32)[order],
            np.asarray(times, np.float64)[order],
            (np.ones(count, np.float32) if weights is None else np.asarray(weights, np.float32))[order],
            (np.full(count, CODES[DEFAULT], np.uint8) if kinds is None else np.asarray(kinds, np.uint8))[order],
            (np.full(count, np.nan, np.float32) if values is None else np.asarray(values, np.float32))[order],
            (np.zeros(count, np.int32) if contexts is None else np.asarray(contexts, np.int32))[order],
        )

    def __len__(self) -> int:
        return len(self.users)

    def where(self, mask: Bools) -> Interactions:
        """The rows for which the mask is true."""
        return self.rows(np.flatnonzero(mask))

    def beside(self, other: Interactions) -> Interactions:
        """The rows of both, in order."""
        names = ("users", "items", "times", "weights", "kinds", "values", "contexts")
        return Interactions.sort(*(np.concatenate([getattr(self, one), getattr(other, one)]) for one in names))

    def rows(self, rows: Array) -> Interactions:
        """Some of the rows, by their number."""
        return Interactions(
            self.users[rows],
            self.items[rows],
            self.times[rows],
            self.weights[rows],
            self.kinds[rows],
            self.values[rows],
            self.contexts[rows],
        )


@dataclass(frozen=True)
class Dataset:
    """What is known as of a time.

    has_clock: times are real seconds; False when only the order within a user is known, so that nothing may compare
    times of two users. friends: csr [users, users] of social ties, or None. as_of: no interaction is later, but for those
    outside the window. weights: what the events were weighed with; live profiles must use the same. window: the times that
    can be right, both ends included; an event outside still says what somebody likes, but no statistic of time reads it.
    contexts: on what device, at which place and surface, by Interactions.contexts; the first is nothing.
    undone: what a later event took back, and when it did: before that moment it stood, see before.
    """

    users: Vocabulary
    items: Items
    interactions: Interactions
    as_of: float
    has_clock: bool = True
    friends: sparse.csr_matrix | None = None
    user_attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    weights: EventWeights = field(default_factory=EventWeights)
    window: tuple[float, float] = ALWAYS
    contexts: tuple[Mapping[str, str], ...] = ({},)
    undone: tuple[Interactions, Doubles] | None = None

    def __post_init__(self) -> None:
        late = int((self.interactions.times[self.dated] > self.as_of).sum())
        if late:
            raise DataError(f"dataset: {late} interactions are later than as_of = {self.as_of}")

    @cached_property
    def offsets(self) -> Longs:
        """Row range of each user: user u owns rows offsets[u] to offsets[u + 1]. [users + 1]"""
        return np.searchsorted(self.interactions.users, np.arange(len(self.users) + 1)).astype(np.int64)

    def history(self, user: int) -> History:
        """One user's history, oldest first."""
        rows = slice(self.offsets[user], self.offsets[user + 1])
        table = self.interactions
        return History(table.items[rows], table.times[rows], table.weights[rows], table.kinds[rows])

    def profile(self, user: int) -> Profile:
        """One user as this dataset knows them."""
        row = self.friends
        friends = row.indices[row.indptr[user] : row.indptr[user + 1]] if row is not None else np.empty(0, np.int32)
        name, history = self.users[user], self.history(user)
        attributes = self.user_attributes.get(name, {})
        return Profile(name, user, history, attributes, friends.astype(np.int32), seen=self.seen(history))

    def seen(self, history: History) -> Seen:
        """What the user of a history has met. Without a clock nothing that was hidden comes back."""
        times = history.times if self.has_clock else np.full(len(history), np.inf)
        return Seen(history.items, times, history.kinds)

    @cached_property
    def liked(self) -> Interactions:
        """The interactions with a positive weight."""
        return self.interactions.where(self.interactions.weights > 0)

    @cached_property
    def dated(self) -> Bools:
        """Which interactions have a time that can be right. [interactions]"""
        return inside(self.interactions.times, self.window)

    @cached_property
    def present(self) -> float:
        """What "now" is in this data, see moments.settled; 0, for no known moment, without a clock."""
        table = self.interactions.where(self.dated)
        return min(settled(table.users, table.times), self.as_of) if self.has_clock else 0.0

    @cached_property
    def takers(self) -> Interactions:
        """One row for each person and item they liked, at the last time they did: what statistics of time count."""
        liked = self.interactions.where((self.interactions.weights > 0) & self.dated)
        if not len(liked):
            return liked
        _, newest = np.unique((liked.users.astype(np.int64) * len(self.items) + liked.items)[::-1], return_index=True)
        return liked.rows(np.sort(len(liked) - 1 - newest))

    @cached_property
    def sequence(self) -> Interactions:
        """The liked interactions in order, an item once for each person and day, and once where it follows on itself.

        What models of sequences learn from: a reloading page is no taste.
        """
        liked = self.liked
        pairs = liked.users.astype(np.int64) * len(self.items) + liked.items
        if self.has_clock:
            days = np.floor(liked.times / DAY)
            order = np.lexsort((np.arange(len(liked)), days, pairs))
            new = np.append(True, (np.diff(pairs[order]) != 0) | (np.diff(days[order]) != 0))[: len(liked)]
            kept = np.sort(order[new])
            liked, pairs = liked.rows(kept), pairs[kept]
        return liked.where(np.append(True, np.diff(pairs) != 0)[: len(liked)])

    def matrix(self) -> sparse.csr_matrix:
        """Positive evidence as csr float32 [users, items]; repeats are added up."""
        liked = self.liked
        shape = (len(self.users), len(self.items))
        return sparse.csr_matrix((liked.weights, (liked.users, liked.items)), shape=shape, dtype=np.float32)

    def binary(self) -> sparse.csr_matrix:
        """Which user met which item with positive evidence: csr of ones [users, items]."""
        matrix = self.matrix()
        matrix.data[:] = 1.0
        return matrix

    def popularity(self) -> Floats:
        """Users with positive evidence per item. [items]"""
        return np.asarray(self.binary().sum(0), np.float32).ravel()

    def only(self, mask: Bools, as_of: float | None = None) -> Dataset:
        """The same users and items with fewer interactions."""
        return replace(self, interactions=self.interactions.where(mask), as_of=self.as_of if as_of is None else as_of)

    def before(self, moment: float) -> Dataset:
        """What was known strictly before a moment: what was taken back only from then on still stood."""
        past = self.only(self.interactions.times < moment, as_of=moment)
        if self.undone is None:
            return past
        rows, until = self.undone
        there, standing = rows.times < moment, until >= moment
        undone = (rows.where(there & ~standing), until[there & ~standing])
        return replace(past, interactions=past.interactions.beside(rows.where(there & standing)), undone=undone)

    def without_last(self, count: int) -> Dataset:
        """Every user's sequence without its last `count` events."""
        from_end = self.offsets[self.interactions.users + 1] - np.arange(len(self.interactions))
        return self.only(from_end > count)


def build(
    users: Sequence[str], items: Items, item_ids: Sequence[str], times: Array, **columns: Array | None
) -> Dataset:
    """A dataset from id columns: for tests and for those who have arrays already. columns: see Interactions.sort."""
    vocabulary = Vocabulary.of(users, "user")
    positions = items.vocabulary.positions(item_ids)
    if (positions < 0).any():
        missing = [one for one, at in zip(item_ids, positions, strict=True) if at < 0][:3]
        raise DataError(f"dataset: items {missing} are not in the catalogue")
    table = Interactions.sort(vocabulary.positions(users), positions, times, **columns)
    return Dataset(vocabulary, items, table, float(np.max(times, initial=0.0)))
