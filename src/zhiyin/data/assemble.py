"""From cleaned columns to a Dataset: vocabularies in hash order, signed weights, ties between users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
from scipy import sparse

from zhiyin.arrays import Ints
from zhiyin.data.circumstances import coded
from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.data.moments import ALWAYS, inside, window
from zhiyin.data.reading.summary import KNOWN
from zhiyin.data.taken_back import when_taken_back
from zhiyin.data.weights import EventWeights
from zhiyin.item import Item, Items
from zhiyin.vocabulary import Vocabulary


def assemble(
    events: pl.DataFrame,
    items: Iterable[Item],
    weights: EventWeights,
    *,
    has_clock: bool,
    as_of: float | None = None,
    now: float | None = None,
    users: Mapping[str, Mapping[str, str]] | None = None,
    edges: pl.DataFrame | None = None,
    show_unlisted: bool = False,
) -> Dataset:
    """A dataset of the events that are interactions: their weight is not 0, and no later event took them back.

    events: user_id, item_id, time (seconds or position), kind (code), value (nan or null for none) and, where comments were
    read, sentiment (see comments.py), and context (JSON text), where there is one, in order of arrival, which settles equal times. now: seconds since 1970, where it is known; no event can be a day later. users:
    attributes by user id. edges: user_id, friend_id. What the values mean, where it is not set, is taken from the events;
    the dataset keeps the weights it was made with. show_unlisted: see listed.
    """
    kinds = events["kind"].to_numpy()
    values = events["value"].cast(pl.Float32).fill_null(np.nan).to_numpy()
    weights = weights.with_scale_of(kinds, values)
    sentiments = events["sentiment"].to_numpy() if "sentiment" in events.columns else None
    signed = weights.weigh(kinds, values, sentiments)
    times = events["time"].to_numpy()
    use, until = signed != 0, when_taken_back(events["user_id"], events["item_id"], times, kinds, values)
    kept = events.filter(pl.Series(use))
    user_ids = [*events["user_id"].unique().to_list(), *(users or {})]
    if edges is not None:
        user_ids += [*edges["user_id"].to_list(), *edges["friend_id"].to_list()]
    vocabulary = Vocabulary.of(user_ids, "user")
    table = listed(items, kept["item_id"].unique().to_list(), show_unlisted)
    user_positions = positions(kept["user_id"], vocabulary)
    codes, contexts = coded(kept["context"]) if "context" in kept.columns else (None, ({},))
    interactions = Interactions.sort(
        user_positions,
        positions(kept["item_id"], table.vocabulary),
        kept["time"].to_numpy(),
        signed[use],
        kinds[use],
        values[use],
        codes,
    )
    undone, until = None, until[use]
    if np.isfinite(until).any():  # rare, and sorted as the interactions were
        until = until[np.lexsort((np.arange(len(kept)), kept["time"].to_numpy(), user_positions))]
        gone = np.isfinite(until)
        undone, interactions = (interactions.where(gone), until[gone]), interactions.where(~gone)
    within = window(interactions.times, now) if has_clock else ALWAYS
    latest = float(np.max(interactions.times[inside(interactions.times, within)], initial=0.0))
    return Dataset(
        vocabulary,
        table,
        interactions,
        latest if as_of is None else as_of,
        has_clock,
        None if edges is None else friends(edges, vocabulary),
        users or {},
        weights,
        within,
        contexts,
        undone,
    )


def listed(items: Iterable[Item], named: list[str], show_unlisted: bool = False) -> Items:
    """The catalogue with the items that events name beside it, which are learned from.

    They have nothing to show, no title and no text, so that they are hidden; unless they are asked for, or there is no
    catalogue to speak of and ids are all there is.
    """
    rows = {item.item_id: item for item in items}
    unknown = [one for one in named if one not in rows]
    hide = not show_unlisted and len(named) - len(unknown) >= max(KNOWN * len(named), 1)
    return Items.of([*rows.values(), *(Item(one, hidden=hide) for one in unknown)])


def positions(ids: pl.Series, vocabulary: Vocabulary) -> Ints:
    """Positions of a column of ids, -1 where unknown: one look-up for each distinct id. [rows]"""
    distinct = ids.unique()
    found = pl.Series(vocabulary.positions(distinct.to_list()), dtype=pl.Int32)
    return np.asarray(ids.replace_strict(distinct, found, return_dtype=pl.Int32).to_numpy(), np.int32)


def friends(edges: pl.DataFrame, vocabulary: Vocabulary) -> sparse.csr_matrix:
    """Ties as given (a row one way is a tie one way): csr of ones [users, users], without ties to oneself."""
    rows, columns = positions(edges["user_id"], vocabulary), positions(edges["friend_id"], vocabulary)
    real = rows != columns
    size = len(vocabulary)
    matrix = sparse.csr_matrix((np.ones(real.sum(), np.float32), (rows[real], columns[real])), shape=(size, size))
    matrix.data[:] = 1.0
    matrix.sort_indices()
    return matrix
