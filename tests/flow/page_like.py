"""An engine over given items, as small as one that serves can be."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.item import Item
from zhiyin.recipe import read_recipe
from zhiyin.serving.engine import Engine
from zhiyin.serving.settings import Settings
from zhiyin.stores.memory import MemoryStore


def engine_over(items: Sequence[Item], settings: Settings | None = None) -> Engine:
    """Serves items by popularity; three people liked the first one."""
    store = MemoryStore()
    store.catalog.put(list(items))
    store.log.append([Event(f"u{one}", items[0].item_id, "like", 1_700_000_000.0 + one) for one in range(3)])
    recipe = read_recipe('name = "small"\n[[retrieve]]\nuse = "popular"\n')
    recipe.recommender.fit(dataset_from_store(store, EventWeights.from_table({}), None))
    return Engine(recipe, store, version="0001", settings=settings)
