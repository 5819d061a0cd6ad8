"""hashing: words and pieces of words by a hash: no model, no dependency, no meaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np

from zhiyin.arrays import Floats, unit_rows
from zhiyin.part import part, setting
from zhiyin.text.function_words import FUNCTION_WORDS, PARTICLES
from zhiyin.text.remembered import remembered

WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\W_]+")
"""Runs of Chinese, Japanese or Korean signs, and words of other scripts."""


@part
class Hashing:
    """Likeness of spelling, so that the core without torch still has a text space.

    It sees that "Garden Chair" and "Garden Table" share a word; it does not know that both are outdoor
    furniture, and it matches nothing across languages. Words, their pieces of three to five letters and, in Chinese, single
    signs and pairs are spread over `width` numbers by a hash with a sign (Weinberger 2009), each counted as 1 + log. Words
    that only hold sentences together count where a text has no others.
    """

    width: int = setting(512, least=16, most=8192)
    """Numbers per vector: fewer collide more."""

    @property
    def identity(self) -> str:
        """See Encoder."""
        return f"hashing-2/{self.width}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """See Encoder. A text without a letter or digit gives zeros."""
        result = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            counts: dict[int, float] = {}
            for word in _words(text):
                for code, weight in _features(word):
                    counts[code] = counts.get(code, 0.0) + weight
            for code, count in counts.items():
                sign = 1.0 if code & 0x80000000 else -1.0
                result[row, (code & 0x7FFFFFFF) % self.width] += sign * (1 + np.log1p(count)) * min(count, 1.0)
        return unit_rows(result)

    def encode_query(self, text: str) -> Floats:
        """See Encoder."""
        return np.asarray(self.encode([text])[0], np.float32)


def _words(text: str) -> list[str]:
    """The words of a text; runs of Chinese end at particles. All of it where nothing else is left."""
    words: list[str] = WORDS.findall(unicodedata.normalize("NFKC", text).casefold())
    told = [piece for word in words if word not in FUNCTION_WORDS for piece in PARTICLES.split(word) if piece]
    return told or words


@remembered(100_000)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """Hashes of a word and its pieces with their weights. Long words say more than short ones: a stand-in for rarity."""
    pieces = list(_signs(word) if ord(word[0]) >= 0x3040 else _pieces(word))
    weight = min(len(word), 8) / 8
    whole = (crc32(f"w:{word}".encode()), weight)
    return (whole, *((crc32(f"p:{piece}".encode()), weight / len(pieces) ** 0.5) for piece in pieces))


def _pieces(word: str) -> Iterator[str]:
    marked = f"<{word}>"
    for size in (3, 4, 5):
        for start in range(len(marked) - size + 1):
            yield marked[start : start + size]


def _signs(word: str) -> Iterator[str]:
    yield from word
    for start in range(len(word) - 1):
        yield word[start : start + 2]
