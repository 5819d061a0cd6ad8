"""joint: a text encoder and a sequence model trained end to end with one loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import NEVER, Array, Bools, Floats, Longs
from zhiyin.data.dataset import Dataset
from zhiyin.errors import require
from zhiyin.item import Items
from zhiyin.learning.forward import last_state
from zhiyin.learning.loop import LoopSettings, Progress, train
from zhiyin.learning.negatives import Negatives
from zhiyin.learning.sequences import BUCKETS, Sequences, gap_buckets
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.text_axes import text_axes
from zhiyin.stages import Scorer

if TYPE_CHECKING:
    from zhiyin.learning.joint_model import JointModel
    from zhiyin.learning.text_model import TextModel


@part
class Joint(Scorer):
    """Reads the items' texts itself, with upper layers that learn from what people do next.

    As `next_item` predicts every next event among all items, but the text vectors are no longer given: the loss goes
    through them into the text model (MoRec, arXiv 2303.13835; lower layers frozen as in ONCE, 2305.06566). An item that came
    after fit is read by the trained layers. With layers = 0 the encoder is frozen and everything else the same: the
    baseline this must beat.

    First the text model rests, then it joins with a small rate of its own; the best epoch of both is kept.
    """

    base: str = setting("minilm")
    """The text model: "minilm", "tiny" (chance weights, for trying out), or the folder of a model built like BERT."""
    layers: int = setting(1, least=0, most=24)
    """Upper layers that learn; 0 keeps the encoder frozen."""
    rank: int = setting(8, least=0, most=256)
    """Rank of their change (LoRA); 0 trains whole weights."""
    max_tokens: int = setting(40, least=8, most=512)
    """How much of a text is read."""
    fresh: int = setting(64, least=1)
    """Texts read with gradients per step; the others are taken as they were last read."""
    width: int = setting(64, least=2, most=1024)
    """Width of the vectors; a multiple of heads."""
    blocks: int = setting(1, least=1, most=16)
    """Layers of the sequence model."""
    heads: int = setting(1, least=1, most=16)
    """Heads of attention."""
    length: int = setting(50, least=1, most=2000)
    """How many of the newest events are read."""
    dropout: float = setting(0.2, least=0, most=0.9, tune=(0.1, 0.2, 0.3))
    """Share of activations left out in training."""
    bound: float = setting(1.0, above=0)
    """The longest an item's own vector may be beside its text's."""
    hide: float = setting(0.1, least=0, most=1, tune=(0.0, 0.1, 0.3))
    """Share of items whose own vector is left out in a step: more serves new items, less serves known ones."""
    batch: int = setting(32, least=1)
    """Sequences per step."""
    learning_rate: float = setting(1e-3, above=0, tune=(0.0005, 0.001, 0.002))
    """Of AdamW."""
    encoder_rate: float = setting(0.1, least=0, most=1, tune=(0.03, 0.1, 0.3))
    """The share of learning_rate with which the text model learns: it knows a language, the rest knows nothing yet."""
    warmup: int = setting(50, least=0)
    """Steps over which the rates rise when the text model begins to learn."""
    resting: int = setting(10, least=0)
    """Epochs at most in which the text model rests, so that it is not pulled about by a recommender that knows nothing.
    With layers = 0 the same two trainings are run, so that only the text model differs."""
    epochs: int = setting(20, least=1)
    """At most, after those."""
    patience: int = setting(4, least=1)
    """Epochs without a better NDCG@10 on held-out last events before training stops."""
    validated: int = setting(1000, least=0)
    """Users, a third of all at most, whose last event is kept out of training to stop by; with 0 all epochs are run."""
    steps: int = setting(0, least=0)
    """Batches learned from at most in one training, 0 for no limit; whole epochs are run, at least one."""
    seed: int = setting(0, least=0)
    """Of weights, order and dropout."""

    weights: dict[str, Array] = learned()
    text: dict[str, Array] = learned()
    vectors: Floats = learned()
    course: dict[str, Any] = learned()

    def __post_init__(self) -> None:
        self._reader: tuple[object, TextModel] | None = None

    # -- learning ------------------------------------------------------------------------------------------------------

    def fit(self, dataset: Dataset) -> Joint:
        """See Retriever. Raises TrainingError on a loss that is not finite."""
        self.weights, self.text, self.course, self._reader = {}, {}, {}, None
        self.vectors = np.zeros((len(dataset.items), self.width), np.float32)
        held = self._held(dataset)
        sequences = Sequences.of(dataset, self.length, 1, held)
        if len(sequences):  # else nobody has two liked events: there is no order to learn
            require("torch", "hf")
            self._learn(dataset, sequences, Sequences.ends_of(dataset, self.length, held))
        return self

    def _held(self, dataset: Dataset) -> Longs:
        counts = np.bincount(dataset.sequence.users, minlength=len(dataset.users))
        able = np.flatnonzero(counts >= 3)
        chosen = np.random.default_rng(self.seed).permutation(able)[: min(self.validated, len(able) // 3)]
        return np.sort(chosen).astype(np.int64)

    def _learn(self, dataset: Dataset, sequences: Sequences, asked: Sequences) -> None:
        from zhiyin.learning.joint_model import JointTask
        from zhiyin.learning.loop import load_weights, weights_of
        from zhiyin.learning.next_event import NextEvent

        popularity = dataset.popularity()
        model = self._model(dataset)
        task = JointTask(model, NextEvent(model, sequences, asked, Negatives.mixed(popularity)), self.fresh, self.hide)
        validate = task.validate if len(asked) else None
        course: dict[str, Progress] = {}
        first: dict[str, Array] = {}
        for name, loop in self._loops().items():
            model.rests = name == "resting"
            seen: list[Progress] = []
            train(model, len(sequences), self.batch, task.loss, loop, validate=validate, progress=seen.append)
            course |= {name: seen[-1]} if seen else {}
            first = first or weights_of(model)
        if validate and "resting" in course and "fit" in course and course["fit"].best <= course["resting"].best:
            load_weights(model, first)  # what came after made nothing better
        self._keep(model, popularity > 0)
        self.course = {
            name: {"epochs": one.epoch, "best": one.best_epoch, "ndcg@10": one.values if validate else []}
            for name, one in course.items()
        }

    def _loops(self) -> dict[str, LoopSettings]:
        """The two trainings, one after the other."""
        how = LoopSettings(
            epochs=self.epochs, patience=self.patience, learning_rate=self.learning_rate, seed=self.seed,
            steps=self.steps, slower=(("text.", self.encoder_rate),),
        )  # fmt: skip
        begun = {"resting": replace(how, epochs=self.resting)} if self.resting else {}
        return {**begun, "fit": replace(how, warmup=self.warmup, seed=self.seed + len(begun))}

    def _model(self, dataset: Dataset) -> JointModel:
        import torch

        from zhiyin.learning.joint_model import JointModel
        from zhiyin.learning.text_model import TextModel, read_base
        from zhiyin.learning.transformer import Shape

        text = TextModel(read_base(self.base), self.layers, self.rank, head=False, seed=self.seed)
        states = text.read([item.content() for item in dataset.items.rows], self.max_tokens)
        start = text_axes(text.vectors(states), self.width)
        start = start or {
            "mean": np.zeros(text.width, np.float32),
            "axes": np.zeros((text.width, self.width), np.float32),
        }
        gaps = BUCKETS if dataset.has_clock else 0
        shape = Shape(
            len(dataset.items), self.width, self.length, self.blocks, self.heads, 4 * self.width, gaps, True
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return JointModel(shape, self.dropout, text, states, start["mean"], start["axes"], self.bound)

    def _keep(self, model: JointModel, met: Array) -> None:
        """What requests and new items need. An item nobody met is what its text says."""
        import torch

        from zhiyin.learning.loop import weights_of
        from zhiyin.learning.text_model import merged

        with torch.no_grad():
            model.items[torch.from_numpy(~met)] = 0
            model.reread()
            self.vectors = model.vectors().numpy().astype(np.float32)
        self.text = merged(model.text)
        self.weights = {name: one for name, one in weights_of(model).items() if not name.startswith("text.")}

    # -- new items -----------------------------------------------------------------------------------------------------

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable. A new item's vector is its text's; one that was met keeps its own beside its new text's."""
        need_fitted(self)
        more = len(items) - len(self.vectors)
        vectors = np.vstack([self.vectors, np.zeros((max(more, 0), self.width), np.float32)])
        if self.weights:
            own = self.weights["items"]
            own = np.vstack([own, np.zeros((max(more, 0), self.width), np.float32)])
            self.weights = {**self.weights, "items": own}
            rows = np.asarray(changed, np.int64)
            read = self._texts([items[int(row)].content() for row in rows])
            told = read.any(1, keepdims=True)
            lengths = np.maximum(np.linalg.norm(own[rows], axis=1, keepdims=True), 1e-9)
            kept = np.where(told, own[rows] * np.minimum(self.bound / lengths, 1), own[rows])
            projected = read @ self.weights["project.weight"].T + self.weights["project.bias"]
            vectors[rows] = kept + np.where(told, projected, 0)
        self.vectors = vectors

    def _texts(self, texts: Sequence[str]) -> Floats:
        """Texts as the trained encoder reads them. [texts, width of the base]"""
        require("torch", "hf")
        from zhiyin.learning.text_model import adapted

        if self._reader is None or self._reader[0] is not self.text:
            self._reader = (self.text, adapted(self.base, self.text))
        model = self._reader[1]
        return model.vectors(model.read(texts, self.max_tokens), fast=False)

    # -- requests ------------------------------------------------------------------------------------------------------

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer. Who has liked nothing that was fitted gets nothing."""
        need_fitted(self)
        vectors = self.vectors
        having: Bools = np.any(vectors, 1)
        rows = np.full((len(queries), len(vectors)), NEVER, np.float32)
        for row, query in enumerate(queries):
            history = query.profile.history
            events = np.flatnonzero((history.weights > 0) & (history.items < len(vectors)))
            events = events[having[history.items[events]]][-self.length :]
            if len(events) and self.weights:
                gaps = gap_buckets(np.append(np.diff(history.times[events]), query.now - history.times[events[-1]]))
                state = last_state(self.weights, self.heads, vectors[history.items[events]], gaps)
                rows[row] = np.where(having, vectors @ state, NEVER)
        return rows
