"""huggingface: any text model of the hub or of a local folder, read as untrusted: safetensors only, no code of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.encoders.model_folder import load_model, name_with_version, read_json
from zhiyin.encoders.pooling import POOLINGS, run, vectors_of
from zhiyin.errors import ModelError, SettingError
from zhiyin.part import part, setting

_loading = Lock()

KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")
"""Steps of a sentence-transformers folder that are understood; another would change the vectors unnoticed."""


@part
class HuggingFace:
    """Reads texts with a model named by hub id or by folder, fine-tuned ones of your own included.

    A folder may come from anyone: weights are read from safetensors only, code and pickles in it never run.
    """

    model: str = setting("")
    """Hub id or folder, e.g. "intfloat/multilingual-e5-base"."""
    pooling: str = setting("auto", options=("auto", "mean", "cls", "last"))
    """How token vectors become one; "auto" follows the folder's own 1_Pooling file, and is "mean" without one."""
    query_prefix: str = setting("")
    """Put before a search text, where the model was trained so."""
    passage_prefix: str = setting("")
    """Put before an item's text."""
    max_tokens: int = setting(256, least=8, most=8192)
    """How much of a text is read."""

    def __post_init__(self) -> None:
        if not self.model:
            raise SettingError("HuggingFace.model = '': must be a hub id or a folder")

    @property
    def width(self) -> int:
        """See Encoder."""
        return int(self._loaded()[1].config.hidden_size)

    @property
    def identity(self) -> str:
        """See Encoder. A folder is named by its content, a hub model by its commit."""
        how = f"{self.pooling}/{self.passage_prefix!r}/{self.query_prefix!r}/{self.max_tokens}"
        return f"{name_with_version(self.model, lambda: self._loaded()[1])}/{how}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """See Encoder. A blank text gives zeros. Raises ModelError."""
        return self._encode(texts, self.passage_prefix)

    def encode_query(self, text: str) -> Floats:
        """See Encoder."""
        return np.asarray(self._encode([text], self.query_prefix)[0], np.float32)

    def _loaded(self) -> tuple[Any, Any, str]:
        with _loading:
            return _load(self.model)

    def _encode(self, texts: Sequence[str], prefix: str) -> Floats:
        tokenizer, model, own = self._loaded()
        pool = POOLINGS[own if self.pooling == "auto" else self.pooling]
        most = min(self.max_tokens, getattr(model.config, "max_position_embeddings", self.max_tokens))

        def tokenize(some: list[str]) -> list[list[int]]:
            # A fast tokenizer keeps its cut as state of its own, so threads take turns.
            with _loading:
                found = tokenizer([prefix + text for text in some], truncation=True, max_length=most)
            return list(found["input_ids"])

        def pooled(ids: Array, mask: Array) -> Array:
            import torch

            return run(model, pool, mask, input_ids=torch.from_numpy(ids))

        return vectors_of(texts, int(model.config.hidden_size), tokenize, pooled, tokenizer.pad_token_id or 0)


@lru_cache(maxsize=2)
def _load(name: str) -> tuple[Any, Any, str]:
    tokenizer, model = load_model(name, ["AutoTokenizer"], "a tokenizer")
    folder = Path(name)
    if folder.is_dir():
        _check_modules(folder)
    return tokenizer, model, _own_pooling(folder) if folder.is_dir() else "mean"


def _check_modules(folder: Path) -> None:
    if (folder / "modules.json").is_file():
        kinds = [one["type"].rpartition(".")[2] for one in read_json(folder / "modules.json")]
        strange = [kind for kind in kinds if kind not in KNOWN_MODULES]
        if strange:
            raise ModelError(f"encoder folder {folder}: step {strange} is not understood; known: {KNOWN_MODULES}")


def _own_pooling(folder: Path) -> str:
    file = folder / "1_Pooling" / "config.json"
    own = read_json(file) if file.is_file() else {}
    if own.get("pooling_mode_cls_token"):
        return "cls"
    return "last" if own.get("pooling_mode_lasttoken") else "mean"
