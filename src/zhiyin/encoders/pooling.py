"""How texts become vectors by a transformer: sorted into batches of like length, run, pooled under the mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import Array, Floats, unit_rows
from zhiyin.errors import ModelError

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 4096
"""Tokens of a batch at most, padding included: keeps memory flat whatever the lengths."""


def masked_mean(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean over real tokens. Padding carries no weight, so a text gives the same vector in any batch.

    hidden: [texts, tokens, width]. mask: [texts, tokens], 1 for a token, 0 for padding.
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def first_token(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The first token's vector ("cls"). Shapes as in masked_mean."""
    return hidden[:, 0]


def last_token(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The last real token's vector, for decoders. Shapes as in masked_mean; padding is on the right."""
    ends = mask.sum(1).clamp(min=1) - 1
    return hidden[range(len(hidden)), ends]


POOLINGS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mean": masked_mean,
    "cls": first_token,
    "last": last_token,
}


def vectors_of(
    texts: Sequence[str],
    width: int,
    tokenize: Callable[[list[str]], Sequence[Sequence[int]]],
    pooled: Callable[[Array, Array], Array],
    pad: int = 0,
) -> Floats:
    """Unit vectors of texts, in their order. A blank text has no tokens to read and gives a row of zeros.

    tokenize: token ids of each text, special tokens included, cut to what the model reads. pooled: ids and mask, both
    int64 [texts, tokens], to [texts, width]. Raises ModelError when the model returns something that is not finite.
    """
    rows = [row for row, text in enumerate(texts) if text.strip()]
    result = np.zeros((len(texts), width), np.float32)
    if not rows:
        return result
    ids = tokenize([texts[row] for row in rows])
    for batch in _batches([len(one) for one in ids]):
        result[[rows[at] for at in batch]] = pooled(*padded([ids[at] for at in batch], pad))
    if not np.isfinite(result).all():
        raise ModelError("the encoder returned numbers that are not finite: its weights are damaged or too coarse")
    return unit_rows(result)


def padded(ids: Sequence[Sequence[int]], pad: int) -> tuple[Array, Array]:
    """Token ids as one block filled up on the right, and the mask of real tokens. Both int64 [texts, longest]."""
    longest = max(len(one) for one in ids)
    block = np.full((len(ids), longest), pad, np.int64)
    mask = np.zeros((len(ids), longest), np.int64)
    for row, one in enumerate(ids):
        block[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return block, mask


def run(model: Any, pool: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], mask: Array, **inputs: Any) -> Array:
    """One pass of a transformers model without gradients, pooled. Returns float32 [texts, width]."""
    import torch

    with torch.inference_mode():
        real = torch.from_numpy(mask)
        hidden = model(attention_mask=real, **inputs).last_hidden_state
        return np.asarray(pool(hidden, real).float().numpy(), np.float32)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows of like length together, so that hardly any padding is computed."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if batch and (len(batch) + 1) * lengths[row] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    yield batch
