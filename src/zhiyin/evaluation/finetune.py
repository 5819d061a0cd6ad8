"""The job behind `zhiyin finetune encoder`: fine-tune, measure on items it never met, and keep the frozen one unless it gained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import Array, Doubles
from zhiyin.data.dataset import Dataset
from zhiyin.encoders.finetuned import write_adapter
from zhiyin.errors import require
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.cold_items import ColdItems, cold_items, hold_out
from zhiyin.learning.contrastive import Contrast, fine_tune
from zhiyin.progress import Progress, silent

if TYPE_CHECKING:
    from zhiyin.learning.text_model import States

SHARES = (0.1, 0.2)
"""Of the items with events, held out to decide by and to report on."""

GAIN, NO_GAIN = "gain: use the trained layers", "no gain: keep the frozen one"


@dataclass(frozen=True)
class Trained:
    """What came of a fine-tuning. valid, test: recall@k among items that no training pair had, before and after, with
    the 95 % interval of the difference. epochs: of the weights kept; weights: none where nothing was gained.
    """

    verdict: str
    valid: dict[str, Any]
    test: dict[str, Any]
    epochs: int
    weights: dict[str, Array]

    def report(self) -> dict[str, Any]:
        """As JSON values."""
        return {"verdict": self.verdict, "metric": "recall@k among cold items", "epochs": self.epochs,
                "valid": self.valid, "test": self.test}  # fmt: skip


def finetune_encoder(
    dataset: Dataset,
    base: str = "minilm",
    layers: int = 1,
    rank: int = 8,
    max_tokens: int = 40,
    settings: Contrast | None = None,
    folder: Path | None = None,
    progress: Progress = silent,
    states: States | None = None,
) -> Trained:
    """Fine-tune on the pairs of a dataset, decide on held-out items by paired bootstrap, report on others.

    With a gain it is trained once more on all items for as many epochs as were best. states: the texts as the lower layers
    read them, where they were read before. Raises DataError when there is nothing to learn from or nobody to ask.
    """
    require("torch", "hf")
    from zhiyin.learning.text_model import TextModel, merged, read_base

    settings = settings or Contrast()
    warm, (held_valid, held_test) = hold_out(dataset, SHARES, settings.seed)
    asked = [cold_items(dataset, warm, held) for held in (held_valid, held_test)]
    model = TextModel(read_base(base), layers, rank, seed=settings.seed)
    if states is None:
        text = f"read {len(dataset.items):,} texts with the lower layers"
        states = model.read([item.content() for item in dataset.items.rows], max_tokens, partial(progress, text))
    before = [one.by_vectors(model.vectors(states)) for one in asked]
    values: list[float] = []

    def validate() -> float:
        values.append(float(asked[0].by_vectors(model.vectors(states)).mean()))
        progress(f"epoch {len(values)}: recall among cold items {values[-1]:.4f}, frozen {before[0].mean():.4f}")
        return values[-1]

    progress(f"train {layers} upper layers of {base}")
    fine_tune(model, states, warm, settings, validate)
    after = [one.by_vectors(model.vectors(states)) for one in asked]
    valid, test = (_compared(*one) for one in zip(asked, before, after, strict=True))
    epochs = int(np.argmax(values)) + 1 if values else 0
    weights: dict[str, Array] = {}
    if valid["low"] > 0:
        progress(f"train again on all items, {epochs} epochs")
        model = TextModel(read_base(base), layers, rank, seed=settings.seed)
        fine_tune(model, states, dataset, replace(settings, epochs=epochs))
        weights = merged(model)
    done = Trained(GAIN if weights else NO_GAIN, valid, test, epochs, weights)
    if folder is not None:
        how = {"layers": layers, "rank": rank, "max_tokens": max_tokens, **asdict(settings)}
        write_adapter(folder, base, weights, {**done.report(), "settings": how})
    return done


def _compared(asked: ColdItems, before: Doubles, after: Doubles) -> dict[str, Any]:
    gap = Resamples(np.stack([after, before], 1)).difference(0, 1)
    return {"users": len(before), "items": len(asked.items), "k": asked.depth, "before": float(before.mean()), "after": float(after.mean()),
            "difference": gap.mean, "low": gap.low, "high": gap.high}  # fmt: skip


def as_lines(done: Trained, write: Callable[[str], None]) -> None:
    """The outcome for people to read."""
    for name, one in (("to decide by", done.valid), ("to report on", done.test)):
        write(
            f"recall@{one['k']} among {one['items']:,} cold items {name} ({one['users']:,} users): frozen {one['before']:.4f}, trained "
            f"{one['after']:.4f}, difference {one['difference']:+.4f} [{one['low']:+.4f}, {one['high']:+.4f}]"
        )
    write(done.verdict)
