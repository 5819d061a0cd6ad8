"""generative: writes the id of the next item, code by code, along ids that exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import Array, Doubles, Floats, Ints, Longs
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError, SettingError, require
from zhiyin.item import Items
from zhiyin.learning.code_search import CodeSearch
from zhiyin.learning.forward import last_state
from zhiyin.learning.loop import LoopSettings, Progress, load_weights, train, weights_of
from zhiyin.learning.semantic_ids import SemanticIds, Trie, distances
from zhiyin.learning.sequences import BUCKETS, Sequences, gap_buckets
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.text_axes import projected, text_axes

if TYPE_CHECKING:
    from zhiyin.learning.code_decoder import CodeDecoder


@part
class Generative:
    """Every item has a semantic id, a few codes made of its text; a transformer reads the ids of the history and writes
    that of the next item. A beam search along the tree of ids that exist ends at items of the catalogue only, and a new
    item stands with the fitted one whose text is nearest, without a fit.

    Ids come from residual k-means, balanced, with different last codes for items that share the others. See TIGER, arXiv
    2305.05065. By its authors' own successors' measure it often falls behind a well-tuned next_item (arXiv 2508.14910): it
    shines where items are new and texts say much. Raises DataError when the catalogue has no vectors in the space.
    """

    space: str = setting("text")
    """The vector space that ids are made of."""
    axes_kept: int = setting(64, least=1, most=1024)
    """Main axes of the text vectors that ids are made of."""
    levels: int = setting(3, least=1, most=8)
    """Codes per id, beside the extra token."""
    codes: int = setting(64, least=2, most=4096, tune=(32, 64, 256))
    """Codes per level."""
    width: int = setting(64, least=2, most=1024, tune=(64, 128))
    """Width of the vectors; a multiple of heads."""
    blocks: int = setting(1, least=1, most=16, tune=(1, 2))
    """Layers of the transformer."""
    heads: int = setting(2, least=1, most=16)
    """Heads of attention."""
    length: int = setting(50, least=1, most=2000)
    """How many of the newest liked events are read."""
    dropout: float = setting(0.2, least=0, most=0.9, tune=(0.1, 0.2, 0.3))
    """Share of activations left out in training."""
    beam: int = setting(200, least=1, most=100_000, at_request=True)
    """Ids followed at once at least; as many as are asked for where that is more."""
    batch: int = setting(64, least=1)
    """Sequences per step."""
    learning_rate: float = setting(2e-3, above=0, tune=(0.001, 0.002, 0.004))
    """Of AdamW."""
    cooling: float = setting(0.9, above=0, most=1)
    """What the learning rate is multiplied by after each epoch; a refit goes on with the last one."""
    epochs: int = setting(12, least=1)
    """At most."""
    patience: int = setting(3, least=1)
    """Epochs without a higher chance of held-out last events before training stops."""
    validated: int = setting(1000, least=0)
    """Users, a third of all at most, whose last event is kept out of training to stop by; with 0 all epochs are run."""
    refit_epochs: int = setting(2, least=1)
    """Epochs on all data when it goes on from what it learned."""
    seed: int = setting(0, least=0)
    """Of ids, weights, order and dropout."""

    weights: dict[str, Array] = learned()
    books: Floats = learned()
    ids: Ints = learned()
    said: Floats = learned()
    hosts: Ints = learned()
    axes: dict[str, Array] = learned()
    course: dict[str, Any] = learned()

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise SettingError(f"Generative.width = {self.width}: must be a multiple of heads = {self.heads}")
        self._search: CodeSearch | None = None

    # -- learning ------------------------------------------------------------------------------------------------------

    def fit(self, dataset: Dataset) -> Generative:
        """See Retriever. Raises DataError without vectors, TrainingError on a loss that is not finite."""
        self.axes = text_axes(self._vectors(dataset.items), self.axes_kept, spread=self.axes_kept**-0.5)
        self.said = self._told(dataset.items)
        made = SemanticIds.of(self.said, self.levels, self.codes, self.seed)
        self.books, self.weights = made.books, {}
        self.course = {"collision": made.collision(), "use": made.use().tolist()}
        self._take(made.codes)
        self._learn(dataset, self._held(dataset), self.epochs, "fit")
        return self

    def refit(self, dataset: Dataset) -> Generative:
        """See Refitting."""
        need_fitted(self)
        if len(dataset.items) != len(self.ids):
            raise DataError(
                f"generative: {len(dataset.items):,} items, but learned on {len(self.ids):,}; call fit for another catalogue"
            )
        self.said, self.hosts = self._told(dataset.items), np.arange(len(self.ids), dtype=np.int32)
        self._learn(dataset, np.empty(0, np.int64), self.refit_epochs, "refit")
        return self

    def _vectors(self, items: Items) -> Floats:
        if self.space not in items.vectors:
            raise DataError(
                f"generative: the catalogue has no '{self.space}' vectors; it has {sorted(items.vectors) or 'none'}. Give "
                f"the recipe an encoder for it ([encode.{self.space}]) or call items.set_vectors"
            )
        return items.vectors[self.space]

    def _told(self, items: Items, rows: Array | None = None) -> Floats:
        live = self._vectors(items) if rows is None else self._vectors(items)[rows]
        return projected(self.axes, live) if self.axes else np.zeros((len(live), self.axes_kept), np.float32)

    def _held(self, dataset: Dataset) -> Longs:
        counts = np.bincount(dataset.sequence.users, minlength=len(dataset.users))
        able = np.flatnonzero(counts >= 3)
        chosen = np.random.default_rng(self.seed).permutation(able)[: min(self.validated, len(able) // 3)]
        return np.sort(chosen).astype(np.int64)

    def _learn(self, dataset: Dataset, held: Longs, epochs: int, what: str) -> None:
        require("torch", "torch")
        from zhiyin.learning.code_decoder import Choices, Decoding

        model = self._model(dataset.has_clock)
        sequences, asked = Sequences.of(dataset, self.length, 1, held), Sequences.ends_of(dataset, self.length, held)
        task = Decoding(model, sequences, asked, Choices.of(self.ids, [len(table) for table in model.write]))
        cooled = self.cooling ** self.course.get("fit", {}).get("epochs", 0)  # a refit goes on as the fit ended
        loop = LoopSettings(
            epochs=epochs, patience=self.patience, learning_rate=self.learning_rate * cooled, seed=self.seed,
            cooling=self.cooling,
        )  # fmt: skip
        seen: list[Progress] = []
        if len(sequences) and len(self.ids) > 1:
            check = task.validate if len(held) else None
            train(model, len(sequences), self.batch, task.loss, loop, validate=check, progress=seen.append)
            course = {"epochs": seen[-1].epoch, "best": seen[-1].best_epoch, "chance": seen[-1].values if check else []}
            self.course = {**self.course, what: course}
        self.weights = weights_of(model)
        self._take(self.ids)

    def _model(self, has_clock: bool) -> CodeDecoder:
        """A fresh model, with what was learned so far in it."""
        import torch

        from zhiyin.learning.code_decoder import CodeDecoder
        from zhiyin.learning.transformer import Shape

        gaps = BUCKETS if has_clock else 0
        if self.weights:
            gaps = len(self.weights["reader.gaps"]) if "reader.gaps" in self.weights else 0
        shape = Shape(1, self.width, self.length, self.blocks, self.heads, 2 * self.width, gaps, True)
        ids = SemanticIds(self.books, self.ids)
        sizes = (*(self.books.shape[1],) * len(self.books), ids.extras)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = CodeDecoder(shape, sizes, self.dropout)
        if self.weights:
            load_weights(model, self.weights)
        return model

    def _take(self, ids: Ints) -> None:
        self.ids, self._search = ids, None
        self.hosts = np.arange(len(ids), dtype=np.int32)

    # -- new items -----------------------------------------------------------------------------------------------------

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable. A new item stands with the fitted item whose text was nearest to its own, and has its chance.

        An id of its own would take from the chances of the ids beside it, and so move everybody's lists.
        """
        need_fitted(self)
        rows = np.asarray(changed, np.int64)
        hosts = np.zeros(max(len(items), len(self.hosts)), np.int32)
        hosts[: len(self.hosts)] = self.hosts
        told = self._told(items, rows)
        # Rounded, so that of equal texts the first is taken, whichever items come together.
        hosts[rows] = np.round(distances(told, self.said), 4).argmin(1)
        old = np.flatnonzero(rows < len(self.said))
        same = old[np.abs(told[old] - self.said[rows[old]]).max(1, initial=0) < 1e-4]
        hosts[rows[same]] = rows[same]
        self.hosts = hosts

    # -- requests ------------------------------------------------------------------------------------------------------

    def _searched(self) -> CodeSearch:
        if self._search is None:
            self._search = CodeSearch(self.weights, Trie.of(self.ids))
        return self._search

    def state(self, query: Query) -> Floats:
        """What a person's history says of the next item. [width]"""
        history = query.profile.history
        events = np.flatnonzero((history.weights > 0) & (history.items < len(self.hosts)))[-self.length :]
        if not len(events):
            return np.asarray(self.weights["start"], np.float32)
        codes = self.ids[self.hosts[history.items[events]]]
        vectors = np.sum([self.weights[f"read.{level}"][column] for level, column in enumerate(codes.T)], 0)
        gaps = gap_buckets(np.append(np.diff(history.times[events]), query.now - history.times[events[-1]]))
        reader = {name[7:]: array for name, array in self.weights.items() if name.startswith("reader.")}
        return last_state(reader, self.heads, np.asarray(vectors, np.float32), gaps)

    def retrieve(self, queries: Sequence[Query], n: int) -> list[Candidates]:
        """See Retriever. Every beam ends at an item; a wider beam misses less."""
        need_fitted(self)
        found = []
        for query in queries:
            hosts, chances = self._searched().best(self.state(query), min(max(self.beam, n), len(self.ids)))
            items, chances = self._guests(hosts, chances)
            found.append(Candidates(items[:n], chances[:n].astype(np.float32)))
        return found

    def _guests(self, hosts: Ints, chances: Doubles) -> tuple[Ints, Doubles]:
        """The items that stand with some fitted ones, and their chances, best first."""
        chance = np.full(len(self.ids), -np.inf)
        chance[hosts] = chances
        found = chance[self.hosts]
        order = np.argsort(-found, kind="stable")[: int(np.isfinite(found).sum())]
        return order.astype(np.int32), found[order]

    def score(self, queries: Sequence[Query], items: Sequence[Ints]) -> list[Floats]:
        """See Retriever: the log of each item's chance to be next."""
        need_fitted(self)
        search = self._searched()
        result = []
        for query, wanted in zip(queries, items, strict=True):
            known = np.flatnonzero(wanted < len(self.hosts))
            values = np.full(len(wanted), np.nan, np.float32)
            values[known] = search.of(self.state(query), self.hosts[wanted[known]])
            result.append(values)
        return result
