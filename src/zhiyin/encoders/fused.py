"""fused: one space of text, pictures and attributes, each by its own encoder, weighed when they are joined (late fusion)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from hashlib import blake2b
from typing import Any
from zlib import crc32

import numpy as np

from zhiyin.arrays import Floats, unit_rows
from zhiyin.encoders.clip import CLIP
from zhiyin.encoders.e5 import E5
from zhiyin.encoders.efficientnet import EfficientNet
from zhiyin.encoders.hashing import Hashing
from zhiyin.encoders.minilm import MiniLM
from zhiyin.encoders.vit import ViT
from zhiyin.errors import SettingError
from zhiyin.item import Item
from zhiyin.part import part, setting
from zhiyin.stages import Encoder, ItemEncoder

TEXTS: dict[str, Any] = {"e5": E5, "minilm": MiniLM, "hashing": Hashing}
PICTURES: dict[str, Any] = {"efficientnet": EfficientNet, "clip": CLIP, "vit": ViT}


@part
class Fused:
    """Joins the vectors of several senses end to end, each times the root of its weight, and makes the row one long.

    The likeness of two items that have everything is then the weighted mean of their likenesses by text, by looks and by
    attributes. A sense an item lacks is zeros and leaves its say to the others; a weight of 0 switches a sense off.
    """

    text: str = setting("e5", options=tuple(TEXTS))
    """The encoder that reads title and text."""
    text_weight: float = setting(1.0, least=0, tune=(0.0, 0.5, 1.0))
    """How much words count."""
    image: str = setting("efficientnet", options=tuple(PICTURES))
    """The encoder that sees pictures."""
    image_model: str = setting("")
    """Hub id or folder, for 'clip' and 'vit'."""
    image_weight: float = setting(1.0, least=0, tune=(0.0, 0.5, 1.0))
    """How much looks count."""
    attribute_weight: float = setting(0.5, least=0, tune=(0.0, 0.25, 0.5, 1.0))
    """How much equal attributes count."""
    root: str = setting("images")
    """The folder that pictures' paths are relative to; nothing outside it is read."""
    frames: int = setting(8, least=1, most=64)
    """Frames looked at in a video."""

    def __post_init__(self) -> None:
        if not self.text_weight + self.image_weight + self.attribute_weight:
            raise SettingError("Fused: all weights are 0; give text_weight, image_weight or attribute_weight a value")

    @cached_property
    def _senses(self) -> tuple[tuple[Encoder, float], ...]:
        """The encoders that are on, with the root of their weight."""
        model = {"model": self.image_model} if self.image_model else {}
        made = (
            (TEXTS[self.text], self.text_weight),
            (partial(PICTURES[self.image], root=self.root, frames=self.frames, **model), self.image_weight),
            (_Attributes, self.attribute_weight),
        )
        return tuple((make(), float(np.sqrt(weight))) for make, weight in made if weight)

    @property
    def width(self) -> int:
        """See Encoder."""
        return sum(sense.width for sense, _ in self._senses)

    @property
    def identity(self) -> str:
        """See Encoder."""
        return "fused/" + "+".join(f"{root:g}*{sense.identity}" for sense, root in self._senses)

    def encode(self, texts: Sequence[str]) -> Floats:
        """See Encoder: each sense reads the texts if it can. Raises ModelError."""
        return self._joined([sense.encode(texts) for sense, _ in self._senses])

    def encode_query(self, text: str) -> Floats:
        """See Encoder."""
        return np.asarray(self._joined([sense.encode_query(text)[None] for sense, _ in self._senses])[0], np.float32)

    def key_of(self, item: Item) -> str:
        """See ItemEncoder."""
        keys = [sense.key_of(item) for sense, _ in self._senses if isinstance(sense, ItemEncoder)]
        return blake2b("/".join([item.content_hash(), *keys]).encode(), digest_size=16).hexdigest()

    def encode_items(self, items: Sequence[Item]) -> Floats:
        """See ItemEncoder. Raises ModelError."""
        return self._joined(
            [
                sense.encode_items(items)
                if isinstance(sense, ItemEncoder)
                else sense.encode([item.content() for item in items])
                for sense, _ in self._senses
            ]
        )

    def _joined(self, blocks: Sequence[Floats]) -> Floats:
        weighed = [root * unit_rows(block) for block, (_, root) in zip(blocks, self._senses, strict=True)]
        return unit_rows(np.concatenate(weighed, 1).astype(np.float32))


class _Attributes:
    """Attributes by a hash with a sign (Weinberger 2009): equal values are alike, values that differ are not."""

    width = 256
    identity = "attributes-1/256"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Zeros: a text by itself has no attributes."""
        return np.zeros((len(texts), self.width), np.float32)

    def encode_query(self, text: str) -> Floats:
        """Zeros, see encode."""
        return np.zeros(self.width, np.float32)

    def key_of(self, item: Item) -> str:
        """See ItemEncoder."""
        return blake2b(repr(sorted(item.tags())).encode(), digest_size=16).hexdigest()

    def encode_items(self, items: Sequence[Item]) -> Floats:
        """See ItemEncoder."""
        result = np.zeros((len(items), self.width), np.float32)
        for row, item in enumerate(items):
            for name, value in item.tags():
                code = crc32(f"{name}\x1f{value}".encode())
                result[row, code % self.width] += 1.0 if code & 0x80000000 else -1.0
        return unit_rows(result)
