"""Circumstances: on what device, at which place and surface, and at which hour an event happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from zhiyin.arrays import Ints, Longs

if TYPE_CHECKING:
    from zhiyin.data.dataset import Dataset, Interactions

KEYS = ("device", "place", "surface")
"""Keys of an event's context that are learned from."""

LONGEST = 64
"""Characters of a value; a longer one is no name of a device or place and is not read."""


def coded(contexts: pl.Series) -> tuple[Ints, tuple[Mapping[str, str], ...]]:
    """Contexts (JSON text, "" or null for none) as codes and what each stands for; 0 is nothing. [events]

    Only KEYS are read, folded; what is no JSON object, or has none of them, is nothing.
    """
    if not contexts.str.contains("|".join(KEYS)).fill_null(False).any():
        return np.zeros(len(contexts), np.int32), ({},)
    texts = contexts.fill_null("")
    read = {key: texts.str.json_path_match(f"$.{key}").str.strip_chars().str.to_lowercase() for key in KEYS}
    named = pl.col(*KEYS)
    found = pl.DataFrame(read).select(pl.when(named.str.len_chars().is_between(1, LONGEST)).then(named))
    table = found.unique().filter(~pl.all_horizontal(pl.all().is_null())).sort(KEYS, nulls_last=True)
    codes = found.join(
        table.with_row_index("code", 1), on=list(KEYS), how="left", nulls_equal=True, maintain_order="left"
    )
    meant = [{key: value for key, value in row.items() if value} for row in table.iter_rows(named=True)]
    return np.asarray(codes["code"].fill_null(0).to_numpy(), np.int32), ({}, *meant)


def hours(dataset: Dataset, table: Interactions) -> Longs:
    """The hour of day (UTC) of each interaction, 0 to 23; -1 without a clock. [interactions]"""
    if not dataset.has_clock:
        return np.full(len(table), -1, np.int64)
    return np.floor(table.times / 3600).astype(np.int64) % 24


def of_row(dataset: Dataset, row: int) -> Mapping[str, str]:
    """The circumstances of one interaction, as a query's context: what was said of it, and its hour."""
    table = dataset.interactions
    hour = int(hours(dataset, table.rows(np.array([row])))[0])
    told = dataset.contexts[int(table.contexts[row])]
    return told if hour < 0 else {**told, "hour": str(hour)}


def values(dataset: Dataset, table: Interactions, key: str) -> tuple[Longs, Sequence[str]]:
    """The value of one key (of KEYS, or "hour") of each interaction, as a place in the names returned; -1 for none."""
    if key == "hour":
        return hours(dataset, table), [str(hour) for hour in range(24)]
    names = sorted({one[key] for one in dataset.contexts if key in one})
    places = {name: place for place, name in enumerate(names)}
    of_code = np.array([places.get(one.get(key, ""), -1) for one in dataset.contexts], np.int64)
    return of_code[table.contexts], names
