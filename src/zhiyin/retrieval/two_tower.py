"""two_tower: a tower for people and one for items; whose vectors point the same way fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import Array, Floats, Ints, Longs, unit_rows, with_rows
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError, require
from zhiyin.item import Items
from zhiyin.learning.distill import Lessons
from zhiyin.learning.loop import LoopSettings, Progress, load_weights, train, weights_of
from zhiyin.learning.sequences import Sequences
from zhiyin.learning.towers_forward import attention, item_vectors, user_vector
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.content_axes import centred, content_axes
from zhiyin.retrieval.hashed_terms import hashed_attributes, hashed_items, rarity_of, weighted
from zhiyin.stores.faiss_index import ExactIndex, HnswIndex

if TYPE_CHECKING:
    from zhiyin.learning.towers import Towers


@part
class TwoTower:
    """Learned vectors of people and items, compared by cosine, so that a request is one search for near vectors.

    The item tower reads hashed title words and attributes, the text vector and, for items that were met, a vector of
    the item's own, which is hidden at random in training (DropoutNet, 2017): an item that came after fit has a vector
    too. The user tower reads the live history, by attention and age, and the user's attributes; a wish in words takes the
    history's place. Trained on every liked event against the other events of the batch and evenly drawn items, corrected
    for how often each is among them (logQ: Yi 2019, Yang 2020, arXiv 2507.09331), never against a person's own items. Above
    exact_up_to items an HNSW graph of FAISS is searched.
    """

    width: int = setting(128, least=2, most=1024, tune=(64, 128, 256))
    """Numbers per vector."""
    space: str = setting("text")
    """Whose vectors the towers read; "" for none. None are read where the catalogue has none."""
    buckets: int = setting(20_000, least=16, most=10_000_000)
    """Into how many numbers title words and attributes are hashed."""
    length: int = setting(50, least=1, most=2000)
    """How many of the newest liked events are read."""
    temperature: float = setting(0.07, above=0, most=10, tune=(0.05, 0.07, 0.1))
    """What cosines are divided by in the softmax."""
    negatives: int = setting(1024, least=1)
    """Evenly drawn items per batch, beside the batch's own; where the catalogue has no more, all items are compared with."""
    hide: float = setting(0.3, least=0, most=1, tune=(0.1, 0.3, 0.5))
    """Share of items whose own vector is hidden in a batch: more serves new items, less serves known ones."""
    dropout: float = setting(0.1, least=0, most=0.9, tune=(0.1, 0.3))
    """Share of hidden numbers left out in training."""
    batch: int = setting(64, least=1)
    """Sequences per step."""
    learning_rate: float = setting(1e-3, above=0, tune=(0.0005, 0.001, 0.002))
    """Of AdamW."""
    weight_decay: float = setting(0.01, least=0)
    """Of AdamW: pulls what is learned back to likeness of content."""
    epochs: int = setting(30, least=1)
    """At most."""
    patience: int = setting(3, least=1)
    """Epochs without a better NDCG@10 on held-out last events before training stops."""
    validated: int = setting(1000, least=0)
    """Users, a third of all at most, whose last event is kept out of training to stop by; with 0 all epochs are run."""
    refit_epochs: int = setting(2, least=1)
    """Epochs on all data when it goes on from what it learned."""
    taught: float = setting(1.0, least=0, tune=(0.3, 1.0, 3.0))
    """How much a teacher's lists count beside the events, where there is a teacher (see distillation)."""
    exact_up_to: int = setting(50_000, least=0)
    """Items up to which every vector is compared; above it a graph is searched, which finds nearly all."""
    seed: int = setting(0, least=0)
    """Of weights, order, dropout and negatives."""

    weights: dict[str, Array] = learned()
    vectors: Floats = learned()
    axes: dict[str, Array] = learned()
    rarity: Floats = learned()
    texts: Floats = learned()
    graph: dict[str, Array] = learned()
    course: dict[str, Any] = learned()

    def __post_init__(self) -> None:
        self._index: ExactIndex | HnswIndex | None = None
        self._start: Floats = np.empty((0, 0), np.float32)

    # -- learning ------------------------------------------------------------------------------------------------------

    def fit(self, dataset: Dataset) -> TwoTower:
        """See Retriever. Raises TrainingError on a loss that is not finite."""
        items = dataset.items
        self.weights, self.course = {}, {}
        counted = hashed_items(items.rows, self.buckets)
        self.rarity = rarity_of(counted, self.buckets)
        live = items.vectors.get(self.space) if self.space else None
        start, axes, mean = content_axes(*weighted(counted, self.rarity), self.buckets, live, self.width)
        self.axes = {"axes": axes, "mean": mean} if len(axes) else {}
        self._start = start
        self._learn(dataset, self._held(dataset), self.epochs, "fit")
        return self

    def refit(self, dataset: Dataset) -> TwoTower:
        """See Refitting."""
        need_fitted(self)
        self._same_catalogue(dataset)
        self._learn(dataset, np.empty(0, np.int64), self.refit_epochs, "refit")
        return self

    def taught_by(self, dataset: Dataset, lessons: Lessons) -> TwoTower:
        """Go on from what was learned, on the events and on a teacher's lists; keeps the best epoch. Returns itself."""
        need_fitted(self)
        self._same_catalogue(dataset)
        self._learn(dataset, self._held(dataset), self.epochs, "distill", lessons)
        return self

    def _same_catalogue(self, dataset: Dataset) -> None:
        if len(dataset.items) != len(self.weights["own"]):
            raise DataError(
                f"two_tower: {len(dataset.items):,} items, but learned on {len(self.weights['own']):,}; call fit for another catalogue"
            )

    def _held(self, dataset: Dataset) -> Longs:
        counts = np.bincount(dataset.sequence.users, minlength=len(dataset.users))
        able = np.flatnonzero(counts >= 3)
        chosen = np.random.default_rng(self.seed).permutation(able)[: min(self.validated, len(able) // 3)]
        return np.sort(chosen).astype(np.int64)

    def _learn(self, dataset: Dataset, held: Longs, epochs: int, what: str, lessons: Lessons | None = None) -> None:
        require("torch", "torch")
        from zhiyin.learning.matching import Matching

        model = self._model(dataset.items)
        sequences, asked = Sequences.of(dataset, self.length, 1, held), Sequences.ends_of(dataset, self.length, held)
        popularity = dataset.popularity()
        users = dataset.sequence.users.astype(np.int64)
        attributes = [
            hashed_attributes(dataset.user_attributes.get(name, {}), len(self._attributes())) for name in dataset.users
        ]
        task = Matching(
            model, sequences, asked, users[sequences.starts], users[asked.starts], np.stack(attributes), popularity,
            self.negatives, self.hide, self.temperature, lessons, self.taught,
        )  # fmt: skip
        loop = LoopSettings(
            epochs=epochs, patience=self.patience, learning_rate=self.learning_rate, weight_decay=self.weight_decay,
            seed=self.seed,
        )  # fmt: skip
        seen: list[Progress] = []
        best = train(
            model, len(sequences), self.batch, task.loss, loop, validate=task.validate if len(held) else None,
            progress=seen.append,
        ) if len(sequences) else weights_of(model)  # fmt: skip
        best["own"][popularity == 0] = 0  # an own vector that nobody met only learned to be avoided
        self.weights = best
        if seen:
            course = {
                "epochs": seen[-1].epoch,
                "best": seen[-1].best_epoch,
                "ndcg@10": seen[-1].values if len(held) else [],
            }
            self.course = {**self.course, what: course}
        self._settle(self._texts_of(dataset.items), self._towered(dataset.items, np.arange(len(dataset.items))))

    def _attributes(self) -> range:
        return range(1024)

    def _model(self, items: Items) -> Towers:
        """A fresh model, with what was learned so far in it."""
        import torch

        from zhiyin.learning.towers import Towers, TowerShape

        shape = TowerShape(len(items), self.width, self.buckets, len(self._attributes()), self.length)
        words, word_weights = weighted(hashed_items(items.rows, self.buckets), self.rarity)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            texts, *terms = (torch.from_numpy(one) for one in (self._texts_of(items), words, word_weights))
            start = torch.from_numpy(self.weights.get("words", self._start))
            model = Towers(shape, start, texts, terms[0], terms[1], self.dropout)
        if self.weights:
            load_weights(model, self.weights)
        return model

    def _texts_of(self, items: Items, rows: Array | None = None) -> Floats:
        """Text vectors along their main axes; zeros where there are none. [items, width]"""
        live = items.vectors.get(self.space)
        count = len(items) if rows is None else len(rows)
        if live is None or not self.axes:
            return np.zeros((count, self.width), np.float32)
        return self._along(live if rows is None else live[rows])

    def _along(self, texts: Floats) -> Floats:
        return np.asarray(centred(texts, self.axes["mean"]) @ self.axes["axes"], np.float32)

    def _towered(self, items: Items, rows: Array) -> Floats:
        """What the item tower makes of some items as they are now. [rows, width]"""
        own = np.zeros((len(rows), self.width), np.float32)
        old = rows < len(self.weights["own"])
        own[old] = self.weights["own"][rows[old]]
        words = weighted(hashed_items([items[int(row)] for row in rows], self.buckets), self.rarity)
        return item_vectors(self.weights, own, self._texts_of(items, rows), *words)

    def _settle(self, texts: Floats, vectors: Floats) -> None:
        self.texts, self.vectors, self.graph, self._index = texts, vectors, {}, None
        if len(vectors) > self.exact_up_to:
            index = HnswIndex()
            index.build(vectors)
            self.graph, self._index = index.state(), index

    # -- new items -----------------------------------------------------------------------------------------------------

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable. A new item's vector is made of its words, attributes and text."""
        need_fitted(self)
        rows = np.asarray(changed, np.int64)
        index = self._searched()
        self.vectors = with_rows(self.vectors, rows, self._towered(items, rows), len(items))
        self.texts = with_rows(self.texts, rows, self._texts_of(items, rows), len(items))
        self._index = index.moved(self.vectors, rows.astype(np.int32))
        if isinstance(self._index, HnswIndex):
            self.graph = self._index.state()

    # -- requests ------------------------------------------------------------------------------------------------------

    def _searched(self) -> ExactIndex | HnswIndex:
        if self._index is None:
            if self.graph:
                self._index = HnswIndex.read(self.graph, self.vectors)
            else:
                self._index = ExactIndex()
                self._index.build(self.vectors)
        return self._index

    def person(self, query: Query) -> Floats:
        """The person of a request as a vector of length 1. [width]"""
        met = query.profile.history.items[self._events(query)]
        attributes = hashed_attributes(query.profile.attributes, len(self._attributes()))
        wish = query.text_vectors.get(self.space) if self.axes else None
        said = None if wish is None else self._along(unit_rows(np.asarray(wish, np.float32)[None]))[0]
        return user_vector(self.weights, self.vectors[met], self.texts[met], attributes, said)

    def _events(self, query: Query) -> Ints:
        """The newest liked events whose items are known."""
        history = query.profile.history
        known = np.flatnonzero((history.weights > 0) & (history.items < len(self.vectors)))
        return known[-self.length :].astype(np.int32)

    def retrieve(self, queries: Sequence[Query], n: int) -> list[Candidates]:
        """See Retriever."""
        need_fitted(self)
        found = []
        for query in queries:
            items = self._searched().search(self.person(query)[None], min(max(n, 1), len(self.vectors)))[0][0]
            items = items[items >= 0]
            scores = self.vectors[items] @ self.person(query)
            order = np.lexsort((items, -scores))[:n]
            found.append(Candidates(items[order], scores[order]))
        return found

    def score(self, queries: Sequence[Query], items: Sequence[Ints]) -> list[Floats]:
        """See Retriever."""
        need_fitted(self)
        result = []
        for query, wanted in zip(queries, items, strict=True):
            values = np.full(len(wanted), np.nan, np.float32)
            known = np.flatnonzero(wanted < len(self.vectors))
            values[known] = self.vectors[wanted[known]] @ self.person(query)
            result.append(values)
        return result

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing. What the attended events' vectors carry; the part of the perceptron belongs to no event."""
        result = np.zeros((len(items), len(query.profile.history)), np.float32)
        events, known = self._events(query), np.flatnonzero(items < len(self.vectors))
        if len(events) and len(known) and query.text_vectors.get(self.space) is None:
            met = self.vectors[query.profile.history.items[events]]
            carried = self.vectors[items[known]] @ (met * attention(self.weights, met)[:, None]).T
            result[np.ix_(known, events)] = np.maximum(carried, 0)
        return result
