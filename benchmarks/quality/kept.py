"""A next_item that was trained before, so that a whole recipe is measured without training it again.

Where run.py runs, a recipe may say

    [[retrieve]]
    use = "kept:KeptNextItem"
    folder = "FOLDER"

FOLDER and FOLDER-past are what next_item.py --keep FOLDER wrote for the same data and split.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError
from zhiyin.part import part, setting
from zhiyin.retrieval.next_item import NextItem
from zhiyin.saving import load_part


@part
class KeptNextItem(NextItem):
    """Takes over what was learned from as many events as it is given, settings included."""

    folder: str = setting("")
    """Where it was kept."""

    def fit(self, dataset: Dataset) -> KeptNextItem:
        """See Retriever. Raises DataError when nothing was kept that learned from this many events and items."""
        events = len(dataset.interactions)
        kept = [Path(self.folder + ending) for ending in ("-past", "")]
        found = [one for one in kept if json.loads((one / "run.json").read_text())["events"] == events]
        if not found:
            raise DataError(
                f"{self.folder}: nothing kept there learned from {events:,} events; run next_item.py --keep"
            )
        loaded = load_part(found[0])
        if len(loaded.vectors) != len(dataset.items):
            raise DataError(f"{found[0]}: learned on {len(loaded.vectors):,} items, asked for {len(dataset.items):,}")
        for field in dataclasses.fields(NextItem):
            setattr(self, field.name, getattr(loaded, field.name))
        return self

    refit = fit
