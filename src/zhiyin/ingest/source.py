"""Source: whatever somebody points at (files, folders, a workspace) as a Dataset, the same for every job that learns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import read_files
from zhiyin.data.reading.asked import NOTHING, Asked
from zhiyin.data.weights import EventWeights
from zhiyin.errors import DataError
from zhiyin.ingest.build import dataset_from_store
from zhiyin.progress import Progress, silent
from zhiyin.stores.sql import SqlStore

STORE = "zhiyin.db"
"""The file by which a workspace is known."""


def dataset_of(
    paths: str | Path | Sequence[str | Path],
    weights: EventWeights | None = None,
    asked: Asked = NOTHING,
    now: float | None = None,
    progress: Progress = silent,
    show_unlisted: bool = False,
) -> tuple[Dataset, list[str]]:
    """A Dataset of files and folders, or of one workspace, and what its reader should know of it, a line each.

    Files are read as `zhiyin ingest` reads them. show_unlisted: see data/assemble.py. Raises DataError, MissingColumn.
    """
    several = [Path(one) for one in ([paths] if isinstance(paths, str | Path) else paths)]
    weights = weights or EventWeights()
    stores = [one for one in several if (one / STORE).is_file()]
    if stores:
        if len(several) > 1:
            raise DataError(f"{stores[0]} is a workspace, and is read alone; ingest the other files into it")
        store = SqlStore(f"sqlite:///{stores[0] / STORE}")
        dataset = dataset_from_store(store, weights, None, now, show_unlisted)
        said = unlisted_said(dataset, store.catalog.ids())
        store.close()
        if not len(dataset.interactions):
            raise DataError(f"{stores[0]}: the store holds no interactions; run `zhiyin ingest FILES…` first")
        return dataset, [said] if said else []
    dataset, summary = read_files(several, weights, asked, now, progress, show_unlisted)
    return dataset, str(summary).splitlines()


def unlisted_said(dataset: Dataset, catalogue: Iterable[str]) -> str:
    """What to say of events whose items are not in the catalogue; "" where there are none, or no catalogue."""
    known = set(catalogue)
    unlisted = np.array([name not in known for name in dataset.items.vocabulary.ids], np.bool_)
    events = int(unlisted[dataset.interactions.items].sum())
    if not known or not events:
        return ""
    hidden = dataset.items.windows()[2][unlisted].all()
    shown = "are learned from and not shown" if hidden else "are shown by their id"
    return (
        f"{events:,} of {len(dataset.interactions):,} events name {int(unlisted.sum()):,} items that are not in the "
        f"catalogue: they {shown}"
    )


def shows_unlisted(part: Any) -> bool:
    """Whether a filter lets items through that are not in the catalogue."""
    return getattr(part, "unlisted", "hide") == "show"
