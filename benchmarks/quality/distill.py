"""Measure distillation: a teacher's order in a light student, beside a teacher whose scores were shuffled.

python benchmarks/quality/distill.py --data FOLDER --teacher full --student two_tower --encoder e5
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from zhiyin.data.readers import read_folder
from zhiyin.data.weights import EventWeights
from zhiyin.distillation import distill
from zhiyin.encoders.cache import encode_items
from zhiyin.evaluation.toml_text import to_toml
from zhiyin.parts import class_of, stage_of
from zhiyin.recipe import Recipe, load_recipe, read_recipe

HERE = Path(__file__).parent


def main() -> None:
    """Teach, then teach the placebo, each from a fresh student."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", default="full", help="a recipe, a .toml file or a retriever")
    parser.add_argument("--student", default="two_tower")
    parser.add_argument("--set", default="{}", help="settings of a student that is one retriever, as JSON")
    parser.add_argument("--encoder", default="e5")
    parser.add_argument("--people", type=int, default=0, help="a random sample of so many people; 0 for all")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    dataset = read_folder(asked.data, EventWeights.from_table(load_recipe(asked.teacher).events))
    encode_items(dataset.items, "text", class_of(asked.encoder)(), HERE / "per_user" / "vectors.db")
    if asked.people:
        kept = np.random.default_rng(asked.seed).permutation(len(dataset.users))[: asked.people]
        dataset = dataset.only(np.isin(dataset.interactions.users, kept))
    for placebo in (False, True):
        started = time.perf_counter()
        outcome = distill(
            load_recipe(asked.teacher).recommender, student(asked.student, json.loads(asked.set)).recommender, dataset,
            requests=asked.requests, placebo=placebo, seed=asked.seed,
        )  # fmt: skip
        print(f"{'shuffled teacher' if placebo else 'teacher'}, {time.perf_counter() - started:.0f} s", flush=True)
        print("\n".join(f"  {line}" for line in outcome.lines()), flush=True)


def student(name: str, settings: dict[str, object]) -> Recipe:
    """A student by name, with other settings where it is one retriever."""
    if settings and stage_of(name) == "retrieve":
        return read_recipe(to_toml({"retrieve": [{"use": name, **settings}]}))
    return load_recipe(name)


if __name__ == "__main__":
    main()
