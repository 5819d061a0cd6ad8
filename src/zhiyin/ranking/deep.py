"""What the deep rankers share: learning from rows, answering, and saying how much each source carried."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.errors import require
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.ranking.blend import blend_shares, in_order_of
from zhiyin.ranking.bounds import bounded, usual_spread
from zhiyin.ranking.deep_inputs import DeepInputs
from zhiyin.ranking.deep_rows import Encoded, InputOptions, Shape
from zhiyin.stages import RankingRows

if TYPE_CHECKING:
    from torch.nn import Module

    from zhiyin.ranking.deep_layers import Sizes

FEWEST = 20
"""Requests below which a network would learn noise: the blend of sources orders alone."""

MEASURED = 300
"""Requests that the spreads of network and blend are measured on at most."""


@part
class DeepRanker(ABC):
    """The one base class deep rankers may have: they differ in their network alone.

    A network learns from each request's right answers and a random part of the wrong ones, until NDCG@10 on the rows
    kept aside no longer rises. As in `boosted`, the blend of sources can be added to its score (trust).
    """

    embedding: int = setting(8, least=1, most=256, tune=(8, 16))
    """Width of the embedding of a field."""
    hidden: tuple[int, ...] = setting((64, 32))
    """Units of the hidden layers."""
    dropout: float = setting(0.1, least=0, most=0.9, tune=(0.0, 0.1, 0.3))
    """Share of hidden units left out at random while learning."""
    loss: str = setting("listwise", options=("listwise", "pointwise"))
    """"listwise" compares the candidates of a request with each other, "pointwise" is the papers' binary cross entropy."""
    epochs: int = setting(12, least=1)
    """Times that all rows are gone through at most."""
    patience: int = setting(3, least=1)
    """Epochs without gain on the rows kept aside before it stops."""
    batch: int = setting(32, least=1)
    """Requests learned from at once."""
    learning_rate: float = setting(0.0005, above=0, tune=(0.0003, 0.0005, 0.001))
    """Of AdamW. Small, since a few thousand requests are soon known by heart."""
    weight_decay: float = setting(0.01, least=0, tune=(0.0, 0.01, 0.1))
    """Of AdamW."""
    wrong: int = setting(50, least=1, tune=(50, 100))
    """Wrong answers per request to learn from, drawn evenly."""
    length: int = setting(20, least=1, most=1000)
    """Events of the history that are read, newest first."""
    buckets: int = setting(1 << 15, least=2)
    """Rows of the table that ids and attribute values are hashed to."""
    trust: float = setting(0.0, least=0, most=100, tune=(0.0, 0.5, 1.0, 2.0), at_request=True)
    """How much the blend of sources counts beside the network, both in their usual standard deviations over the candidates
    of a request, measured once on the rows learned from."""
    seed: int = setting(0, least=0)
    """Of the first weights, the wrong answers, the order of rows and dropout."""

    layout: dict[str, Any] = learned()
    tables: dict[str, Array] = learned()
    weights: dict[str, Array] = learned()

    listwise = True
    crosses = 0
    """Rows of the table of crosses; 0 for a network that reads none."""

    def __post_init__(self) -> None:
        self._made: tuple[object, object, DeepInputs, Module | None] | None = None

    @abstractmethod
    def network(self, shape: Shape) -> Module:
        """A new network: from a batch of DeepInputs as tensors to logits [requests, n]."""

    @property
    def actions(self) -> tuple[str, ...]:
        """One column: how much the user is likely to want it."""
        return ("relevance",)

    def sizes(self) -> Sizes:
        """The settings that layers are built with."""
        from zhiyin.ranking.deep_layers import Sizes

        return Sizes(embedding=self.embedding, hidden=self.hidden, dropout=self.dropout)

    def fit(self, dataset: Dataset, rows: RankingRows, valid: RankingRows | None = None) -> DeepRanker:
        """See Ranker."""
        require("torch", "torch")
        options = InputOptions(length=self.length, buckets=self.buckets, crosses=self.crosses, seed=self.seed)
        inputs = DeepInputs.learn(dataset, rows, options)
        self.layout, self.tables, self.weights, self._made = inputs.layout, inputs.tables, {}, None
        if len(rows) >= FEWEST:
            some = inputs.many(rows, dataset.items, self.wrong, self.seed)
            kept = inputs.many(valid, dataset.items, None) if valid is not None and len(valid) >= FEWEST else []
            self.weights = self._learned(inputs, some, kept, dataset.items)
            self._measure(some[:MEASURED], dataset.items)
        return self

    def _measure(self, some: list[Encoded], items: Items) -> None:
        """Keep the usual spreads of the network's logits and of the blend (see trust)."""
        inputs, network = self._ready()
        assert network is not None
        logits = self._logits(network, inputs, some, items)
        self.tables = {**self.tables, "spreads": spreads_of(logits, [one.blend for one in some])}

    def _logits(self, network: Module, inputs: DeepInputs, some: list[Encoded], items: Items) -> list[Floats]:
        found: list[Floats] = []
        for start in range(0, len(some), 64):
            batch = some[start : start + 64]
            logits = logits_of(network, inputs.batch(batch, items))
            found += [row[: len(one)] for one, row in zip(batch, logits, strict=True)]
        return found

    def refresh(self, dataset: Dataset) -> None:
        """Take what is known of items from a later dataset; the network stays as it is."""
        inputs = DeepInputs(self.layout, self.tables)
        inputs.refresh(dataset)
        self.tables = inputs.tables

    def counted_until(self) -> float:
        """See Counting."""
        times = (self.tables or {}).get("facts.times")
        return np.inf if times is None else float(times[-1])

    def predict(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> list[Floats]:
        """See Ranker."""
        need_fitted(self)
        inputs, network = self._ready()
        found = []
        for query, shown in zip(queries, candidates, strict=True):
            one = inputs.of(query, shown, items)
            logits = logits_of(network, inputs.batch([one], items))[0] if network is not None and len(one) else None
            found.append(mixed(logits, one.blend, self.trust, self._spreads())[:, None])
        return found

    def _spreads(self) -> Floats:
        return np.asarray(self.tables.get("spreads", np.ones(2)), np.float32)

    def source_shares(self, query: Query, candidates: Candidates, items: Items) -> Floats:
        """See Attributing: how far the score falls when a source is not heard."""
        need_fitted(self)
        inputs, network = self._ready()
        weights = np.asarray(self.tables["blend"], np.float32)
        dealt = blend_shares(candidates, inputs.sources, weights)
        if network is None or not len(candidates):
            return dealt
        without = [_silenced(candidates, source) for source in inputs.sources]
        some = [inputs.of(query, shown, items) for shown in (candidates, *without)]
        logits = logits_of(network, inputs.batch(some, items))
        spreads, falls = self._spreads(), np.maximum(logits[0] - logits[1:], 0).T
        falls = in_order_of(candidates.sources, inputs.sources, falls / spreads[0])
        # The blend speaks for all sources: its value is dealt out by what each adds to it.
        falls = falls + self.trust * dealt * (np.maximum(some[0].blend, 0) / spreads[1])[:, None]
        return np.asarray(falls / np.maximum(falls.sum(1, keepdims=True), 1e-12), np.float32)

    # -- learning --------------------------------------------------------------------------------------------------

    def _learned(self, inputs: DeepInputs, some: list[Encoded], kept: list[Encoded], items: Items) -> dict[str, Array]:
        from zhiyin.learning.loop import LoopSettings, train
        from zhiyin.learning.ranking_losses import listwise_loss, pointwise_loss

        network = self._fresh(inputs.shape)
        forget_unseen(network, some)
        loss = listwise_loss if self.loss == "listwise" else pointwise_loss

        def step(chosen: Array, generator: object) -> Any:
            batch = tensors(inputs.batch([some[row] for row in chosen], items))
            return loss(network(batch), batch["labels"], batch["mask"])

        return train(
            network, len(some), self.batch, step,
            LoopSettings(
                epochs=self.epochs, patience=self.patience, learning_rate=self.learning_rate,
                weight_decay=self.weight_decay, betas=(0.9, 0.999), seed=self.seed,
            ),
            validate=(lambda: self._ndcg(network, inputs, kept, items)) if kept else None,
        )  # fmt: skip

    def _ndcg(self, network: Module, inputs: DeepInputs, kept: list[Encoded], items: Items) -> float:
        logits = self._logits(network, inputs, kept, items)
        spreads = spreads_of(logits, [one.blend for one in kept])
        found = [
            ndcg(mixed(row, one.blend, self.trust, spreads), np.asarray(one.labels))
            for one, row in zip(kept, logits, strict=True)
        ]
        return float(np.mean(found))

    def _fresh(self, shape: Shape) -> Module:
        """A new network whose first weights follow from the seed; torch's own chance is left as it was."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.network(shape)

    def _ready(self) -> tuple[DeepInputs, Module | None]:
        """The inputs and the network with the learned weights, made once."""
        made = self._made
        if made is None or made[0] is not self.tables or made[1] is not self.weights:
            inputs, network = DeepInputs(self.layout, self.tables), None
            if self.weights:
                from zhiyin.learning.loop import load_weights

                network = self._fresh(inputs.shape)
                load_weights(network, self.weights)
                network.eval()
            made = self._made = (self.tables, self.weights, inputs, network)
        return made[2], made[3]


def tensors(batch: Mapping[str, Array]) -> dict[str, Any]:
    """A batch of DeepInputs as torch tensors."""
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in batch.items()}


def logits_of(network: Module, batch: Mapping[str, Array]) -> Floats:
    """What a network says to a batch. [requests, n]"""
    import torch

    with torch.inference_mode():
        return np.asarray(network(tensors(batch)).numpy(), np.float32)


def forget_unseen(network: Module, some: Sequence[Encoded]) -> None:
    """Set the rows of every table that no training row reads to zeros: what was never learned says nothing."""
    import torch

    from zhiyin.learning.embedding import FieldTable, Terms

    fields = [
        np.unique(one)
        for request in some
        for one in (request.item_fields, request.query_fields, request.history_fields)
    ]
    crosses = [np.unique(request.crosses) for request in some]
    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, FieldTable | Terms):
                met = torch.zeros(len(module.weight), dtype=torch.bool)
                met[np.unique(np.concatenate(crosses if name.endswith("crosses") else fields))] = True
                met[0] = False
                module.weight[~met] = 0


def mixed(logits: Floats | None, blend: Floats, trust: float, spreads: Floats) -> Floats:
    """The network's logits and the blend of sources, each by its usual spread, added up and bounded. [n]"""
    if logits is None:
        return blend
    return bounded(logits / spreads[0] + trust * blend / spreads[1])


def spreads_of(logits: Sequence[Floats], blends: Sequence[Floats]) -> Floats:
    """The usual spread of logits and of blends over requests. [2]"""
    return np.array([usual_spread(logits), usual_spread(blends)], np.float32)


def ndcg(scores: Array, labels: Array, depth: int = 10) -> float:
    """NDCG of one list with every label above 0 a right answer; ties in order of position."""
    places = 1 / np.log2(np.arange(2, depth + 2))
    best = labels[np.argsort(-scores, kind="stable")[:depth]]
    ideal = -np.sort(-labels)[:depth]
    return float(best @ places[: len(best)] / max(float(ideal @ places[: len(ideal)]), 1e-12))


def _silenced(candidates: Candidates, source: str) -> Candidates:
    """The same candidates, as if a source had given none of them."""
    if source not in candidates.sources or candidates.source_scores is None or candidates.source_ranks is None:
        return candidates
    column = candidates.sources.index(source)
    scores, ranks = candidates.source_scores.copy(), candidates.source_ranks.copy()
    scores[:, column], ranks[:, column] = np.nan, 0
    opinions = candidates.opined.without(column)
    return replace(candidates, source_scores=scores, source_ranks=ranks, opinions=opinions)
