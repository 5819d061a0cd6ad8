"""The transformer's forward pass in numpy: what a request runs. Needs no torch, and no padding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zhiyin.arrays import Array, Floats

EPSILON = 1e-5


def last_state(weights: Mapping[str, Array], heads: int, vectors: Floats, gaps: Array | None = None) -> Floats:
    """The state after the newest event, which the next item's vector fits. [width], or [histories, width].

    weights: as `Transformer` names them. vectors: of the events' items, oldest first, [events, width], one at least and
    no more than there are places; or of several histories of one length, [histories, events, width]. gaps: bucket of
    the time to the next event, [events] or [histories, events], where the model has them.
    """
    x = vectors + weights["places"][vectors.shape[-2] - 1 :: -1]
    if gaps is not None and "gaps" in weights:
        x = x + weights["gaps"][gaps]
    blocks = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    for number in range(blocks):
        prefix = f"blocks.{number}."
        block = {name[len(prefix) :]: array for name, array in weights.items() if name.startswith(prefix)}
        # Only the newest place is read at the end, so the last layer need not compute the others.
        x = _block(block, heads, x, 1 if number == blocks - 1 else x.shape[-2])
    return np.asarray(_norm(weights, "norm", x)[..., -1, :], np.float32)


def _block(block: Mapping[str, Array], heads: int, x: Floats, wanted: int) -> Floats:
    """One layer for the newest `wanted` places. [..., wanted, width]"""
    gated = "look_gate.weight" in block
    normed = _norm(block, "look_norm", x if gated else x[..., -wanted:, :])
    query = _linear(block, "query", normed[..., -wanted:, :])
    key, value = _halves(_linear(block, "memory", normed if gated else x))
    seen = _linear(block, "mix", _look(query, key, value, heads))
    x = x[..., -wanted:, :]
    x = x + (_sigmoid(_linear(block, "look_gate", x)) * seen if gated else seen)
    wide = _linear(block, "widen", _norm(block, "feed_norm", x))
    if gated:
        gate, wide = _halves(wide)
        wide = gate * _sigmoid(gate) * wide
    else:
        wide = np.maximum(wide, 0)
    fed = _linear(block, "narrow", wide)
    return np.asarray(x + (_sigmoid(_linear(block, "feed_gate", x)) * fed if gated else fed), np.float32)


def _look(query: Floats, key: Floats, value: Floats, heads: int) -> Floats:
    """Causal attention of the newest places to all before them. [..., wanted, width]"""
    query, key, value = (_by_head(array, heads) for array in (query, key, value))
    wanted, events = query.shape[-2], key.shape[-2]
    fit = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(query.shape[-1]))
    if wanted > 1:
        ahead = np.arange(events) > np.arange(events - wanted, events)[:, None]
        fit = np.where(ahead, np.float32(-np.inf), fit)
    fit = np.exp(fit - np.maximum.reduce(fit, -1, keepdims=True))
    fit /= np.add.reduce(fit, -1, keepdims=True)
    mixed = (fit @ value).swapaxes(-2, -3)
    return np.asarray(mixed.reshape(*mixed.shape[:-2], -1), np.float32)


def _by_head(array: Floats, heads: int) -> Floats:
    """[..., places, width] as [..., heads, places, width of a head]"""
    split = array.reshape(*array.shape[:-1], heads, array.shape[-1] // heads)
    return np.ascontiguousarray(split.swapaxes(-2, -3))


def _halves(x: Floats) -> tuple[Floats, Floats]:
    half = x.shape[-1] // 2
    return x[..., :half], x[..., half:]


def _linear(weights: Mapping[str, Array], name: str, x: Floats) -> Floats:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float32)


def _norm(weights: Mapping[str, Array], name: str, x: Floats) -> Floats:
    # Reduced by hand: the wrappers around mean, max and sum take longer than the sums of one short history.
    centred = x - np.add.reduce(x, -1, keepdims=True) / x.shape[-1]
    spread = np.sqrt(np.einsum("...j,...j->...", centred, centred) / x.shape[-1] + EPSILON)[..., None]
    return np.asarray(centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"], np.float32)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x), np.float32)  # never overflows, and numpy's tanh is fast
