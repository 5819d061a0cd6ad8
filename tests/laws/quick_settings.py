"""Settings with which a part that trains learns the made data in a moment: the laws ask for obedience, not for quality."""

from typing import Any

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
