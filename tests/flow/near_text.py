"""A retriever by likeness of texts that takes new items, for tests that need one without a heavy library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import NEVER, Floats
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.part import learned, part, setting
from zhiyin.query import Query
from zhiyin.stages import Scorer


@part
class NearText(Scorer):
    """Cosine of an item's text with the mean of the liked items' texts, or with the wish."""

    space: str = setting("text")
    """The vector space."""

    vectors: Floats = learned()

    def fit(self, dataset: Dataset) -> NearText:
        self.vectors = dataset.items.vectors[self.space].copy()
        return self

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        self.vectors = items.vectors[self.space].copy()

    def scores(self, queries: Sequence[Query]) -> Floats:
        rows = []
        for query in queries:
            wish = query.text_vectors.get(self.space)
            liked = query.profile.history.liked.items
            asked = wish if wish is not None else self.vectors[liked].sum(0)
            rows.append(self.vectors @ asked)
        found = np.stack(rows).astype(np.float32)
        return np.where(found > 0, found, NEVER)
