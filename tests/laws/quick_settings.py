"""Settings with which a part that trains learns the made data in a moment: the laws ask for obedience, not for quality."""

from typing import Any

from zhiyin.part import settings
from zhiyin.parts import name_of
from zhiyin.recipe import load_recipe
from zhiyin.recommender import Recommender

DEEP: dict[str, Any] = {"embedding": 2, "hidden": (4,), "epochs": 1, "length": 4, "buckets": 64, "wrong": 10}
"""Of every deep ranker."""

QUICK: dict[str, dict[str, Any]] = {
    "graph": {"factors": 4, "layers": 2, "epochs": 1, "batch": 64, "negatives": 8, "content": 0.5},
    "two_tower": {"width": 8, "buckets": 64, "epochs": 1, "negatives": 16},
    "generative": {"width": 8, "axes_kept": 4, "codes": 4, "heads": 1, "blocks": 1, "epochs": 1, "length": 6},
    "next_item": {
        "width": 8,
        "blocks": 1,
        "widening": 1,
        "length": 6,
        "epochs": 1,
        "batch": 16,
        "precision": "float32",
    },
    "joint": {
        "base": "tiny",
        "max_tokens": 8,
        "width": 8,
        "length": 6,
        "resting": 0,
        "epochs": 1,
        "batch": 16,
        "fresh": 8,
    },
    "finetuned": {"base": "tiny"},
    "wide_deep": DEEP,
    "deepfm": DEEP,
    "din": {**DEEP, "attention": 4, "interest": 4},
    "dgf": {**DEEP, "attention": 4, "interest": 4},
    "multitask": {
        "embedding": 2,
        "hidden": (4,),
        "epochs": 1,
        "length": 4,
        "buckets": 64,
        "experts": 2,
        "expert": 4,
        "wrong": 10,
    },
}


def quick_recipe(name: str, per_source: int) -> Recommender:
    """A shipped recipe, unfitted, with quick settings and without encoders: the made data has vectors of its own.

    Without what seeks variety, to which other items above are part of an item's worth. per_source: candidates of each.
    """
    made = load_recipe(name).recommender
    made.retrievers = {source: quick(part) for source, part in made.retrievers.items()}
    made.rankers, made.rerankers, made.encoders = tuple(map(quick, made.rankers)), (), {}
    made.per_source = dict.fromkeys(made.retrievers, per_source)
    return made


def quick(part: Any) -> Any:
    """A part with its settings, but for those that let it train in a moment."""
    return type(part)(**{**settings(part), **QUICK.get(name_of(type(part)), {})})
