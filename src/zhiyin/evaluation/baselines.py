"""The simple methods that stand beside everything: popularity, recent popularity, item-kNN, transition, EASE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhiyin.data.dataset import Dataset
from zhiyin.part import settings
from zhiyin.parts import PARTS, class_of

BASELINES: dict[str, tuple[str, dict[str, Any]]] = {
    "popularity": ("popular", {"half_life": 0.0}),
    "recent": ("popular", {"half_life": 30.0}),
    "item_knn": ("item_knn", {}),
    "transition": ("transition", {}),
    "ease": ("ease", {}),
}
"""By their name in reports: the part, and the settings that make it this baseline."""

FIXED = ("popularity",)
"""Baselines that have nothing to tune."""


def baselines(dataset: Dataset) -> dict[str, Any]:
    """Unfitted baselines for a dataset. "recent" needs a clock."""
    return {
        name: class_of(use)(**given)
        for name, (use, given) in BASELINES.items()
        if use in PARTS["retrieve"] and (name != "recent" or dataset.has_clock)
    }


def same_in(name: str, part: Any, retrievers: Mapping[str, Any]) -> str | None:
    """The recipe's source that is this baseline already, so that it is fitted once. Popularity must match in settings."""
    _, given = BASELINES[name]
    for source, other in retrievers.items():
        if type(other) is type(part) and (not given or settings(other) == settings(part)):
            return source
    return None
