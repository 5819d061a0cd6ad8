"""clip: pictures and words in one space, so that a sentence finds a picture (Radford 2021, arXiv 2103.00020)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.encoders.model_folder import load_model, name_with_version
from zhiyin.encoders.pooling import vectors_of
from zhiyin.encoders.vision import Seeing, vectors_of_items
from zhiyin.errors import ModelError, SettingError
from zhiyin.item import Item
from zhiyin.part import part, setting

_loading = Lock()


@part
class CLIP(Seeing):
    """Sees an item's pictures, and reads search texts into the same space. Any model with both towers: CLIP, SigLIP.

    An item without a readable picture has a vector of zeros: it is found by its text, in another space.
    """

    model: str = setting("")
    """Hub id or folder, e.g. "openai/clip-vit-base-patch32" or "OFA-Sys/chinese-clip-vit-base-patch16"."""

    def __post_init__(self) -> None:
        if not self.model:
            raise SettingError("CLIP.model = '': must be a hub id or a folder")

    @property
    def width(self) -> int:
        """See Encoder."""
        config = self._loaded()[2].config
        return int(getattr(config, "projection_dim", None) or config.text_config.hidden_size)

    @property
    def identity(self) -> str:
        """See Encoder."""
        return f"clip/{name_with_version(self.model, lambda: self._loaded()[2])}/{self.frames}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Texts, in the space of the pictures. A blank text gives zeros. Raises ModelError."""
        tokenizer, _, model = self._loaded()
        most = int(model.config.text_config.max_position_embeddings)

        def tokenize(some: list[str]) -> list[list[int]]:
            with _loading:
                return list(tokenizer(some, truncation=True, max_length=most)["input_ids"])

        def pooled(ids: Array, mask: Array) -> Array:
            import torch

            with torch.inference_mode():
                return _plain(
                    model.get_text_features(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
                )

        return vectors_of(texts, self.width, tokenize, pooled, tokenizer.pad_token_id or 0)

    def encode_items(self, items: Sequence[Item]) -> Floats:
        """See ItemEncoder. Raises ModelError."""
        _, prepare, model = self._loaded()

        def see(pictures: list[Any]) -> Array:
            import torch

            with torch.inference_mode():
                return _plain(model.get_image_features(**prepare(images=pictures, return_tensors="pt")))

        return vectors_of_items(items, self.root, self.frames, self.width, see)

    def _loaded(self) -> tuple[Any, Any, Any]:
        with _loading:
            return _load(self.model)


def _plain(output: Any) -> Array:
    """The features, whichever form this release of transformers wraps them in."""
    return np.asarray(getattr(output, "pooler_output", output).float().numpy(), np.float32)


@lru_cache(maxsize=2)
def _load(name: str) -> tuple[Any, Any, Any]:
    needs = "a tokenizer, preprocessor_config.json"
    tokenizer, prepare, model = load_model(name, ["AutoTokenizer", "AutoImageProcessor"], needs)
    if not hasattr(model, "get_image_features") or not hasattr(model, "get_text_features"):
        raise ModelError(f"encoder '{name}': a {type(model).__name__} has no towers for both pictures and words")
    return tokenizer, prepare, model
