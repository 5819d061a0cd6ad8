"""What fine-tuning a language model did: measured before and after, beside popularity and lot, and whether the adapter helps."""

from __future__ import annotations

from dataclasses import dataclass

OTHERS = 9
"""Wrong titles beside the right one when ranking is measured, drawn as often as people met them."""


@dataclass(frozen=True)
class Measured:
    """loss: mean over the right titles' tokens (nats). first: share of users whose right title came first of ten; mrr."""

    loss: float
    first: float
    mrr: float


@dataclass(frozen=True)
class Report:
    """What tuning did. popular: the same ten titles ranked by how many people met them; chance: by lot."""

    model: str
    before: Measured
    after: Measured
    popular: float
    chance: float
    users: int
    examples: int
    learned_from: int
    trained_weights: int
    losses: tuple[float, ...]

    @property
    def helps(self) -> bool:
        """Whether titles are likelier than before, and the right one does not stand lower among ten."""
        return self.after.loss < self.before.loss and self.after.mrr >= self.before.mrr


def as_text(report: Report) -> str:
    """The report in a few lines."""
    better = report.after.loss < report.before.loss
    verdict = "it says titles better and ranks people's next one worse" if better else "it learned nothing that helps"
    return "\n".join(
        [
            f"{report.model}: {report.learned_from:,} of {report.examples:,} examples, {report.trained_weights:,} weights learned",
            f"loss of the next title   {report.before.loss:.3f} -> {report.after.loss:.3f} nats a token",
            f"right title first of {OTHERS + 1}  {report.before.first:.1%} -> {report.after.first:.1%}"
            f"   (by popularity {report.popular:.1%}, by lot {report.chance:.1%}; {report.users} users)",
            f"mean reciprocal rank     {report.before.mrr:.3f} -> {report.after.mrr:.3f}",
            "" if report.helps else f"{verdict}: leave the adapter out",
        ]
    ).rstrip()
