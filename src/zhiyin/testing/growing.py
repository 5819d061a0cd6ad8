"""The laws of parts that take in items after they were fitted."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.testing.made import copy_of, odd_queries


def check_extending(part: Any, dataset: Dataset) -> None:
    """A copy that takes in items leaves the original, and other copies of it, as they were: those answer meanwhile.

    part: Extendable.
    """
    fitted = copy_of(part).fit(dataset)
    queries = [*odd_queries(dataset), Query(now=dataset.as_of + 1, text="unheard kind 1")]
    before = fitted.retrieve(queries, 20)
    together, moved = _extended(fitted, dataset.items, _moved(dataset.items, "ab"))
    answers = together.retrieve(queries, 20)
    _same(fitted.retrieve(queries, 20), before, "the original answers as before")
    other, _ = _extended(fitted, dataset.items, _moved(dataset.items, "cde"))
    _extended(other, moved, _moved(dataset.items, "fg"))
    _same(fitted.retrieve(queries, 20), before, "the original answers as before")
    _same(together.retrieve(queries, 20), answers, "a copy is not changed by another")


def _moved(items: Items, names: str) -> list[tuple[Item, int]]:
    """New items and one that changed, each with the position of the item whose vectors it gets."""
    new = [(Item(f"new {one}", f"unheard of {one}", attributes={"kind": "kind 1"}), 0) for one in names]
    changed = Item(items.vocabulary[len(items) - 1], f"changed {names}", attributes={"kind": f"kind {names}"})
    return [*new, (changed, 1 % len(items))]


def _extended(part: Any, items: Items, given: Sequence[tuple[Item, int]]) -> tuple[Any, Items]:
    vectors = [{space: matrix[like] for space, matrix in items.vectors.items()} for _, like in given]
    moved, positions = items.taking([item for item, _ in given], vectors)
    made = copy(part)
    made.extend(moved, positions)
    return made, moved


def _same(found: Sequence[Candidates], wanted: Sequence[Candidates], law: str) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(one.items, other.items), law
        assert np.allclose(one.scores, other.scores, atol=1e-5), law
