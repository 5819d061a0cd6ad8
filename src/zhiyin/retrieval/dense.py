"""dense: items whose vectors are close to the wish, or to what the person liked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import NEVER, Array, Floats, Ints, unit_rows
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import decayed
from zhiyin.retrieval.likeness import event_weights, profile_vector, renewed
from zhiyin.stages import Answering, Scored
from zhiyin.stores.faiss_index import ExactIndex, HnswIndex


@part
class Dense:
    """Nearest item vectors by cosine. A wish in words (query.text_vectors) wins over the history.

    pool "mean" compares with one vector of the profile: the recency-weighted mean of the liked items' vectors less that
    of the disliked ones. pool "max" compares with every recent liked item and keeps the closest, which follows several
    tastes at once. Items without a vector (a row of zeros) never come. Raises DataError when the catalogue has no
    vectors in the space.
    """

    space: str = setting("text")
    """The vector space of the catalogue to search."""
    pool: str = setting("mean", options=("mean", "max"), tune=("mean", "max"), at_request=True)
    """One vector for the profile, or one for each of its recent items."""
    decay: float = setting(0.8, above=0, most=1, tune=(0.5, 0.8, 0.9, 1.0), at_request=True)
    """How much less each earlier event of the history counts."""
    dislike: float = setting(0.3, least=0, most=1, at_request=True)
    """How strongly the mean of the disliked items pushes away."""
    recent: int = setting(10, least=1, most=200, at_request=True)
    """How many of the newest liked items pool "max" compares with."""
    exact_up_to: int = setting(50_000, least=0)
    """Items up to which every vector is compared; above it an HNSW graph is searched, which finds nearly all."""

    vectors: Floats = learned()
    graph: dict[str, Array] = learned()

    def __post_init__(self) -> None:
        self._index: ExactIndex | HnswIndex | None = None

    def fit(self, dataset: Dataset) -> Dense:
        """See Retriever."""
        self.vectors = unit_rows(self._vectors_of(dataset.items))
        self.graph = {}
        self._index = None
        if len(self.vectors) > self.exact_up_to:
            index = HnswIndex()
            index.build(self.vectors)
            self.graph, self._index = index.state(), index
        return self

    def _vectors_of(self, items: Items) -> Floats:
        if self.space not in items.vectors:
            raise DataError(
                f"dense: the catalogue has no '{self.space}' vectors; it has {sorted(items.vectors) or 'none'}. Give the "
                f"recipe an encoder for it ([encode.{self.space}]) or call items.set_vectors"
            )
        return items.vectors[self.space]

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable."""
        need_fitted(self)
        index = self._searched()
        self.vectors = renewed(self.vectors, self._vectors_of(items), changed)
        self._index = index.moved(self.vectors, np.asarray(changed, np.int32))
        if isinstance(self._index, HnswIndex):
            self.graph = self._index.state()

    def _searched(self) -> ExactIndex | HnswIndex:
        """The index, built or read on first use after a load."""
        if self._index is None:
            if self.graph:
                self._index = HnswIndex.read(self.graph, self.vectors)
            else:
                self._index = ExactIndex()
                self._index.build(self.vectors)
        return self._index

    def retrieve(self, queries: Sequence[Query], n: int) -> list[Candidates]:
        """See Retriever."""
        answers = self.prepared(queries)
        if answers is not self:
            return answers.retrieve(queries, n)
        return [self._retrieved(query, n) for query in queries]

    def prepared(self, queries: Sequence[Query]) -> Answering:
        """See Preparing: where every vector is compared anyway, all the cosines at once."""
        need_fitted(self)
        index = self._searched()
        if not isinstance(index, ExactIndex):
            return self
        rows = np.full((len(queries), len(self.vectors)), NEVER, np.float32)
        for row, query in enumerate(queries):
            asked, weights = self._asked(query)
            if len(asked) == 1:
                rows[row] = (self.vectors @ asked[0]) * weights[0]
            elif len(asked):
                rows[row] = ((self.vectors @ asked.T) * weights).max(1)
        return Scored(np.where(index.present, rows, NEVER))

    def _retrieved(self, query: Query, n: int) -> Candidates:
        asked, weights = self._asked(query)
        if not len(asked) or n < 1:
            return Candidates.none()
        found, likeness = self._searched().search(asked, min(n, len(self.vectors)))
        best: dict[int, float] = {}
        for row, weight in enumerate(weights):
            for item, value in zip(found[row].tolist(), (likeness[row] * weight).tolist(), strict=True):
                if item >= 0 and value > best.get(item, -np.inf):
                    best[item] = value
        items = np.fromiter(best, np.int32, len(best))
        scores = self._cosines(items, asked, weights)
        order = np.lexsort((items, -scores))[:n]
        return Candidates(items[order], scores[order])

    def score(self, queries: Sequence[Query], items: Sequence[Ints]) -> list[Floats]:
        """See Retriever."""
        answers = self.prepared(queries)
        if answers is not self:
            return answers.score(queries, items)
        return [
            self._cosines(wanted, *self._asked(query), missing=np.nan)
            for query, wanted in zip(queries, items, strict=True)
        ]

    def _asked(self, query: Query) -> tuple[Floats, Floats]:
        """The vectors to compare with and the weight of each: the wish, the profile, or its recent items."""
        wish = query.text_vectors.get(self.space)
        if wish is not None:
            return unit_rows(np.asarray(wish, np.float32)[None, :]), np.ones(1, np.float32)
        if self.pool == "mean":
            one = profile_vector(query, self.vectors, self.decay, self.dislike)[None, :]
            return (one, np.ones(1, np.float32)) if one.any() else (one[:0], np.empty(0, np.float32))
        events = self._recent_events(query)
        return self.vectors[query.profile.history.items[events]], decayed(query.profile.history, self.decay)[events]

    def _recent_events(self, query: Query) -> Ints:
        """The newest liked events whose items have a vector."""
        history = query.profile.history
        usable = np.flatnonzero((history.weights > 0) & (history.items < len(self.vectors)))
        usable = usable[self.vectors[history.items[usable]].any(1)]
        return usable[-self.recent :].astype(np.int32)

    def _cosines(self, items: Ints, asked: Floats, weights: Floats, missing: float = float(NEVER)) -> Floats:
        """The best weighted cosine of each item; `missing` where the item, or the question, has no vector."""
        result = np.full(len(items), missing, np.float32)
        inside = np.flatnonzero(items < len(self.vectors))
        inside = inside[self.vectors[items[inside]].any(1)]
        if len(asked) and len(inside):
            result[inside] = ((self.vectors[items[inside]] @ asked.T) * weights).max(1)
        return result

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing. Nothing where a wish in words was compared with."""
        history = query.profile.history
        result = np.zeros((len(items), len(history)), np.float32)
        known = np.flatnonzero(items < len(self.vectors))
        if query.text_vectors.get(self.space) is not None or not len(known):
            return result
        if self.pool == "max":
            return self._closest_carries(query, items, known, result)
        weights = event_weights(query, self.vectors, self.decay, self.dislike)
        events = np.flatnonzero(weights)
        vectors = self.vectors[history.items[events]] * weights[events][:, None]
        length = float(np.linalg.norm(vectors.sum(0)))
        if length > 1e-9:
            result[np.ix_(known, events)] = (self.vectors[items[known]] @ vectors.T) / length
        return result

    def _closest_carries(self, query: Query, items: Ints, known: Array, result: Floats) -> Floats:
        asked, weights = self._asked(query)
        events = self._recent_events(query)
        if len(events):
            likeness = (self.vectors[items[known]] @ asked.T) * weights
            closest = likeness.argmax(1)
            result[known, events[closest]] = likeness[np.arange(len(known)), closest]
        return result
