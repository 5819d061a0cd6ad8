"""next_item: a causal transformer over the history says what comes next."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import NEVER, Array, Floats, Ints, Longs, grown, with_rows
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError, SettingError, TooLarge, require
from zhiyin.item import Items
from zhiyin.learning.distill import Lessons
from zhiyin.learning.forward import last_state
from zhiyin.learning.loop import LoopSettings, Progress, load_weights, train
from zhiyin.learning.negatives import Negatives
from zhiyin.learning.sequences import BUCKETS, Sequences, gap_buckets
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.text_axes import projected, text_axes
from zhiyin.stages import Scorer

if TYPE_CHECKING:
    from zhiyin.learning.transformer import Transformer

COPIES = 10
"""Tables of all items' vectors held while training: weights, gradients, moments, texts, the best so far and a checkpoint."""

LOG = logging.getLogger("zhiyin.training.fit")


@part
class NextItem(Scorer):
    """SASRec with what makes it strong: every place of every sequence predicts the item after it, among all items.

    The softmax is over the whole catalogue up to full_softmax items and over sampled negatives above. An item's vector
    is its own plus its text's, so an item that came after fit has one. Only liked events are read and predicted:
    refusals are neither input nor target. A request runs in numpy on the live history; users need not be known. See
    SASRec, arXiv 1808.09781; eSASRec, arXiv 2508.06450; "Turning Dross Into Gold Loss", arXiv 2309.07602.
    """

    width: int = setting(64, least=2, most=1024, tune=(64, 128))
    """Width of the vectors; a multiple of heads."""
    blocks: int = setting(2, least=1, most=16, tune=(1, 2))
    """Layers."""
    heads: int = setting(1, least=1, most=16)
    """Heads of attention."""
    widening: int = setting(4, least=1, most=8)
    """How many times wider the feed-forward layers are inside."""
    length: int = setting(200, least=1, most=2000, tune=(50, 200))
    """How many of the newest events are read."""
    layers: str = setting("ligr", options=("ligr", "sasrec"))
    """Gated pre-norm layers with SwiGLU (eSASRec), or SASRec's own."""
    dropout: float = setting(0.2, least=0, most=0.9, tune=(0.1, 0.2, 0.4))
    """Share of activations left out in training; more where sequences are short and few."""
    full_softmax: int = setting(50_000, least=0)
    """Largest catalogue whose items are all scored at every step; above, negatives are sampled."""
    negatives: int = setting(256, least=1)
    """Items sampled per batch for a larger catalogue, half evenly, half by popularity, corrected for it (logQ)."""
    space: str = setting("text")
    """Whose vectors items start from (their main axes) and new items keep; "" for none. None are used where there are none."""
    bound: float = setting(1.0, least=0)
    """The longest an item's own vector may be beside its text's; 0 for no limit."""
    gaps: bool = setting(True)
    """Read the time between events, and from the last one to the request, where the data has a clock."""
    batch: int = setting(32, least=1)
    """Sequences per step."""
    windows: int = setting(10, least=1, most=100)
    """Stretches of `length` events learned from per user, the newest first."""
    learning_rate: float = setting(1e-3, above=0, tune=(0.0005, 0.001, 0.002))
    """Of AdamW, in the first epoch."""
    cooling: float = setting(0.95, above=0, most=1)
    """What the learning rate is multiplied by after each epoch."""
    epochs: int = setting(100, least=1)
    """At most."""
    patience: int = setting(5, least=1)
    """Epochs without a better NDCG@10 on held-out last events before training stops."""
    validated: int = setting(2000, least=0)
    """Users, a third of all at most, whose last event is kept out of training to stop by; with 0 all epochs are run."""
    refit_epochs: int = setting(4, least=1)
    """Epochs on all data when it goes on from what it learned."""
    refit_rate: float = setting(0.0, least=0, most=1)
    """The share of learning_rate with which it goes on; 0 for four times the share of events that are new, a tenth at
    least: a fast start would undo what a slow end found, and a slow one would not learn a quarter of the data."""
    steps: int = setting(0, least=0)
    """Batches learned from at most in one training, 0 for no limit; whole epochs are run, at least one."""
    precision: str = setting("auto", options=("auto", "float32", "bfloat16"))
    """Of products in training; "auto" takes bfloat16 where the processor has it."""
    device: str = setting("auto")
    """A torch device, or "auto" for a GPU where there is one."""
    memory_gb: float = setting(4.0, above=0)
    """The most memory that the items' vectors may take in training."""
    taught: float = setting(1.0, least=0, tune=(0.3, 1.0, 3.0))
    """How much a teacher's lists count beside the events, where there is a teacher (see distillation)."""
    checkpoint: str = setting("")
    """A folder to save training to after each epoch; a fit that was cut off goes on from it. "" for none."""
    seed: int = setting(0, least=0)
    """Of weights, order, dropout and negatives."""
    explained: int = setting(8, least=0, most=200)
    """How many of the newest events a reason may name; each costs a small share of a request. 0 for none."""

    weights: dict[str, Array] = learned()
    vectors: Floats = learned()
    axes: dict[str, Array] = learned()
    course: dict[str, Any] = learned()

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise SettingError(f"NextItem.width = {self.width}: must be a multiple of heads = {self.heads}")

    # -- learning ------------------------------------------------------------------------------------------------------

    def fit(self, dataset: Dataset) -> NextItem:
        """See Retriever.

        Raises TrainingError on a loss that is not finite or a checkpoint of another training, and TooLarge.
        """
        need = COPIES * 4 * self.width * len(dataset.items) / 1e9
        if need > self.memory_gb:
            raise TooLarge(
                f"next_item: {len(dataset.items):,} items of width {self.width} need {need:.1f} GB, memory_gb allows "
                f"{self.memory_gb:g}: raise it, or lower width"
            )
        self.weights, self.course = {}, {}
        self.vectors = np.zeros((len(dataset.items), self.width), np.float32)
        self.axes = text_axes(dataset.items.vectors.get(self.space), self.width)
        held = self._held(dataset)
        self._learn(dataset, held, self._loop(self.epochs), "fit")
        return self

    def refit(self, dataset: Dataset) -> NextItem:
        """See Refitting."""
        need_fitted(self)
        self._same_catalogue(dataset)
        if not self.weights:
            return self.fit(dataset)
        rate = self.refit_rate or self._rate_for(dataset)
        self._learn(dataset, np.empty(0, np.int64), self._loop(self.refit_epochs, rate), "refit")
        return self

    def _rate_for(self, dataset: Dataset) -> float:
        known = self.course.get("refit", self.course.get("fit", {})).get("events", 0)
        return float(np.clip(4 * (1 - known / max(len(dataset.liked), 1)), 0.1, 1.0))

    def taught_by(self, dataset: Dataset, lessons: Lessons) -> NextItem:
        """Go on from what was learned, on the events and on a teacher's lists; keeps the best epoch. Returns itself."""
        need_fitted(self)
        self._same_catalogue(dataset)
        self._learn(dataset, self._held(dataset), self._loop(self.epochs), "distill", lessons)
        return self

    def _same_catalogue(self, dataset: Dataset) -> None:
        if len(dataset.items) != len(self.vectors):
            raise DataError(
                f"next_item: refit on {len(dataset.items):,} items, learned on {len(self.vectors):,}; call fit for another catalogue"
            )
        if self.axes and self.space not in dataset.items.vectors:
            raise DataError(f"next_item: items came without vectors in space '{self.space}', which it was fitted with")

    def _held(self, dataset: Dataset) -> Longs:
        """A random choice of users with a sequence left to learn from without its last event."""
        counts = np.bincount(dataset.sequence.users, minlength=len(dataset.users))
        able = np.flatnonzero(counts >= 3)
        chosen = np.random.default_rng(self.seed).permutation(able)[: min(self.validated, len(able) // 3)]
        return np.sort(chosen).astype(np.int64)

    def _learn(
        self, dataset: Dataset, held: Longs, loop: LoopSettings, what: str, lessons: Lessons | None = None
    ) -> None:
        sequences = Sequences.of(dataset, self.length, self.windows, held)
        if not len(sequences):  # nobody has two liked events: there is no order to learn
            return
        require("torch", "torch")
        from zhiyin.learning.next_event import NextEvent

        model = self._model(dataset)
        popularity = dataset.popularity()
        samples = 0 if len(self.vectors) <= self.full_softmax else self.negatives
        asked = Sequences.ends_of(dataset, self.length, held)
        task = NextEvent(model, sequences, asked, Negatives.mixed(popularity), samples)
        loss = task.loss
        if lessons is not None:
            from zhiyin.learning.lesson_loss import TaughtNextEvent

            loss = TaughtNextEvent(task, lessons, self.taught, self.length).loss
        folder = Path(self.checkpoint) / what if self.checkpoint else None
        seen: list[Progress] = []
        best = train(
            model, len(sequences), self.batch, loss, loop,
            validate=task.validate if len(held) else None, checkpoint=folder, identity=self._identity(task.identity(), what),
            progress=lambda state: seen.append(_said(what, state)),
        )  # fmt: skip
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        self._keep(model, best, np.flatnonzero(popularity == 0))
        if seen:
            course = {"epochs": seen[-1].epoch, "best": seen[-1].best_epoch, "events": len(dataset.liked)}
            self.course = {**self.course, what: {**course, **({"ndcg@10": seen[-1].values} if len(held) else {})}}

    def _loop(self, epochs: int, rate: float = 1.0) -> LoopSettings:
        return LoopSettings(
            epochs=epochs, patience=self.patience, learning_rate=self.learning_rate * rate, seed=self.seed,
            steps=self.steps, device=self.device, precision=self.precision,
            cooling=self.cooling,
        )  # fmt: skip

    def _identity(self, data: str, what: str) -> dict[str, Any]:
        return {"data": data, "what": what, "dropout": self.dropout, "bound": self.bound, "negatives": self.negatives}

    def _model(self, dataset: Dataset) -> Transformer:
        """A fresh model, with what was learned so far in it."""
        import torch

        from zhiyin.learning.next_event import seeded
        from zhiyin.learning.transformer import Shape, Transformer

        gaps = BUCKETS if self.gaps and dataset.has_clock else 0
        if self.weights:
            gaps = len(self.weights["gaps"]) if "gaps" in self.weights else 0
        shape = Shape(
            len(self.vectors), self.width, self.length, self.blocks, self.heads, self.widening * self.width, gaps,
            self.layers == "ligr",
        )  # fmt: skip
        texts = torch.from_numpy(projected(self.axes, dataset.items.vectors[self.space])) if self.axes else None
        model = seeded(self.seed, Transformer, shape, self.dropout, texts, self.bound)
        if self.weights:
            load_weights(model, self.weights)
        return model

    def _keep(self, model: Transformer, best: dict[str, Array], unmet: Longs) -> None:
        """What requests need. An item nobody met is what its text says: its own vector only learned to be avoided."""
        import torch

        best["items"][unmet] = 0
        load_weights(model, best)
        with torch.no_grad():
            self.vectors = model.vectors().numpy().astype(np.float32)
        self.weights = best

    # -- new items -----------------------------------------------------------------------------------------------------

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable. A new item's vector is its text's; one that was met keeps its own beside its new text's."""
        need_fitted(self)
        met, self.vectors = self.vectors, grown(self.vectors, len(items))
        if self.weights:
            self.weights = {**self.weights, "items": grown(self.weights["items"], len(items))}
        live = items.vectors.get(self.space)
        if live is None or not self.axes or not self.weights:
            return
        rows = np.asarray(changed, np.int64)
        texts, own = projected(self.axes, live[rows]), self.weights["items"][rows]
        if self.bound:
            lengths = np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-9)
            own = np.where(texts.any(1, keepdims=True), own * np.minimum(self.bound / lengths, 1), own)
        self.vectors = with_rows(met, rows, own + texts @ self.weights["turn"].T, len(items))

    # -- requests ------------------------------------------------------------------------------------------------------

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer. Who has liked nothing that was fitted gets nothing."""
        need_fitted(self)
        vectors = self.vectors
        having = np.asarray(vectors.any(1))
        rows = np.full((len(queries), len(vectors)), NEVER, np.float32)
        for row, query in enumerate(queries):
            events = self._read(query)[-self.length :]
            if len(events):
                rows[row] = np.where(having, vectors @ self._state(query, events), NEVER)
        return rows

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing: what a score would lose had one event not happened, for each of the newest `explained`.

        Attention is not additive, so the losses need not sum to the score; the other events have 0.
        """
        need_fitted(self)
        result = np.zeros((len(items), len(query.profile.history)), np.float32)
        events = self._read(query)[-self.length - 1 :]
        told = np.arange(max(len(events) - self.explained, 0), len(events))
        if not len(told):
            return result
        known = np.flatnonzero(items < len(self.vectors))
        lost = self._state(query, events[-self.length :])[None]
        if len(events) > 1:
            others = np.stack([np.delete(events, at)[-self.length :] for at in told])
            lost = lost - self._state(query, others)
        result[np.ix_(known, events[told])] = self.vectors[items[known]] @ lost.T
        return result

    def _read(self, query: Query) -> Longs:
        """Rows of the history that can be read, oldest first: liked items that have a vector."""
        history = query.profile.history
        events = np.flatnonzero((history.weights > 0) & (history.items < len(self.vectors)))
        return events[self.vectors[history.items[events]].any(1)] if self.weights else events[:0]

    def _state(self, query: Query, events: Longs) -> Floats:
        """What the next item's vector should look like after some events, [width], or after several choices of them."""
        history = query.profile.history
        times = history.times[events]
        now = np.full((*times.shape[:-1], 1), query.now)
        gaps = gap_buckets(np.diff(times, append=now, axis=-1))
        return last_state(self.weights, self.heads, self.vectors[history.items[events]], gaps)


def _said(what: str, state: Progress) -> Progress:
    LOG.info("next_item %s: epoch %d, value %.4f (best %.4f)", what, state.epoch, state.values[-1], state.best)
    return state
