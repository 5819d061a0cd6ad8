"""From the store to a Dataset: what was known as of a moment."""

from __future__ import annotations

import numpy as np
import polars as pl

from zhiyin.data.assemble import assemble
from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import event_columns
from zhiyin.data.weights import EventWeights
from zhiyin.ports import Store

READ = ("user_id", "item_id", "timestamp", "event_type", "value", "context")


def dataset_from_store(
    store: Store,
    weights: EventWeights,
    as_of: float | None,
    now: float | None = None,
    show_unlisted: bool = False,
) -> Dataset:
    """Everything known at a moment (as_of, events at that very time included), or all there is when None.

    now: seconds since 1970; events a day later have a wrong time, see Dataset.window. show_unlisted: see
    assemble.listed.
    What numbers mean, where it is not set, is taken from the whole store and noted there, see weights_for.
    """
    until = None if as_of is None else float(np.nextafter(as_of, np.inf))
    table = store.log.columns(READ, None, until)
    profiles = store.profiles.all()
    edges = [(one.user_id, friend) for one in profiles for friend in one.friends]
    dataset = assemble(
        event_columns(table),
        store.catalog.all(),
        weights,
        has_clock=store.meta.get("has_clock") is not False,
        as_of=as_of,
        now=now,
        show_unlisted=show_unlisted,
        users={one.user_id: dict(one.readable) for one in profiles},
        edges=pl.DataFrame(edges, schema={"user_id": pl.String, "friend_id": pl.String}, orient="row")
        if edges
        else None,
    )
    meanings = dataset.weights.meanings()
    if meanings != (store.meta.get("meanings") or {}):
        store.meta.put("meanings", meanings)
    return dataset


def weights_for(store: Store, weights: EventWeights) -> EventWeights:
    """The weights a live profile needs: with what numbers meant in the last dataset of this store."""
    scale = store.meta.get("rating_scale")  # noted alone by earlier versions
    noted = store.meta.get("meanings") or ({} if scale is None else {"rating_scale": scale})
    return EventWeights.from_table({**noted, **weights.table()})
