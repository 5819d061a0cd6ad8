"""The real application over 48 made wines and the people who stay with one country each."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import uvicorn

import zhiyin
from zhiyin.arrays import NEVER, Floats
from zhiyin.data.dataset import Dataset
from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.item import Item, Items
from zhiyin.packs.pack import load_pack
from zhiyin.part import part
from zhiyin.query import Query
from zhiyin.recipe import read_recipe
from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.stages import Scorer
from zhiyin.stores.memory import MemoryStore

WEB = Path(zhiyin.__file__).parent / "serving" / "web"
HOSTILE = "<img src=x onerror=\"window.hacked='title'\"><script>window.hacked='script'</script>"
COUNTRIES = ("France", "Italy", "Chile", "Spain")
GRAPES = ("Merlot", "Riesling", "Malbec")
BEGIN = 1_700_000_000.0

RECIPE = """
name = "page"
[[retrieve]]
use = "transition"
[[retrieve]]
use = "popular"
[[retrieve]]
use = "page_server:Asked"
[[explain]]
use = "evidence"
[[explain]]
use = "templates"
[shelf.trending]
sources = ["popular"]
[shelf.fresh]
sources = ["popular"]
[shelf.surprise]
sources = ["popular"]
[shelf.related]
sources = ["transition", "popular"]
"""


@part
class Asked(Scorer):
    """A retriever of an outsider's: items that carry a topic the person asked for, or a word of the wish."""

    items: Items | None = None

    def fit(self, dataset: Dataset) -> Asked:
        self.items = dataset.items
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        return np.array([[self._score(query, item) for item in self.items.rows] for query in queries], np.float32)

    def _score(self, query: Query, item: Item) -> float:
        asked = {one.topic[1].casefold() for one in query.profile.interests if one.reason == "asked for"}
        asked |= set(query.text.casefold().split())
        return float(sum(value.casefold() in asked for _, value in item.tags())) or NEVER


def made_items() -> list[Item]:
    """48 wines, four countries by three grapes; one has a hostile title, text and attribute."""
    items = []
    for number in range(48):
        country, grape = COUNTRIES[number % 4], GRAPES[number // 4 % 3]
        attributes = {"type": "Red", "country": country, "grapes": (grape,), "alcohol": 9.0 + number % 7}
        items.append(Item(f"w{number:02}", f"{grape} {country} {number}", "", attributes))
    attributes = {"type": HOSTILE, "country": "France", "grapes": ("Merlot",), "alcohol": 12.0}
    items[0] = Item("w00", HOSTILE, HOSTILE, attributes)
    return items


def made_events() -> list[Event]:
    """30 people with six likes each; the first wines of a country are the popular ones."""
    return [
        Event(
            f"ann-{number}",
            f"w{(number % 4) + 4 * ((number // 4 * step + step) % (3 + number % 9)):02}",
            "like",
            BEGIN + step,
        )
        for number in range(30)
        for step in range(6)
    ]


def made_engine() -> Engine:
    """An engine fitted on what is made here."""
    store = MemoryStore()
    store.catalog.put(made_items())
    store.log.append(made_events())
    recipe = read_recipe(RECIPE)
    dataset = dataset_from_store(store, EventWeights.from_table({}), None)
    recipe.recommender.fit(replace(dataset, items=dataset.items.with_pack(load_pack("wines", Path()))))
    return Engine(recipe, store, version="0001")


@contextmanager
def served(engine: Engine) -> Iterator[str]:
    """Serve the application on a free port of this machine; gives its address."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(engine), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join()
