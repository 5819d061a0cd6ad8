"""huggingface: any text model of the hub or of a local folder, read as untrusted: safetensors only, no code of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.encoders.pooling import POOLINGS, run, vectors_of
from zhiyin.errors import ModelError, SettingError, require
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
        folder = Path(self.model)
        version = _content(folder) if folder.is_dir() else getattr(self._loaded()[1].config, "_commit_hash", None)
        how = f"{self.pooling}/{self.passage_prefix!r}/{self.query_prefix!r}/{self.max_tokens}"
        return f"hf:{folder.name if folder.is_dir() else self.model}@{version}/{how}"

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
    torch, transformers = require("torch", "hf"), require("transformers", "hf")
    folder = Path(name)
    if folder.is_dir():
        _check_folder(folder)
    elif "/" in name and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ModelError(f"encoder '{name}': no such folder")
    safe = {"trust_remote_code": False, "local_files_only": folder.is_dir()}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **safe)
        model = transformers.AutoModel.from_pretrained(name, use_safetensors=True, dtype=torch.float32, **safe)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"encoder '{name}' cannot be loaded: {why}. Give a folder with config.json, a tokenizer and *.safetensors, "
            "or a hub id while the hub can be reached; 'minilm' and 'e5' need no download"
        ) from error
    return tokenizer, model.eval(), _own_pooling(folder) if folder.is_dir() else "mean"


def _check_folder(folder: Path) -> None:
    if not any(folder.glob("*.safetensors")):
        found = ", ".join(sorted(one.name for one in folder.iterdir())[:8]) or "nothing"
        raise ModelError(
            f"encoder folder {folder}: holds no *.safetensors (found {found}); other weights may carry code"
        )
    if (folder / "modules.json").is_file():
        kinds = [one["type"].rpartition(".")[2] for one in _json(folder / "modules.json")]
        strange = [kind for kind in kinds if kind not in KNOWN_MODULES]
        if strange:
            raise ModelError(f"encoder folder {folder}: step {strange} is not understood; known: {KNOWN_MODULES}")


def _own_pooling(folder: Path) -> str:
    file = folder / "1_Pooling" / "config.json"
    own = _json(file) if file.is_file() else {}
    if own.get("pooling_mode_cls_token"):
        return "cls"
    return "last" if own.get("pooling_mode_lasttoken") else "mean"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error


def _content(folder: Path) -> str:
    digest = blake2b(digest_size=8)
    for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.json"), *folder.glob("1_Pooling/*.json")]):
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
