"""interests: items that have the topics a person likes, asked for or wrote about, and not those they dislike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Array, Doubles, Floats, Ints, replaced
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import follow
from zhiyin.retrieval.recency import HALF_LIVES, faded_likes, gained, hidden, newest_tenth
from zhiyin.retrieval.terms import grown, unused
from zhiyin.stages import Scorer
from zhiyin.understanding.topics import faded

POWERS = (0.75, 1.0, 1.5, 2.0, 3.0)
"""How much it may count how many people like an item."""

GIVEN = frozenset(("asked for", "said"))
"""Reasons of interests that do not come from the history."""


@part
class Interests(Scorer):
    """The profile alone: attribute values as topics, whole and signed, so that it serves new items and new people.

    A topic's strength is the sum of the faded, signed weights of the events whose items have it, times its rarity
    (log items / items with it, as of the fit); what a person asked for counts as much as their strongest topic, times `asked`. An item's
    score is the sum of strength times rarity over its topics, divided by the length of its own rarities, times how many people
    like it now: a profile says which topics, and inside a topic what others take lately comes first. Below 0 where more speaks
    against it; items that share no topic with the person never come. A refused topic counts nothing: what must not be shown is
    left out elsewhere.
    """

    half_life: float = setting(720.0, above=0, tune=(180.0, 720.0), at_request=True)
    """Days after which an event counts half."""
    asked: float = setting(3.0, least=0, at_request=True)
    """What a topic that was asked for counts, against the strongest topic of the history."""
    dislike: float = setting(0.5, least=0, tune=(0.25, 0.5, 1.0), at_request=True)
    """What a disliked event counts, against a liked one."""
    length: float = setting(1.0, least=0, most=1, tune=(0.0, 0.5, 1.0))
    """How much an item with many topics is held back, 0 to 1."""

    known: float = setting(-1.0, least=-1, most=4, tune=(-1.0, 0.5, 1.0, 2.0), at_request=True)
    """How much an item counts that many people like: its score times (likes + 1) to this power; 0 reads the topics alone, -1
    takes the power that ranks the newest tenth of the likes best."""
    recent: float = setting(-1.0, least=-1, tune=(-1.0, 0.0, 30.0))
    """Days after which a like counts half in that; 0 counts all time alike, -1 chooses as above."""

    topics: sparse.csr_matrix = learned()
    rarity: Doubles = learned()
    likes: Floats = learned()
    names: Array = learned()
    chosen: dict[str, float] = learned()

    def __post_init__(self) -> None:
        self._positions: dict[tuple[str, str], int] | None = None
        self._rows: sparse.csr_matrix | None = None
        self._columns: sparse.csr_matrix | None = None

    def fit(self, dataset: Dataset) -> Interests:
        """See Retriever."""
        return self._counted(dataset, None)

    def refit(self, dataset: Dataset) -> Interests:
        """See Refitting. How much likes count, and how fast they fade, stay as they were chosen."""
        need_fitted(self)
        return self._counted(dataset, self.chosen)

    def _counted(self, dataset: Dataset, chosen: dict[str, float] | None) -> Interests:
        tags = dataset.items.tags
        self._positions = dict(tags.positions)
        self.topics = tags.matrix.astype(np.float32)
        self.rarity = _rarity(self.topics)
        self._settle()
        self.chosen = chosen or self._choose(dataset)
        self.likes = faded_likes(dataset, self.chosen["recent"])
        return self

    def _choose(self, dataset: Dataset) -> dict[str, float]:
        """How fast likes fade and how much they count, as set, or as it would have served the newest likes best."""
        days = [self.recent] if self.recent >= 0 else list(HALF_LIVES)
        powers = [self.known] if self.known >= 0 else list(POWERS)
        cases = newest_tenth(dataset) if len(days) + len(powers) > 2 else None
        if cases is None:
            return {"recent": max(self.recent, 0.0), "known": self.known if self.known >= 0 else POWERS[0]}
        alone = hidden(cases, self._topical([cases.query(row) for row in range(len(cases))]))

        def worth(recent: float, known: float) -> float:
            return gained(cases, _times(alone, (faded_likes(cases.known, recent) + 1) ** known))

        middle = powers[len(powers) // 2]
        recent = max(days, key=lambda one: worth(one, middle))
        return {"recent": recent, "known": max(powers, key=lambda one: worth(recent, one))}

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable."""
        need_fitted(self)
        known = self._positions = self._known().copy()
        lists = [[known.setdefault(topic, len(known)) for topic in dict.fromkeys(items[at].tags())] for at in changed]
        indptr = np.cumsum([0, *map(len, lists)])
        flat = np.array([one for them in lists for one in them], np.int64)
        new = sparse.csr_matrix((np.ones(len(flat), np.float32), flat, indptr), (len(changed), len(known)))
        size = max(len(items), self.topics.shape[0])
        self.topics = replaced(self.topics, np.array(changed, np.int64), new, size)
        self._settle()

    def drop_words(self) -> None:
        """See Worded."""
        gone = set(unused(self.topics).tolist())
        known = {("", f"{at}") if at in gone else topic: at for topic, at in self._known().items()}
        self._positions = known
        self._settle()

    def _settle(self) -> None:
        pairs = (part for topic in self._known() for part in topic)
        self.names = np.frombuffer("\x00".join(pairs).encode("utf-8", "replace"), np.uint8).copy()
        self._rows = self._columns = None

    def _known(self) -> dict[tuple[str, str], int]:
        if self._positions is None:
            parts = self.names.tobytes().decode().split("\x00") if len(self.names) else []
            self._positions = {pair: at for at, pair in enumerate(zip(parts[::2], parts[1::2], strict=True))}
        return self._positions

    def _weighted(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """What each topic says for an item: rows times rarity, [items, topics]; and items by topic, with their length taken out."""
        if self._rows is None or self._columns is None:
            rarity = grown(self.rarity, _rarity(self.topics))
            self._rows = sparse.csr_matrix(self.topics @ sparse.diags_array(rarity.astype(np.float32)))
            lengths = np.sqrt(np.asarray(self._rows.multiply(self._rows).sum(1)).ravel())
            scale = 1 / np.maximum(lengths, 1e-9) ** self.length
            self._columns = sparse.csr_matrix((sparse.diags_array(scale.astype(np.float32)) @ self._rows).T)
        return self._rows, self._columns

    def _strengths(self, query: Query) -> Doubles:
        """[topics], negative for what is disliked."""
        rows, _ = self._weighted()
        events, weights = self._events(query)
        strength = follow(rows, query.profile.history.items[events], weights)
        known, most = self._known(), float(strength.max(initial=0.0))
        given = {one.topic: one.weight for one in query.profile.interests if one.reason in GIVEN}
        for sign, interests in ((1, query.profile.interests), (-1, query.profile.dislikes)):
            for one in interests:
                at = known.get(one.topic, -1)
                if at >= 0 and one.reason in GIVEN and (sign > 0 or one.topic not in given):
                    strength[at] += sign * self.asked * (most or 1.0) * one.weight
        for topic in query.profile.refusals:
            at = known.get(topic, -1)
            if at >= 0:
                strength[at] = min(strength[at], 0.0)
        return strength

    def _events(self, query: Query) -> tuple[Ints, Doubles]:
        """The events whose items are known, and what each counts."""
        history = query.profile.history
        weights = faded(history, self.half_life)
        weights = np.where(weights < 0, weights * self.dislike, weights)
        events = np.flatnonzero((weights != 0) & (history.items < self.topics.shape[0])).astype(np.int32)
        return events, np.asarray(weights[events], np.float64)

    def _prior(self) -> Floats:
        """What an item's score is multiplied by. [items]"""
        likes = np.zeros(self.topics.shape[0], np.float32)
        likes[: len(self.likes)] = self.likes
        power = self.known if self.known >= 0 else self.chosen["known"]
        return np.asarray((likes + 1) ** power, np.float32)

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        return _times(self._topical(queries), self._prior())

    def _topical(self, queries: Sequence[Query]) -> Floats:
        """What the topics alone say, NEVER where they say nothing. [queries, items]"""
        _, columns = self._weighted()
        rows = np.empty((len(queries), columns.shape[1]), np.float32)
        for row, query in enumerate(queries):
            strength = self._strengths(query)
            topics = np.flatnonzero(strength)
            # Of somebody who only said what they dislike, nothing is known to like.
            rows[row] = follow(columns, topics, strength[topics]) if (strength > 0).any() else 0
        return np.where(rows != 0, rows, NEVER).astype(np.float32)

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing. What was asked for is carried by no event."""
        rows, columns = self._weighted()
        result = np.zeros((len(items), len(query.profile.history)), np.float32)
        known = np.flatnonzero(items < columns.shape[1])
        events, weights = self._events(query)
        if len(known) and len(events):
            likeness = (rows[query.profile.history.items[events]] @ columns[:, items[known]]).toarray()
            result[np.ix_(known, events)] = (likeness * weights[:, None]).T * self._prior()[items[known], None]
        return result


def _rarity(topics: sparse.csr_matrix) -> Doubles:
    """log(items / items with the topic); 0 for a topic of one item only, which is none. [topics]"""
    having = np.bincount(topics.indices, minlength=topics.shape[1])
    return np.asarray(np.where(having > 1, np.log((topics.shape[0] + 1) / np.maximum(having, 1)), 0), np.float64)


def _times(scores: Floats, prior: Floats) -> Floats:
    """Scores times how well known the items are; NEVER stays NEVER."""
    made = np.multiply(scores, prior, out=np.full(scores.shape, NEVER, np.float32), where=np.isfinite(scores))
    return np.asarray(made, np.float32)
