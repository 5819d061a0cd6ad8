"""graph: users and items as vectors spread over the graph of who met what, of friends and of like texts (LightGCN)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Array, Bools, Floats, Ints, grown, unit_rows, with_rows
from zhiyin.data.dataset import Dataset
from zhiyin.errors import require
from zhiyin.item import Items
from zhiyin.learning.gating import LENGTHS, HeldOut, learn_gate, newest
from zhiyin.learning.graph_step import GraphStep
from zhiyin.learning.loop import LoopSettings, train
from zhiyin.learning.propagation import adjacency, gate, layers_summed, nearest_rows, normalised
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import decayed
from zhiyin.stages import Scorer

VALIDATED = 1000
"""Users whose newest item is held out to stop by, at most; the gate is learned from a part of them."""

GATED = 300
"""Users the gate is learned from, at most."""


@part
class Graph(Scorer):
    """LightGCN: every node's vector is the mean of layers 0 … L of Aˡ · E, A the normalised adjacency, E learned.

    A request does the user's part of that sum anew over the live history, so that one event changes the answer and
    unseen users are answered; for a known user with the fitted history and decay 1 it gives exactly the trained vector.
    Where the data has friends, they are neighbours too: a user's row of friends is weighted by strength · half / (half +
    length of the history), since a constant weight hurts users with long histories; training uses `social` and `half`,
    requests what held-out items with histories cut short were answered best with, 0 where friends say nothing. Items
    without interactions, and those that come after fit, stand where the items with the closest texts stand. See He et
    al. 2020, arXiv 2002.02126; Wu et al. 2019 (DiffNet) for friends.
    """

    factors: int = setting(64, least=1, most=1024, tune=(32, 64, 128))
    """Width of the vectors."""
    layers: int = setting(3, least=0, most=8, tune=(1, 2, 3))
    """L, how many steps the vectors spread."""
    loss: str = setting("softmax", options=("bpr", "softmax"), tune=("bpr", "softmax"))
    """bpr: each liked item against one that is not, as in the paper; softmax: against many drawn items at once."""
    negatives: int = setting(512, least=1)
    """Items drawn per batch for the softmax."""
    regularization: float = setting(1e-4, least=0, tune=(1e-5, 1e-4, 1e-3))
    """Of the squared ego embeddings of a batch, over its size."""
    learning_rate: float = setting(0.01, above=0, tune=(0.003, 0.01, 0.03))
    """Of Adam."""
    batch: int = setting(4096, least=1)
    """Interactions per step; each step spreads over the whole graph."""
    epochs: int = setting(60, least=1)
    """Epochs at most."""
    patience: int = setting(4, least=1)
    """Epochs without a better validation before it stops."""
    refit_epochs: int = setting(5, least=1)
    """Epochs when it goes on from what it learned."""
    decay: float = setting(0.95, above=0, most=1, tune=(0.8, 0.9, 1.0), at_request=True)
    """How much less each earlier event of the history counts."""
    remember: float = setting(1.0, least=0, most=1, tune=(0.0, 1.0), at_request=True)
    """How much of a known user's own embedding joins what the history says."""
    social: float = setting(1.0, least=0, tune=(0.0, 0.5, 1.0))
    """Weight of friends in training for a user without history; 0 leaves friends out, in requests too."""
    half: float = setting(10.0, above=0)
    """Length of history at which that weight has halved."""
    content: float = setting(0.0, least=0, tune=(0.0, 0.5))
    """Weight of items with like texts in training for an item nobody met; halves where `half` people met it."""
    neighbours: int = setting(10, least=1)
    """Items with like texts that an item leans on."""
    space: str = setting("text")
    """The vector space of the catalogue that says which texts are alike; not needed."""
    seed: int = setting(0, least=0)
    """Of the first vectors, the batches and the negatives."""

    items: Floats = learned()
    givers: Floats = learned()
    ties: Floats = learned(users=(0,))
    users: Floats = learned(users=(0,))
    ego: Floats = learned()
    met: Bools = learned()
    reach: Floats = learned()
    anchors: Floats = learned()

    def fit(self, dataset: Dataset) -> Graph:
        """See Retriever."""
        rng = np.random.default_rng(self.seed)
        nodes = rng.normal(0, 0.1, (len(dataset.users) + len(dataset.items), self.factors)).astype(np.float32)
        return self._learn(dataset, nodes, self.epochs)

    def refit(self, dataset: Dataset) -> Graph:
        """See Refitting. Anew where the users or items are others than those learned."""
        if self.ego is None or (len(self.users), len(self.ego)) != (len(dataset.users), len(dataset.items)):
            return self.fit(dataset)
        return self._learn(dataset, np.vstack([self.users, self.ego]), self.refit_epochs)

    def _learn(self, dataset: Dataset, nodes: Floats, epochs: int) -> Graph:
        held = HeldOut.of(dataset, VALIDATED, self.seed)
        if held.kept.nnz:
            nodes = self._trained(nodes, held, self._edges(held.kept, dataset), epochs)
        self._take(nodes, held.kept, dataset)
        self.reach = self._gate(held, dataset)
        self._take(nodes, dataset.binary(), dataset)
        return self

    def _edges(self, met: sparse.csr_matrix, dataset: Dataset) -> sparse.csr_matrix:
        """The graph: interactions, friends gated by the length of each history, like texts by who met the item."""
        users = items = None
        if self.social and dataset.friends is not None:
            weights = self.social * gate(np.diff(met.indptr), self.half)
            users = sparse.diags(weights) @ _friends(dataset)
        vectors = dataset.items.vectors.get(self.space)
        if self.content and vectors is not None:
            counts = np.bincount(met.indices, minlength=met.shape[1])
            warm = np.flatnonzero(counts)
            near = nearest_rows(
                unit_rows(vectors[warm]), unit_rows(vectors[warm]), self.neighbours, np.arange(len(warm))
            )
            spread = sparse.csr_matrix((near.data, (warm[near.tocoo().row], warm[near.indices])), (len(counts),) * 2)
            items = sparse.diags(self.content * gate(counts, self.half)) @ spread
        return adjacency(met, users, items)

    def _trained(self, nodes: Floats, held: HeldOut, edges: sparse.csr_matrix, epochs: int) -> Floats:
        """The nodes after training: every interaction that is not held out is a row, once per epoch."""
        torch = require("torch", "torch")
        model = torch.nn.ParameterDict({"nodes": torch.nn.Parameter(torch.from_numpy(nodes.copy()))})
        step = GraphStep(held.kept, edges, self.layers, self.loss, self.negatives, self.regularization)
        size = held.kept.shape[0]

        def validate() -> float:
            final = layers_summed(edges, model["nodes"].detach().numpy(), self.layers)
            return float(held.quality(held.hide_met(final[held.users] @ final[size:].T)).mean())

        # One thread: most of a step is scipy's sparse product, which has one, and torch's others would wait for it spinning.
        how = LoopSettings(
            epochs, self.patience, self.learning_rate, betas=(0.9, 0.999), clip=1e9, seed=self.seed, threads=1
        )
        weights = train(
            model, held.kept.nnz, self.batch, lambda rows, chance: step(model["nodes"], rows, chance), how,
            validate=validate if len(held) else None,
        )  # fmt: skip
        return np.asarray(weights["nodes"], np.float32)

    def _take(self, nodes: Floats, met: sparse.csr_matrix, dataset: Dataset) -> None:
        """What requests need: final vectors of items, and what an item or a friend adds to a user's vector."""
        size, edges = met.shape[0], self._edges(met, dataset)
        share = np.float32(1 / (self.layers + 1))
        before = layers_summed(edges, nodes, self.layers - 1) if self.layers else np.zeros_like(nodes)
        self.users, self.ego = nodes[:size], nodes[size:]
        counts = np.bincount(met.indices, minlength=met.shape[1])
        self.items = np.asarray(share * (nodes + edges @ before)[size:], np.float32)
        self.givers = share * _shared_out(before[size:], counts)
        self.ties = np.zeros_like(self.users[:0])
        if self.social and dataset.friends is not None:
            self.ties = share * _shared_out(before[:size], np.diff(_friends(dataset).indptr))
        self.met = counts > 0
        live = dataset.items.vectors.get(self.space)
        self.anchors = unit_rows(live[self.met]) if live is not None else np.zeros((0, 0), np.float32)
        cold = np.flatnonzero(counts == 0)
        self.items[cold] = self.givers[cold] = 0
        self._place(dataset.items, cold)

    def _place(self, catalogue: Items, positions: Array) -> None:
        """Put items nobody met where the items stand that had the closest texts at fit."""
        vectors, warm = catalogue.vectors.get(self.space), np.flatnonzero(self.met)
        if vectors is None or not len(positions) or not len(self.anchors):
            return
        near = nearest_rows(unit_rows(vectors[positions]), self.anchors, self.neighbours)
        self.items = with_rows(self.items, positions, near @ self.items[warm])
        self.givers = with_rows(self.givers, positions, near @ self.givers[warm])

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable. Items people met keep what was learned of them."""
        need_fitted(self)
        self.items, self.givers, self.met = (grown(one, len(items)) for one in (self.items, self.givers, self.met))
        new = np.array([one for one in changed if not self.met[one]], np.int64)
        self._place(items, new)

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        rows = np.full((len(queries), len(self.items)), NEVER, np.float32)
        there = self.items.any(1)
        for row, query in enumerate(queries):
            vector = self.vector(query)
            if vector.any():
                rows[row] = np.where(there, self.items @ vector, NEVER)
        return rows

    def vector(self, query: Query) -> Floats:
        """The user as a vector, from the live history, the friends, and what was learned of a known user. [factors]"""
        events, weights = self._events(query)
        vector = weights @ self.givers[query.profile.history.items[events]]
        known = 0 <= query.profile.position < len(self.users)
        if known and len(events):
            vector = vector + np.float32(self.remember / (self.layers + 1)) * self.users[query.profile.position]
        return np.asarray(vector + self._from_friends(query.profile.friends, len(events)), np.float32)

    def _events(self, query: Query) -> tuple[Ints, Floats]:
        """The newest event of each liked, fitted item, and what it counts: the weights of a row of the adjacency."""
        history = query.profile.history
        weights = decayed(history, self.decay)
        usable = np.flatnonzero((weights > 0) & (history.items < len(self.givers)))
        _, newest_first = np.unique(history.items[usable][::-1], return_index=True)
        events = np.sort(usable[::-1][newest_first]).astype(np.int32)
        weights = weights[events]
        return events, weights / np.sqrt(max(float(weights.sum()), 1e-12)).astype(np.float32)

    def _from_friends(self, friends: Ints, length: int) -> Floats:
        """What friends add to the vector of a user with a history of some length. [factors]"""
        known = friends[(friends >= 0) & (friends < len(self.ties))]
        if not len(known):
            return np.zeros(self.ties.shape[1], np.float32)
        strength, half = self.reach
        weight = strength * float(gate(length, half)) / np.sqrt(len(known))
        return np.asarray(np.float32(weight) * self.ties[known].sum(0), np.float32)

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing. The sum over the history is linear; friends and the user's own embedding are no event's."""
        result = np.zeros((len(items), len(query.profile.history)), np.float32)
        events, weights = self._events(query)
        known = np.flatnonzero(items < len(self.items))
        given = self.givers[query.profile.history.items[events]] * weights[:, None]
        result[np.ix_(known, events)] = self.items[items[known]] @ given.T
        return result

    def _gate(self, held: HeldOut, dataset: Dataset) -> Floats:
        """Strength and half length for requests, from held-out items of users with friends; see learn_gate."""
        if not len(self.ties) or dataset.friends is None:
            return np.array([0.0, 1.0], np.float32)
        tied = np.flatnonzero(np.diff(_friends(dataset).indptr)[held.users])
        held = held.only(np.random.default_rng(self.seed).permutation(tied)[:GATED])
        if not len(held):
            return np.array([0.0, 1.0], np.float32)
        self.reach = np.ones(2, np.float32)
        said = np.stack([self._from_friends(dataset.profile(int(user)).friends, 0) for user in held.users])
        said = said @ self.items.T
        shown = []
        for length in LENGTHS:
            own = newest(held.kept, held.users, length, dataset)
            counts = np.array([len(one) for one in own])
            vectors = np.stack([self.givers[one].sum(0) / np.sqrt(max(len(one), 1)) for one in own])
            shown.append((held.hide_met(vectors @ self.items.T), said, counts))
        return learn_gate(held, shown)


def _shared_out(vectors: Floats, degrees: Array) -> Floats:
    """Each vector divided by the root of its node's degree: what one of its neighbours gets of it."""
    return np.asarray(vectors / np.sqrt(np.maximum(degrees, 1))[:, None], np.float32)


def _friends(dataset: Dataset) -> sparse.csr_matrix:
    """The ties of a dataset with friends, normalised: each divided by the root of the degrees at its ends."""
    assert dataset.friends is not None
    ties = sparse.csr_matrix(dataset.friends, dtype=np.float32, copy=True)
    ties.data[:] = 1.0
    return normalised(ties)
