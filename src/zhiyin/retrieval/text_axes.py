"""The main axes of text vectors: what learned item vectors start from, and what an item without events has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zhiyin.arrays import Array, Floats


def text_axes(vectors: Floats | None, width: int, spread: float = 0.02) -> dict[str, Array]:
    """mean [size] and axes [size, width] that turn text vectors into `width` numbers of the given standard deviation.

    vectors: [items, size], a row of zeros for an item without a text. Empty when no text differs from another. Axes
    beyond what the texts span are zeros.
    """
    if vectors is None or not len(vectors):
        return {}
    told = np.asarray(vectors[vectors.any(1)], np.float64)
    mean = told.mean(0) if len(told) else np.zeros(vectors.shape[1])
    centred = told - mean
    values, directions = np.linalg.eigh(centred.T @ centred / max(len(told), 1))
    order = np.argsort(-values)[:width]
    total = float(np.maximum(values[order], 0).sum())
    if total < 1e-12:
        return {}
    axes = np.zeros((vectors.shape[1], width))
    axes[:, : len(order)] = directions[:, order] * (spread * np.sqrt(width / total))
    return {"mean": mean.astype(np.float32), "axes": axes.astype(np.float32)}


def projected(axes: Mapping[str, Array], vectors: Floats) -> Floats:
    """Text vectors along the axes; zeros stay zeros. [items, width]"""
    found = (vectors - axes["mean"]) @ axes["axes"]
    return np.where(vectors.any(1, keepdims=True), found, 0).astype(np.float32)
