"""A made log to live through: tastes, dislikes, repeats, things said without an item, items and people that come later."""

import numpy as np

from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.ports import StoredProfile
from zhiyin.replay.story import Story, story_of
from zhiyin.stores.memory import MemoryStore

DAY = 86_400.0
BEGIN = 1.7e9

RECIPE = """
name = "small"
[[retrieve]]
use = "transition"
[[retrieve]]
use = "popular"
[[retrieve]]
use = "fresh"
[[rank]]
use = "blend"
"""


def made_store(seed: int = 0, users: int = 30, items: int = 40, count: int = 500) -> MemoryStore:
    """A store of everything that ever happened. Items come one after the other; some say from when, some only appear."""
    rng = np.random.default_rng(seed)
    store = MemoryStore()
    store.catalog.put(
        Item(
            f"item {n}",
            f"thing {n}",
            attributes={"kind": f"kind {n % 4}"},
            available_from=BEGIN + DAY * n if n % 3 == 0 else None,
        )
        for n in range(items)
    )
    store.profiles.put_many([StoredProfile(f"user {n}", {"town": f"town {n % 3}"}) for n in range(0, users, 2)])
    events = []
    for when in np.sort(rng.integers(0, 60 * 24, count)) * 3_600.0:
        there = max(int(when / DAY * items / 60), 4)
        user = int(rng.integers(0, max(int(users * (0.5 + when / DAY / 120)), 1)))
        item = int(rng.integers(0, there) // 4 * 4 + user % 4) if rng.random() < 0.7 else int(rng.integers(0, there))
        kind = str(rng.choice(["rating", "rating", "view", "purchase", "dislike", "search"]))
        value = float(rng.integers(1, 6)) if kind == "rating" else None
        named = "" if kind == "search" else f"item {min(item, items - 1)}"
        events.append(Event(f"user {user}", named, kind, BEGIN + when, value, event_id=f"event {len(events)}"))
    store.log.append(events)
    return store


def made_story(seed: int = 0) -> Story:
    """The same as a story."""
    return story_of(made_store(seed), "made")


def recipe_file(folder) -> str:
    """The path of a small recipe that needs no encoder."""
    path = folder / "small.toml"
    path.write_text(RECIPE)
    return str(path)
