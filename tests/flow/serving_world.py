"""A small real world for the server's tests: made wines and drinkers in a real store, fitted by the real pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.item import Item
from zhiyin.ports import Erasure
from zhiyin.recipe import Recipe, read_recipe
from zhiyin.stores.sql import SqlStore
from zhiyin.workspace.erased import forget_item, forget_user
from zhiyin.workspace.erasure import Step
from zhiyin.workspace.version import load_version, read_manifest, save_version

NOW = 1_700_000_000.0
COUNTRIES = ("France", "Italy", "Chile", "Spain")
GRAPES = ("Merlot", "Riesling", "Malbec")
RECIPE = """
name = "world"
[encode.text]
use = "hashing"
[[retrieve]]
use = "transition"
[[retrieve]]
use = "popular"
[[retrieve]]
use = "near_text:NearText"
name = "text"
[shelf.related]
sources = ["transition", "text"]
[shelf.trending]
sources = ["popular"]
rank = false
"""


def wines() -> list[Item]:
    """40 wines of four countries and three grapes."""
    return [
        Item(
            f"w{number:02}",
            f"{GRAPES[number % 3]} {COUNTRIES[number % 4]} {number}",
            attributes={"country": COUNTRIES[number % 4], "grapes": (GRAPES[number % 3],), "alcohol": 9.0 + number % 6},
        )
        for number in range(40)
    ]


def drinkers() -> list[Event]:
    """60 people with 8 ratings each, mostly within one country."""
    random = np.random.default_rng(7)
    events = []
    for person in range(60):
        for step in range(8):
            wine = (
                (person % 4) + 4 * int(random.integers(0, 10)) if random.random() < 0.8 else int(random.integers(0, 40))
            )
            time = NOW - 1e6 + person * 100 + step
            events.append(Event(f"ann-{person}", f"w{wine:02}", "rating", time, float(random.integers(2, 6))))
    return events


def fill(store: SqlStore) -> None:
    """Put the world into a store."""
    store.catalog.put(wines())
    store.log.append(drinkers())


def fitted(store: SqlStore) -> Recipe:
    """The world's recipe, fitted on what the store holds."""
    recipe = read_recipe(RECIPE)
    dataset = dataset_from_store(store, EventWeights.from_table(recipe.events), None)
    encoder = recipe.encoders["text"]
    dataset.items.set_vectors("text", encoder.encode([item.content() for item in dataset.items.rows]))
    recipe.recommender.fit(dataset)
    return recipe


class Folder:
    """Versions in a folder, as a workspace keeps them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.serving = ""

    def add(self, recipe: Recipe, version: str) -> None:
        save_version(recipe, self.folder / version, created=NOW, fingerprint=version, data={})

    def versions(self) -> list[str]:
        return sorted(one.name for one in self.folder.iterdir())

    def current(self) -> str:
        return self.serving

    def promote(self, version: str) -> None:
        self.serving = version

    def load(self, version: str | None = None) -> Recipe:
        return load_version(self.folder / (version or self.serving))

    @contextmanager
    def erasing(self) -> Iterator[list[Step]]:
        yield [("versions", self._forget)]

    def _forget(self, erasure: Erasure) -> dict[str, int]:
        forget = forget_user if erasure.kind == "user" else forget_item
        return {
            "versions": sum(bool(forget(self.folder / one, erasure.subject, ["near_text"])) for one in self.versions())
        }

    def manifests(self) -> list[dict[str, object]]:
        return [{"version": one, "recipe": read_manifest(self.folder / one).recipe} for one in self.versions()]
