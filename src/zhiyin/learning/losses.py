"""The losses of sequence and pair models. All take torch tensors and return one number, the mean over the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def softmax_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy over the whole catalogue. logits: [rows, items]; targets: positions [rows]."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits.float(), targets)


def sampled_softmax_loss(
    positive: Tensor, negatives: Tensor, log_q: Tensor, targets: Tensor, sampled: Tensor
) -> Tensor:
    """Cross entropy of the target among sampled negatives, corrected for how often each is drawn.

    positive: logits of the targets [rows]; negatives: of the sampled items [rows, samples]; log_q: log of the expected
    number of draws of each sampled item [samples]; targets [rows], sampled [samples]: item positions. A target that was
    drawn as a negative is masked. The target itself is not corrected, as it is not drawn by chance (arXiv 2507.09331).
    """
    import torch

    hit = targets[:, None] == sampled[None, :]
    corrected = (negatives.float() - log_q).masked_fill(hit, -torch.inf)
    logits = torch.cat([positive.float()[:, None], corrected], 1)
    return (torch.logsumexp(logits, 1) - logits[:, 0]).mean()


def gbce_loss(positive: Tensor, negatives: Tensor, catalogue: int, calibration: float = 0.75) -> Tensor:
    """Binary cross entropy with the positives' probability raised to β, against overconfidence (arXiv 2308.07192).

    positive: [rows]; negatives: [rows, samples], drawn uniformly from a catalogue of so many items. With sampling rate
    α = samples / (catalogue - 1) and calibration t in [0, 1]: β = α (t (1 - 1/α) + 1/α); t = 0 is the plain loss.
    """
    from torch.nn.functional import softplus

    rate = negatives.shape[1] / max(catalogue - 1, 1)
    beta = rate * (calibration * (1 - 1 / rate) + 1 / rate)
    right = beta * softplus(-positive.float())
    return (right + softplus(negatives.float()).sum(1)).mean()


def bpr_loss(positive: Tensor, negative: Tensor) -> Tensor:
    """-log σ(positive - negative), in its stable form. Both [rows]."""
    from torch.nn.functional import softplus

    return softplus(negative.float() - positive.float()).mean()


def listwise_kl_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """KL(teacher ‖ student) of the two softmaxes over the same list, times temperature². Both [rows, list]."""
    from torch.nn.functional import kl_div, log_softmax

    ours = log_softmax(student.float() / temperature, 1)
    theirs = log_softmax(teacher.float() / temperature, 1)
    return kl_div(ours, theirs, reduction="batchmean", log_target=True) * temperature**2
