"""multitask: one network predicts what a person would do with an item, action by action, and what the item is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import Array, Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.errors import SettingError, require
from zhiyin.item import Items
from zhiyin.learning.loop import LoopSettings, Progress, train
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.ranking.deep import FEWEST, MEASURED, DeepRanker, forget_unseen, mixed, tensors
from zhiyin.ranking.deep_inputs import DeepInputs
from zhiyin.ranking.deep_rows import Encoded, InputOptions, Shape
from zhiyin.ranking.outcomes import ACTIONS, action_labels
from zhiyin.stages import RankingRows

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.nn import Module

    from zhiyin.ranking.multitask_network import MultiTaskNetwork

LOG = logging.getLogger("zhiyin.training.fit")


@part
class MultiTask(DeepRanker):
    """Relevance orders the list; beside it stands the chance of each action the data show: click, like, purchase, dwell.

    Tasks share experts through gates of their own (MMoE, Ma 2018; PLE, Tang 2020). A head whose action the data hardly
    show is off. Chances are those among requests whose candidates hold a right answer, and weights outside the model
    turn them into one score (see value.py), per request if wanted. One more task reads, with ids and attributes hidden,
    what attributes an item has, so that recommending and understanding are learned together. Gate entropy and the
    accuracy of understanding are kept in `course`.
    """

    kind: str = setting("mmoe", options=("mmoe", "ple"), tune=("mmoe", "ple"))
    """All experts shared, or one of each task's own beside shared ones, in two levels."""
    experts: int = setting(4, least=1, most=64, tune=(4, 8))
    """Experts; with "ple" half of them are shared and every task has one of its own."""
    expert: int = setting(32, least=1, most=1024)
    """Width of an expert's output."""
    gate_dropout: float = setting(0.1, least=0, most=0.9)
    """Share of experts that a gate loses at random while learning, against gates that close for good."""
    heads: tuple[str, ...] = setting(ACTIONS)
    """Actions that may have a head; it is on where the data show the action often enough."""
    topics: int = setting(64, least=0, most=1024)
    """Attribute values to predict, the most frequent ones; 0 for no semantic task."""
    semantic: float = setting(0.2, least=0, most=100, tune=(0.0, 0.2, 1.0))
    """How much understanding counts beside the actions."""
    balance: str = setting("equal", options=("equal", "uncertainty"))
    """How tasks are weighed: alike, or by how noisy each is found to be (Kendall 2018)."""

    active: list[str] = learned()
    named: list[list[str]] = learned()
    course: dict[str, Any] = learned()

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = sorted(set(self.heads) - set(ACTIONS))
        if unknown:
            raise SettingError(f"MultiTask.heads = {self.heads!r}: {unknown} are not among {', '.join(ACTIONS)}")

    @property
    def actions(self) -> tuple[str, ...]:
        """Relevance, then the actions that have a head."""
        return ("relevance", *(self.active or ()))

    def network(self, shape: Shape) -> Module:
        """See DeepRanker."""
        from zhiyin.ranking.multitask_network import Mixture, MultiTaskNetwork

        topics = len(self.named) if self.semantic else 0
        mixture = Mixture(len(self.active), topics, self.kind, self.experts, self.expert, self.gate_dropout)
        return MultiTaskNetwork(shape, self.sizes(), mixture)

    # -- learning ------------------------------------------------------------------------------------------------------

    def fit(self, dataset: Dataset, rows: RankingRows, valid: RankingRows | None = None) -> MultiTask:
        """See Ranker. Without outcomes in the rows there is only relevance to learn."""
        require("torch", "torch")
        options = InputOptions(length=self.length, buckets=self.buckets, crosses=self.crosses, seed=self.seed)
        inputs = DeepInputs.learn(dataset, rows, options)
        self.layout, self.tables, self.weights, self._made = inputs.layout, inputs.tables, {}, None
        self.active, self.named, self.course = [], [], {}
        if len(rows) >= FEWEST:
            labels = labels_of(rows, dataset)
            self.active = [name for name in self.heads if _shown(labels, 1 + ACTIONS.index(name))]
            self.named = frequent_topics(dataset.items, self.topics)
            some = self._encoded(inputs, rows, labels, dataset.items, self.wrong)
            enough = valid is not None and len(valid) >= FEWEST
            kept = self._encoded(inputs, valid, labels_of(valid, dataset), dataset.items) if valid and enough else []
            self.weights = self._learned(inputs, some, kept, dataset.items)
            self._measure(some[:MEASURED], dataset.items)
        return self

    def _encoded(
        self, inputs: DeepInputs, rows: RankingRows, labels: list[Floats], items: Items, wrong: int | None = None
    ) -> list[Encoded]:
        """Requests with labels [n, tasks + 1]; the last column is how many candidates a drawn wrong answer stands for."""
        chance = np.random.default_rng(self.seed)
        columns = [0, *(1 + ACTIONS.index(name) for name in self.active)]
        found = []
        for query, shown, label in zip(rows.queries, rows.candidates, labels, strict=True):
            met = (label > 0).any(1)
            right, others = np.flatnonzero(met), np.flatnonzero(~met)
            drawn = others if wrong is None else chance.permutation(others)[:wrong]
            weight = np.where(met, 1, len(others) / max(len(drawn), 1))
            told = np.concatenate([label[:, columns], weight[:, None]], 1).astype(np.float32)
            one = inputs.of(query, shown, items, told)
            found.append(one.take(np.sort(np.concatenate([right, drawn]))))
        return found

    def _learned(self, inputs: DeepInputs, some: list[Encoded], kept: list[Encoded], items: Items) -> dict[str, Array]:
        import torch

        network: MultiTaskNetwork = self._fresh(inputs.shape)  # type: ignore[assignment]
        forget_unseen(network, some)
        network.begin_at(shares_of(some))
        topics = topics_of(items, self.named) if self.named and self.semantic else None
        seen: list[dict[str, float]] = []

        def step(chosen: Array, generator: Generator) -> Tensor:
            batch = tensors(inputs.batch([some[row] for row in chosen], items))
            unread = torch.rand(len(chosen), generator=generator) < 0.5 if topics is not None else None
            told = self._losses(network, batch, topics, unread)
            return network.balance(told) if self.balance == "uncertainty" else told.sum()

        def validate() -> float:
            # By all actions, not by the order alone: that is often best before the heads have learned anything.
            batches = (kept[start : start + self.batch] for start in range(0, len(kept), self.batch))
            lost = [
                float(self._losses(network, tensors(inputs.batch(one, items)), None, None).sum()) for one in batches
            ]
            return -float(np.mean(lost))

        def told(state: Progress) -> None:
            seen.append(self._gates(network, inputs, (kept or some)[:64], items))
            LOG.info("multitask: epoch %d, value %.4f, gate entropy %s", state.epoch, state.values[-1], seen[-1])

        loop = LoopSettings(
            epochs=self.epochs, patience=self.patience, learning_rate=self.learning_rate,
            weight_decay=self.weight_decay, betas=(0.9, 0.999), seed=self.seed,
        )  # fmt: skip
        best = train(network, len(some), self.batch, step, loop, validate=validate if kept else None, progress=told)
        gates = self._gates(network, inputs, (kept or some)[:64], items)
        self.course = {"gate entropy": gates, "by epoch": seen}
        if topics is not None:
            self.course["understanding"] = self._understood(network, inputs, (kept or some)[:200], items, topics)
        return best

    def _losses(
        self, network: MultiTaskNetwork, batch: dict[str, Tensor], topics: Any, unread: Tensor | None
    ) -> Tensor:
        """One per task, in the order of the gates. [tasks]; understanding only where attributes were hidden."""
        import torch

        from zhiyin.learning.ranking_losses import listwise_loss
        from zhiyin.ranking.multitask_network import hidden

        logits, read = network.answers(batch if unread is None else hidden(batch, unread))
        mask, labels = batch["mask"], batch["labels"]
        losses = [listwise_loss(logits[:, :, 0], labels[:, :, 0], mask)]
        for task in range(1, logits.shape[2]):
            each = cross_entropy(logits[:, :, task][mask], labels[:, :, task][mask])
            losses.append((each * labels[:, :, -1][mask]).sum() / labels[:, :, -1][mask].sum())
        if read is not None and topics is not None and unread is not None:
            asked = mask & unread[:, None]
            right = torch.from_numpy(topics[batch["items"][asked].numpy()])
            each = cross_entropy(read[asked], right).sum(1)
            losses.append(self.semantic * each.sum() / max(len(each), 1))
        return torch.stack(losses)

    # -- looking at what was learned -----------------------------------------------------------------------------------

    def _gates(
        self, network: MultiTaskNetwork, inputs: DeepInputs, some: list[Encoded], items: Items
    ) -> dict[str, float]:
        """The mean entropy of every task's gate, 0 (closed but for one expert) to 1 (all alike open)."""
        import torch

        with torch.inference_mode():
            found = network.openness(tensors(inputs.batch(some, items))).tolist()
        names = [*self.actions, *(["semantic"] if network.understand is not None else [])]
        return {name: round(one, 4) for name, one in zip(names, found, strict=True)}

    def _understood(
        self, network: MultiTaskNetwork, inputs: DeepInputs, some: list[Encoded], items: Items, topics: Floats
    ) -> dict[str, Any]:
        """Of the attribute most items have: how often the likeliest value, read without attributes, is right; beside that
        of always naming the most frequent one."""
        names = [name for name, _ in self.named]
        best = max(
            dict.fromkeys(names), key=lambda name: int((topics[:, [n == name for n in names]].sum(1) == 1).sum())
        )
        columns = np.flatnonzero([name == best for name in names])
        hits, common, total = 0, np.zeros(len(columns)), 0
        for one in some:
            read = _answered(network, inputs, replace(one, item_fields=np.zeros_like(one.item_fields)), items)[1]
            right = topics[one.items][:, columns]
            single = right.sum(1) == 1
            hits += int((read[:, columns].argmax(1) == right.argmax(1))[single].sum())
            common, total = common + right[single].sum(0), total + int(single.sum())
        share = max(total, 1)
        return {
            "attribute": best,
            "accuracy": round(hits / share, 4),
            "majority": round(float(common.max()) / share, 4),
        }

    # -- answering -----------------------------------------------------------------------------------------------------

    def predict(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> list[Floats]:
        """See Ranker. The first column orders; the others are chances, 0 to 1."""
        need_fitted(self)
        inputs, network = self._ready()
        found = []
        for query, shown in zip(queries, candidates, strict=True):
            one = inputs.of(query, shown, items)
            if network is None or not len(one):
                found.append(np.concatenate([one.blend[:, None], np.zeros((len(one), len(self.active)))], 1))
                continue
            logits = _answered(network, inputs, one, items)[0]  # type: ignore[arg-type]
            chances = 0.5 + 0.5 * np.tanh(logits[:, 1:] / 2)
            found.append(
                np.concatenate([mixed(logits[:, 0], one.blend, self.trust, self._spreads())[:, None], chances], 1)
            )
        return [one.astype(np.float32) for one in found]


def cross_entropy(logits: Tensor, chances: Tensor) -> Tensor:
    """Binary cross entropy of each number, for labels from 0 to 1."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits.float(), chances, reduction="none")


def shares_of(some: list[Encoded]) -> list[float]:
    """How often each action with a head happens among the candidates that these stand for."""
    table = np.concatenate([one.labels for one in some if one.labels is not None]).astype(np.float64)
    weights = table[:, -1]
    return [float(share) for share in weights @ table[:, 1:-1] / max(weights.sum(), 1)]


def labels_of(rows: RankingRows, dataset: Dataset) -> list[Floats]:
    """For each request whether a candidate was a right answer, then what was done with it. [candidates, 1 + ACTIONS]"""
    found = []
    for number, (shown, label) in enumerate(zip(rows.candidates, rows.labels, strict=True)):
        done = np.zeros((len(shown), len(ACTIONS)), np.float32)
        if rows.outcomes:
            done = action_labels(rows.outcomes[number], shown.items, dataset.weights)
        found.append(np.concatenate([label[:, None], done], 1))
    return found


def _shown(labels: list[Floats], column: int) -> bool:
    """Whether an action is shown on enough candidates to learn from."""
    return sum(int((one[:, column] > 0).sum()) for one in labels) >= FEWEST


def frequent_topics(items: Items, most: int) -> list[list[str]]:
    """The attribute values that most items have, two items at least, the most frequent first."""
    counts = np.bincount(items.tags.matrix.indices, minlength=len(items.tags.names))
    order = sorted(np.flatnonzero(counts >= 2).tolist(), key=lambda at: (-counts[at], items.tags.names[at]))
    return [list(items.tags.names[at]) for at in order[:most]]


def topics_of(items: Items, named: list[list[str]]) -> Floats:
    """Which item has which of the named attribute values. [items, named]"""
    columns: Ints = np.array([items.tags.positions[(name, value)] for name, value in named], np.int32)
    return np.asarray(items.tags.matrix[:, columns].toarray(), np.float32)


def _answered(network: MultiTaskNetwork, inputs: DeepInputs, one: Encoded, items: Items) -> tuple[Floats, Floats]:
    """What a network says to one request. [n, 1 + heads], [n, topics]"""
    import torch

    with torch.inference_mode():
        logits, read = network.answers(tensors(inputs.batch([one], items)))
    return logits[0].numpy(), np.empty((len(one), 0), np.float32) if read is None else read[0].numpy()
