"""What another process wrote is noticed; what this one wrote is not mistaken for it."""

from __future__ import annotations

from pathlib import Path

from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.ports import StoredProfile
from zhiyin.stores.sql import SqlStore


def test_marks_move_with_what_others_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'one.db'}"
    mine, other = SqlStore(url), SqlStore(url)
    mine.catalog.put([Item("a"), Item("b", "unchanged")])
    mine.profiles.put(StoredProfile("u"))
    before = mine.marks()
    mine.catalog.put([Item("a", "renamed")])
    mine.profiles.put(StoredProfile("u"))
    assert mine.marks() == before
    digests = mine.digests()
    other.catalog.put([Item("c"), Item("a", "renamed again"), Item("b", "unchanged")])
    items = mine.marks()
    assert items.items != before.items
    assert (items.events, items.users) == (before.events, before.users)
    changed = [one for one, digest in mine.digests().items() if digests.get(one) != digest]
    assert mine.items(sorted(changed)) == [Item("a", "renamed again"), Item("c")]
    other.catalog.put([Item("a", "renamed again")])
    assert mine.marks() == items, "nothing was changed"
    other.profiles.put(StoredProfile("u"))
    users = mine.marks()
    assert users.users != items.users
    other.log.append([Event("u", "a", "click", 1), Event("v", "a", "impression", 1)])
    assert mine.marks().events > users.events
    assert mine.users_since(users.events, 10, ["impression"]) == {"u"}
    assert mine.users_since(users.events, 1) is None
