"""The losses of rankers: over the candidates of one request, or over each candidate by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def listwise_loss(logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Cross entropy of each request's right answers among all of its candidates, mean over answers, then requests.

    All [requests, candidates]; labels: 0 for wrong, higher for better; mask: false for padding. A request without a
    right answer teaches nothing and is left out.
    """
    import torch

    wanted = labels.float() * mask
    total = wanted.sum(1)
    chances = torch.log_softmax(logits.float().masked_fill(~mask, -torch.inf), 1).masked_fill(~mask, 0)
    some = total > 0
    each = -(wanted * chances).sum(1) / total.clamp(min=1e-9)
    return (each * some).sum() / some.sum().clamp(min=1)


def pointwise_loss(logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Binary cross entropy of each candidate by itself, mean over candidates. See listwise_loss for the shapes."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits.float()[mask], (labels.float() > 0).float()[mask])
