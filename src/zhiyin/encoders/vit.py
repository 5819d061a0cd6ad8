"""vit: pictures by a vision transformer (Dosovitskiy 2021, arXiv 2010.11929) or any other picture model of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.encoders.model_folder import load_model, name_with_version
from zhiyin.encoders.vision import Seeing, vectors_of_items
from zhiyin.errors import SettingError
from zhiyin.item import Item
from zhiyin.part import part, setting

_loading = Lock()


@part
class ViT(Seeing):
    """Sees an item's pictures: ViT, DINO, Swin. It knows no words: texts have vectors of zeros in this space."""

    model: str = setting("")
    """Hub id or folder, e.g. "google/vit-base-patch16-224-in21k" or "facebook/dinov2-small"."""

    def __post_init__(self) -> None:
        if not self.model:
            raise SettingError("ViT.model = '': must be a hub id or a folder")

    @property
    def width(self) -> int:
        """See Encoder."""
        return int(self._loaded()[1].config.hidden_size)

    @property
    def identity(self) -> str:
        """See Encoder."""
        return f"vit/{name_with_version(self.model, lambda: self._loaded()[1])}/{self.frames}"

    def encode_items(self, items: Sequence[Item]) -> Floats:
        """See ItemEncoder. The first token's vector, after the last norm. Raises ModelError."""
        prepare, model = self._loaded()

        def see(pictures: list[Any]) -> Array:
            import torch

            with torch.inference_mode():
                hidden = model(**prepare(images=pictures, return_tensors="pt")).last_hidden_state
            return np.asarray(hidden[:, 0].float().numpy(), np.float32)

        return vectors_of_items(items, self.root, self.frames, self.width, see)

    def _loaded(self) -> tuple[Any, Any]:
        with _loading:
            return _load(self.model)


@lru_cache(maxsize=2)
def _load(name: str) -> tuple[Any, Any]:
    prepare, model = load_model(name, ["AutoImageProcessor"], "preprocessor_config.json")
    return prepare, model
