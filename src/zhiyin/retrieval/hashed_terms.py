"""Titles and tags as a few weighted numbers per item: what a tower reads of an item beside its id and its text vector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.item import Item
from zhiyin.retrieval.terms import phrases_of

MOST = 48
"""Terms kept of an item, the rarest first; the rest of a long list of tags says little more."""


def hashed_items(rows: Iterable[Item], buckets: int) -> list[Counter[int]]:
    """How often each hashed term occurs, per item: words and pairs of the title, and every textual attribute as a whole
    and as words. Buckets from 1 on; 0 is nothing."""
    return [_counted(item, buckets) for item in rows]


def _counted(item: Item, buckets: int) -> Counter[int]:
    terms = phrases_of(item.title)
    for name, value in item.tags():
        terms.append(f"{name}={value.casefold()}")
        terms.extend(phrases_of(value))
    return Counter(_bucket(term, buckets) for term in terms)


def hashed_attributes(attributes: Mapping[str, str], buckets: int, most: int = 16) -> Array:
    """A user's attributes as hashed numbers, padded with 0. [most]"""
    found = sorted(_bucket(f"{name}={value.casefold()}", buckets) for name, value in attributes.items())[:most]
    return np.array(found + [0] * (most - len(found)), np.int64)


def _bucket(term: str, buckets: int) -> int:
    return 1 + crc32(term.encode()) % (buckets - 1)


def rarity_of(counted: Sequence[Counter[int]], buckets: int) -> Floats:
    """ln((1 + N) / (1 + n)) + 1 for every bucket that n of N items have. [buckets]"""
    having = np.zeros(buckets)
    for one in counted:
        having[list(one)] += 1
    return np.asarray(np.log((1 + len(counted)) / (1 + having)) + 1, np.float32)


def weighted(counted: Sequence[Counter[int]], rarity: Floats) -> tuple[Array, Floats]:
    """Terms [items, longest] and their weights (1 + ln count) · rarity, of length 1 per item; zeros behind the end."""
    longest = max(1, min(MOST, max((len(one) for one in counted), default=1)))
    terms, weights = np.zeros((len(counted), longest), np.int64), np.zeros((len(counted), longest), np.float32)
    for row, one in enumerate(counted):
        kept = sorted(one, key=lambda term: (-rarity[term], term))[:longest]
        terms[row, : len(kept)] = kept
        weights[row, : len(kept)] = [(1 + np.log(one[term])) * rarity[term] for term in kept]
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    return terms, np.asarray(weights / np.maximum(lengths, 1e-12), np.float32)
