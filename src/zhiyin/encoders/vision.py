"""How pictures become vectors of items: frames averaged to a picture, pictures to an item; one without any has zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats, unit_rows
from zhiyin.encoders.pictures import key_of_pictures, pictures_of
from zhiyin.errors import ModelError
from zhiyin.item import Item

BATCH = 16
"""Pictures in one pass of a model."""


def vectors_of_items(
    items: Sequence[Item], root: str, frames: int, width: int, see: Callable[[list[Any]], Array]
) -> Floats:
    """Unit vectors of items by their pictures. see: RGB pictures to [pictures, width]. Raises ModelError.

    Every picture of an item counts alike, a video as much as a photograph. [items, width]
    """
    paths = [(row, path) for row, item in enumerate(items) for path in item.images]
    total = np.zeros((len(items), width), np.float32)
    for start in range(0, len(paths), BATCH):
        some = paths[start : start + BATCH]
        shown = pictures_of([path for _, path in some], Path(root), frames)
        flat = [picture for pictures in shown for picture in pictures]
        seen = _seen(flat, width, see)
        ends = np.cumsum([len(pictures) for pictures in shown])
        for (row, _), last, pictures in zip(some, ends, shown, strict=True):
            if pictures:
                total[row] += unit_rows(seen[last - len(pictures) : last].mean(0, keepdims=True))[0]
    return unit_rows(total)


def _seen(pictures: list[Any], width: int, see: Callable[[list[Any]], Array]) -> Floats:
    blocks = [see(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH)]
    found = np.concatenate([np.zeros((0, width), np.float32), *blocks])
    if not np.isfinite(found).all():
        raise ModelError("the picture encoder returned numbers that are not finite: its weights are damaged")
    return unit_rows(found)


def key_of_looks(item: Item, root: str) -> str:
    """Changes exactly when what is seen of an item does."""
    return key_of_pictures(item.images, Path(root))
