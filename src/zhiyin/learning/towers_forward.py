"""The two towers in numpy: what a request and a new item run. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zhiyin.arrays import Array, Floats

Weights = Mapping[str, Array]
"""As `learning.towers.Towers` names them."""

SHORTEST = 0.01
"""As in `learning.towers`, which needs torch."""


def item_vectors(weights: Weights, own: Floats, texts: Floats, words: Array, word_weights: Floats) -> Floats:
    """Vectors of items, of length 1. own: zeros for an item nobody met; texts; words, word_weights: [items, most]."""
    terms = np.zeros((len(words), weights["words"].shape[1]), np.float32)
    for column in range(words.shape[1]):  # whole at once would be [items, most, width]
        terms += weights["words"][words[:, column]] * word_weights[:, column : column + 1]
    hidden = np.maximum(_linear(weights, "item_in", np.concatenate([terms, texts], 1)), 0)
    told = weights["shares"][0] * terms + weights["shares"][1] * texts
    return _unit(told + _linear(weights, "item_out", hidden) + own)


def user_vector(weights: Weights, met: Floats, texts: Floats, attributes: Array, wish: Floats | None = None) -> Floats:
    """One person's vector, of length 1. [width]

    met, texts: vectors of the items liked, oldest first, [events, width]. attributes: hashed, 0 for nothing. wish: the
    vector of a wish in words, which takes the place of the history.
    """
    width = weights["own"].shape[1]
    pooled = newest = said = np.zeros(width, np.float32)
    if wish is not None:
        said = wish
    elif len(met):
        share = attention(weights, met)
        pooled, newest, said = share @ met, met[-1], share @ texts
    having = attributes[attributes > 0]
    profile = weights["attributes"][having].mean(0) if len(having) else np.zeros(width, np.float32)
    hidden = np.maximum(_linear(weights, "user_in", np.concatenate([pooled, newest, said, profile])), 0)
    return np.asarray(_unit((pooled + _linear(weights, "user_out", hidden))[None])[0], np.float32)


def attention(weights: Weights, met: Floats) -> Floats:
    """How much each event of a history counts, summing to 1. [events]"""
    fit = np.tanh(_linear(weights, "look", met)) @ weights["worth.weight"][0]
    ages = np.minimum(np.arange(len(met))[::-1], len(weights["ages"]) - 1)
    fit = np.exp(fit + weights["ages"][ages] - (fit + weights["ages"][ages]).max())
    return np.asarray(fit / fit.sum(), np.float32)


def _unit(vectors: Floats) -> Floats:
    """Of length 1, unless shorter than training stretches."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, SHORTEST), np.float32)


def _linear(weights: Weights, name: str, x: Floats) -> Floats:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float32)
