"""The axes that words and text vectors of a catalogue span together: where learned item vectors start from."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from zhiyin.arrays import Array, Floats, unit_rows

DENSE = 400
"""Items or columns up to which the decomposition is made in full."""


def content_axes(
    words: Array, word_weights: Floats, buckets: int, texts: Floats | None, width: int
) -> tuple[Floats, Floats, Floats]:
    """What turns words and texts into `width` numbers: [buckets, width], [size, width], and the mean text [size].

    words, word_weights: hashed terms, [items, most], rows of length 1. texts: [items, size] or None. The singular vectors of
    both side by side, whitened: every axis counts alike, so that the few that all items share do not drown the others, and
    the numbers of an item have length 1 in the mean. On Amazon Beauty 128 such numbers find as much for new items as all
    words do, the plain axes of the texts a quarter less. Axes beyond what the catalogue spans are zeros.
    """
    told = _texts(texts, len(words))
    mean = told[told.any(1)].mean(0) if told.any() else np.zeros(told.shape[1], np.float32)
    both = sparse.hstack([_matrix(words, word_weights, buckets), sparse.csr_matrix(centred(told, mean))], format="csr")
    values, axes = _leading(both, width)
    kept = values > 1e-3 * max(float(values.max(initial=0)), 1e-12)
    scale = np.sqrt(len(words) / max(int(kept.sum()), 1))
    found = np.zeros((both.shape[1], width), np.float32)
    found[:, : len(values)][:, kept] = axes[kept].T / values[kept] * scale
    return found[:buckets], found[buckets:], mean.astype(np.float32)


def centred(texts: Floats, mean: Floats) -> Floats:
    """Texts less their mean, of length 1; zeros stay zeros."""
    return np.where(texts.any(1, keepdims=True), unit_rows(texts - mean), 0).astype(np.float32)


def _texts(texts: Floats | None, items: int) -> Floats:
    return np.zeros((items, 0), np.float32) if texts is None else np.asarray(texts, np.float32)


def _matrix(words: Array, weights: Floats, buckets: int) -> sparse.csr_matrix:
    ends = np.arange(len(words) + 1) * words.shape[1]
    return sparse.csr_matrix((weights.ravel(), words.ravel(), ends), (len(words), buckets))


def _leading(matrix: sparse.csr_matrix, count: int) -> tuple[Array, Array]:
    """The highest singular values and their right vectors, [count], [count, columns]; fewer where there are fewer."""
    least = min(matrix.shape)
    if least <= DENSE or count >= least - 1:
        _, values, right = np.linalg.svd(matrix.toarray(), full_matrices=False)
        return values[:count], right[:count]
    _, values, right = svds(matrix.astype(np.float32), count, v0=np.ones(least, np.float32), random_state=0)
    order = np.argsort(-values)
    return values[order], right[order]
