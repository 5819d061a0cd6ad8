"""The losses of sequence and pair models. All take torch tensors and return one number, the mean over the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def softmax_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy over the whole catalogue. logits: [rows, items]; targets: positions [rows]."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits.float(), targets)


def softmax_loss_over(states: Tensor, vectors: Tensor, targets: Tensor, chunk: int = 1024) -> Tensor:
    """`softmax_loss` of states @ vectors.T, which is never held whole: the gradient is made along with the loss.

    states: [rows, width]; vectors: [items, width]; targets: positions [rows]. Products in autocast's precision where it
    is on, sums in float32. chunk: rows whose logits are held at once; these fit a processor's cache.
    """
    import torch

    class Fused(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, states: Tensor, vectors: Tensor) -> Tensor:
            kind = torch.bfloat16 if torch.is_autocast_enabled(states.device.type) else states.dtype
            table = vectors.to(kind)
            by_state, by_vector = torch.empty_like(states), torch.zeros_like(vectors)
            total = states.new_zeros(())
            for start in range(0, len(states), chunk):
                part, right = states[start : start + chunk].to(kind), targets[start : start + chunk, None]
                logits = (part @ table.T).float()
                logits -= logits.amax(1, keepdim=True)
                total -= logits.gather(1, right).sum()
                odds = logits.exp_()
                sums = odds.sum(1, keepdim=True)
                total += sums.log().sum()
                wrong = (odds / sums).scatter_add_(1, right, -sums.new_ones(right.shape)).to(kind)
                by_state[start : start + chunk] = wrong @ table
                by_vector += wrong.T @ part
            context.save_for_backward(by_state / len(states), by_vector / len(states))
            return total / len(states)

        @staticmethod
        def backward(context: Any, above: Tensor) -> tuple[Tensor, Tensor]:
            by_state, by_vector = context.saved_tensors
            return above * by_state, above * by_vector

    return Fused.apply(states, vectors)  # type: ignore[no-untyped-call, no-any-return]


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
