"""How pictures become vectors of items: frames averaged to a picture, pictures to an item; one without any has zeros."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats, unit_rows
from zhiyin.encoders.pictures import key_of_pictures, pictures_of
from zhiyin.errors import ModelError
from zhiyin.item import Item
from zhiyin.part import part, setting

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


@part
class Seeing(ABC):
    """What the encoders of pictures share. They know no words: texts have vectors of zeros, unless one overrides that."""

    root: str = setting("images")
    """The folder that pictures' paths are relative to; nothing outside it is read."""
    frames: int = setting(8, least=1, most=64)
    """Frames looked at in a video."""

    @property
    @abstractmethod
    def width(self) -> int:
        """See Encoder."""

    @abstractmethod
    def encode_items(self, items: Sequence[Item]) -> Floats:
        """See ItemEncoder. Raises ModelError."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """See Encoder."""
        return np.zeros((len(texts), self.width), np.float32)

    def encode_query(self, text: str) -> Floats:
        """See Encoder."""
        return np.asarray(self.encode([text])[0], np.float32)

    def key_of(self, item: Item) -> str:
        """See ItemEncoder."""
        return key_of_pictures(item.images, Path(self.root))
