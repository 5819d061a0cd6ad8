"""Settings with which a part that trains learns the made data in a moment: the laws ask for obedience, not for quality."""

from typing import Any

DEEP: dict[str, Any] = {"embedding": 2, "hidden": (4,), "epochs": 1, "length": 4, "buckets": 64, "wrong": 10}
"""Of every deep ranker."""

QUICK: dict[str, dict[str, Any]] = {
    "two_tower": {"width": 8, "buckets": 64, "epochs": 1, "negatives": 16},
    "next_item": {
    "wide_deep": DEEP,
    "deepfm": DEEP,
    "din": {**DEEP, "attention": 4, "interest": 4},
    "dgf": {**DEEP, "attention": 4, "interest": 4},
}
