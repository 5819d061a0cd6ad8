"""The shape of what deep rankers read: options, sizes, one encoded request, and padding. Filled by deep_inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats, Ints

GATE = ("history", "popularity", "quiet", "age", "no_history", "new_item", "no_text", "no_graph", "wish")
"""Columns a gate reads: log history length, log popularity, log days since the last event, log age of the item, and
0 / 1 for a history that is empty, an item nobody met, an item without text vector or place in a graph, a wish in words."""


@dataclass(frozen=True)
class InputOptions:
    """length: events of the history read, newest first. buckets, crosses: rows of the tables of fields and of crosses; 0
    crosses leave them out. width: of the vectors made here. scale_free: leave out columns that change with how much data was fitted."""

    length: int = 20
    buckets: int = 1 << 15
    crosses: int = 1 << 17
    width: int = 32
    scale_free: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Shape:
    """The sizes a model is built with. numeric, flags, gate: columns. item_fields, query_fields, crosses: how many.

    contexts: how many of the last query fields are the request's context. spaces: names of the vector spaces. columns:
    names of the numeric columns.
    """

    numeric: int
    flags: int
    gate: int
    item_fields: int
    query_fields: int
    contexts: int
    crosses: int
    spaces: tuple[str, ...]
    width: int
    length: int
    buckets: int
    cross_buckets: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Encoded:
    """One request as a model reads it; row i of every array with [n] is candidate i.

    numeric [n, columns]: 0 on average, 1 wide, 0 where not known. flags [n, columns]: 1 where not known, for the columns
    that have gaps. item_fields [n, fields, VALUES], query_fields [fields]: rows of the table of fields, 0 for nothing.
    crosses [n, crosses]: rows of the table of crosses. gate [n, GATE]. blend [n]: the weighted sum of the sources.
    items [n], history [events]: positions, newest event first. history_fields [events, fields, VALUES]. labels [n] or None.
    """

    numeric: Floats
    flags: Floats
    item_fields: Ints
    query_fields: Ints
    crosses: Ints
    gate: Floats
    blend: Floats
    items: Ints
    history: Ints
    history_fields: Ints
    labels: Floats | None = None

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: Array) -> Encoded:
        """Some of the candidates."""
        own = ("numeric", "flags", "item_fields", "crosses", "gate", "blend", "items", "labels")
        columns: dict[str, Any] = {name: getattr(self, name) for name in own}
        found: dict[str, Any] = {name: one if one is None else one[rows] for name, one in columns.items()}
        return replace(self, **found)


def padded(arrays: Sequence[Array], longest: int, filler: int) -> Array:
    """Arrays of different lengths one under the other. [arrays, longest, …]"""
    result = np.full((len(arrays), longest, *arrays[0].shape[1:]), filler, arrays[0].dtype)
    for row, one in enumerate(arrays):
        result[row, : len(one)] = one
    return result
