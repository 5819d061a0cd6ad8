"""Judge: a cross-encoder, which reads a wish and a text together and says how well they match, better and slower than vectors do.

Models are named by folder or hub id and read as untrusted: weights from safetensors only, no code of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from safetensors import SafetensorError

from zhiyin.arrays import Floats
from zhiyin.errors import ModelError, first_line, require
from zhiyin.llm.guard import clean

BLOCK = 32
"""Pairs read at once."""

_loading = Lock()


@dataclass(frozen=True)
class Judge:
    """A sequence classifier of one or two classes. model: a folder, or a hub id. max_tokens: of wish and text together."""

    model: str
    max_tokens: int = 192

    def load(self) -> None:
        """Load the model now rather than with the first question. Raises ModelError, MissingExtra."""
        with _loading:
            _loaded(self.model)

    def scores(self, wish: str, texts: Sequence[str]) -> Floats:
        """How well each text matches a wish, higher is better, on the model's own scale. [texts]. Raises ModelError."""
        with _loading:
            tokenizer, model = _loaded(self.model)
        torch = require("torch", "hf")
        most = min(self.max_tokens, _places(tokenizer, model))
        pairs = [(clean(wish, 1_000), clean(text)) for text in texts]
        lengths = np.array([len(text) for _, text in pairs], np.int64)
        result = np.zeros(len(pairs), np.float32)
        order = np.argsort(lengths, kind="stable")
        for start in range(0, len(order), BLOCK):
            rows = order[start : start + BLOCK]
            wishes, others = [pairs[row][0] for row in rows], [pairs[row][1] for row in rows]
            with _loading:  # a fast tokenizer keeps its cut as state of its own, so threads take turns
                given = tokenizer(
                    wishes, others, truncation="longest_first", max_length=most, padding=True, return_tensors="pt"
                )
            with torch.inference_mode():
                logits = model(**given).logits.float().numpy()
            result[rows] = logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]
        if not np.isfinite(result).all():
            raise ModelError(f"cross-encoder '{self.model}': gave a score that is no number")
        return result


def _places(tokenizer: Any, model: Any) -> int:
    """Tokens the model can read. A RoBERTa counts its places from after the padding's."""
    own = int(getattr(model.config, "max_position_embeddings", 512) or 512)
    if "roberta" in str(getattr(model.config, "model_type", "")):
        own -= int(getattr(model.config, "pad_token_id", None) or 0) + 1
    return min(own, int(tokenizer.model_max_length))


@lru_cache(maxsize=2)
def _loaded(name: str) -> tuple[Any, Any]:
    transformers, torch = require("transformers", "hf"), require("torch", "hf")
    folder = Path(name)
    if folder.is_dir() and not any(folder.glob("*.safetensors")):
        found = ", ".join(sorted(one.name for one in folder.iterdir())[:8]) or "nothing"
        raise ModelError(
            f"cross-encoder {folder}: holds no *.safetensors (found {found}); other weights may carry code"
        )
    if not folder.is_dir() and (name.startswith((".", "/", "~")) or name.count("/") != 1):
        raise ModelError(f"cross-encoder '{name}': no such folder")
    safe = {"trust_remote_code": False, "local_files_only": folder.is_dir()}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **safe)
        model, told = transformers.AutoModelForSequenceClassification.from_pretrained(
            name, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **safe
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, TypeError, ImportError) as error:
        why = first_line(error)
        raise ModelError(
            f"cross-encoder '{name}' cannot be loaded: {why}. Give a folder with config.json, a tokenizer and *.safetensors"
        ) from error
    _check(name, model, told)
    return tokenizer, model.eval()


def _check(name: str, model: Any, told: Any) -> None:
    """A model without a trained head would answer by lot, and one with many classes says something else than a match."""
    missing = sorted(told["missing_keys"])
    if missing:
        raise ModelError(
            f"cross-encoder '{name}': {', '.join(missing[:4])} are not in its weights; is it an encoder without a head?"
        )
    classes = int(model.config.num_labels)
    if classes > 2:
        raise ModelError(f"cross-encoder '{name}': tells {classes} classes apart; a match needs one or two")
