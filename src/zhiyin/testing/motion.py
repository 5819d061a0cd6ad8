"""The laws of motion: what moves in the catalogue moves nobody's other items.

A law is asked of a whole recommender, fitted on `encoded(dataset)`: give a retriever, ranker or reranker as one of its
stages.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.data.dataset import Dataset
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.recommender import Recommender
from zhiyin.retrieval.terms import words_of
from zhiyin.testing.made import WORDS
from zhiyin.text.attributes import Attribute
from zhiyin.workspace.saving import load_part, save_part

KEPT = 0.99
"""Of the pairs of other items, the share that must keep its order."""

Scores = dict[str, float]
"""An answer as numbers: the id of every item in it, and a number that is higher for what comes earlier."""

CHANGES = ("added", "akin", "dated", "changed", "hidden", "deleted")
"""What may happen to items: new ones of another kind, new ones like the others, and four things that happen to old ones."""


def check_motion(fitted: Recommender, dataset: Dataset, change: str, count: int, seed: int = 0) -> None:
    """Adding, dating, changing, hiding or deleting `count` items leaves the other items of every list in their order.

    Of people who met none of these items. fitted: on `encoded(dataset)`. change: one of CHANGES.
    """
    moved = changes(dataset, count, change, seed)
    live = put(fitted, moved)
    others = set(dataset.items.vocabulary.ids) - {item.item_id for item in moved}
    for query in questions(dataset):
        share = kept_share(answered(fitted, query), answered(live, query), others)
        assert share >= KEPT, f"{count} items {change}: {share:.1%} of the pairs of other items keep their order"


def check_return(fitted: Recommender, dataset: Dataset, change: str, count: int = 5, seed: int = 0) -> None:
    """Items that are deleted and put back, or changed and changed back, give back the answers of before."""
    moved = changes(dataset, count, change, seed)
    live = put(fitted, moved)
    live = put(live, [dataset.items[dataset.items.vocabulary.position(item.item_id)] for item in moved])
    for query in questions(dataset):
        same_scores(answered(fitted, query), answered(live, query), f"{change} and put back")


def check_restart(fitted: Recommender, dataset: Dataset, seed: int = 0) -> None:
    """A restart, a promotion of the same version, and other batches answer the same.

    However the same changes arrive, one by one, all at once, or at the next start instead of beside things that came and
    went, the answers are equal.
    """
    kinds = {"akin": 12, "added": 3, "changed": 3, "dated": 2}
    found = [item for place, (kind, count) in enumerate(kinds.items()) for item in changes(dataset, count, kind, place)]
    moved = list({item.item_id: item for item in found}.values())
    with tempfile.TemporaryDirectory() as folder:
        once = put(restarted(fitted, Path(folder)), moved)
    each = fitted
    for item in moved:
        each = put(each, [item])
    lived = put(fitted, [replace(item, title="something else", available_from=1.0, attributes={}) for item in moved])
    lived = put(put(lived, moved[:5]), moved)
    for query in questions(dataset):
        want = answered(once, query)
        same_scores(want, answered(each, query), "one by one as all at once")
        same_scores(want, answered(lived, query), "a restart as having lived through it")


def restarted(fitted: Recommender, folder: Path) -> Recommender:
    """What a process that starts has: the parts as they were saved, and the catalogue as of the fit."""

    def through_a_file(part: Any) -> Any:
        place = folder / str(len(list(folder.iterdir())))
        save_part(part, place)
        return load_part(place)

    other = copy(fitted)
    other.retrievers = {name: through_a_file(part) for name, part in fitted.retrievers.items()}
    other.rankers, other.rerankers = (tuple(map(through_a_file, parts)) for parts in (fitted.rankers, fitted.rerankers))
    other.items = fitted.items.copy()
    return other


# -- what is asked, and how answers compare -------------------------------------------------------------------------


def questions(dataset: Dataset, people: int = 5) -> list[Query]:
    """A guest, and those with the shortest histories of two events or more, each asked for everything."""
    now, lengths = dataset.as_of + 10 * 86_400.0, np.diff(dataset.offsets)
    users = [int(user) for user in np.argsort(lengths, kind="stable") if lengths[user] >= 2][:people]
    profiles = [dataset.profile(user) for user in users]
    return [Query(n=10_000, now=now, seed=1), *(Query(profile, n=10_000, now=now, seed=1) for profile in profiles)]


def answered(recommender: Recommender, query: Query) -> Scores:
    """An answer as numbers: what the only source says, or the scores where they are in order, else the places."""
    found = recommender.recommend_batch([query], explain=False)[0].candidates
    scores = found.scores.astype(np.float64)
    only = len(found.sources) == 1 and not recommender.rankers and not recommender.rerankers
    if only and found.source_scores is not None:
        scores = found.source_scores[:, 0].astype(np.float64)
    elif (np.diff(scores) > 0).any():
        scores = -np.arange(len(found), dtype=np.float64)
    return {recommender.items[int(at)].item_id: float(score) for at, score in zip(found.items, scores, strict=True)}


def kept_share(before: Scores, after: Scores, others: set[str]) -> float:
    """The share of the pairs of other items in an answer that keep their order in the next; equal scores have none.

    An item that the next answer has no more is below all it has.
    """
    listed = sorted(others & set(before))
    was, now = (np.array([one.get(name, -np.inf) for name in listed]) for one in (before, after))
    first, second = _signs(was), _signs(now)
    ordered = int(np.abs(first).sum())
    return 1.0 if not ordered else float((first * second > 0).sum()) / ordered


def _signs(scores: np.ndarray) -> np.ndarray:
    """Which of two comes first, [items, items]: 1, -1, or 0 where they are equal but for rounding."""
    gone = ~np.isfinite(scores)
    known = np.where(gone, 0.0, scores)
    apart = known[:, None] - known[None, :]
    size = np.maximum(np.abs(known)[:, None], np.abs(known)[None, :])
    signs = np.where(np.abs(apart) <= 1e-5 * size + 1e-12, 0, np.sign(apart))
    lower = gone[:, None].astype(np.int64) - gone[None, :]
    return np.where(lower != 0, -lower, np.where(gone[:, None], 0, signs)).astype(np.int64)


def same_scores(want: Scores, given: Scores, law: str) -> None:
    assert set(want) == set(given), f"{law}: other items, {sorted(set(want) ^ set(given))[:5]}"
    for name, score in want.items():
        assert np.isclose(score, given[name], rtol=1e-4, atol=1e-5), f"{law}: {name} {score} is not {given[name]}"


# -- what changes ---------------------------------------------------------------------------------------------------


def changes(dataset: Dataset, count: int, kind: str, seed: int) -> list[Item]:
    """Items as they would be put: new ones of another kind, or like those there are; or some of the old ones, changed."""
    rng = np.random.default_rng(seed)
    if kind in ("added", "akin"):
        return [_newcomer(dataset, number, kind, rng) for number in range(count)]
    met = np.concatenate([query.profile.history.items for query in questions(dataset)])
    others = np.setdiff1d(np.arange(len(dataset.items)), met)  # what somebody met is part of their taste
    rows = [dataset.items[int(at)] for at in rng.permutation(others)[:count]]
    if kind == "dated":
        dates = rng.choice(
            [-6.2e10, 0.0, dataset.as_of - 5 * 86_400, dataset.as_of + 3 * 86_400, 4.07e9, 2.5e11], len(rows)
        )
        return [replace(row, available_from=float(date)) for row, date in zip(rows, dates, strict=True)]
    if kind == "changed":
        return [replace(row, title=f"cordless drill {rng.integers(99)} {row.title}") for row in rows]
    if kind == "hidden":
        return [replace(row, hidden=True) for row in rows]
    return [Item(row.item_id, hidden=True) for row in rows]


def _newcomer(dataset: Dataset, number: int, kind: str, rng: np.random.Generator) -> Item:
    date = rng.choice([np.nan, dataset.as_of - 86_400.0 * number, dataset.as_of + 86_400.0])
    from_ = None if np.isnan(date) else float(date)
    if kind == "added":
        return Item(
            f"new {number}", f"cordless drill {number} volts", attributes={"kind": "tool"}, available_from=from_
        )
    words = " ".join(rng.choice(WORDS, 3))
    tags: dict[str, Attribute] = {
        "kind": f"kind {number % 4}",
        "notes": tuple(rng.choice(WORDS, 2).tolist()),
        "price": float(number),
    }
    return Item(f"new {number}", words, attributes=tags, available_from=from_)


def put(recommender: Recommender, items: Sequence[Item]) -> Recommender:
    """What serves once items were put: the next catalogue, with the vectors of their content, and parts that know of it."""
    widths = {space: matrix.shape[1] for space, matrix in recommender.items.vectors.items()}
    vectors = [{space: vector_of(item, width) for space, width in widths.items()} for item in items]
    return recommender.extended(*recommender.items.taking(items, vectors))


def encoded(dataset: Dataset) -> Dataset:
    """The dataset with a catalogue of its own, whose vectors say what the items' words say and nothing else."""
    rows = dataset.items.rows
    widths = {space: matrix.shape[1] for space, matrix in dataset.items.vectors.items()}
    vectors = {space: np.stack([vector_of(row, width) for row in rows]) for space, width in widths.items() if rows}
    return replace(dataset, items=Items(rows, vectors))


def vector_of(item: Item, width: int) -> Floats:
    """The mean of the vectors of an item's words, of length 1; zeros for an item without words. [width]"""
    words = words_of(item.content())
    total = np.sum([_word(word, width) for word in words], 0) if words else np.zeros(width)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), np.float32)


@cache
def _word(word: str, width: int) -> Floats:
    return np.random.default_rng(crc32(word.encode())).normal(size=width).astype(np.float32)
