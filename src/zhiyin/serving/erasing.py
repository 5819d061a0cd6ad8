"""Erasing while serving: from memory first, then the store and what is kept beside it, then what was made meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from zhiyin.ports import Erasure
from zhiyin.workspace.erased import blank
from zhiyin.workspace.erasure import Step, erase, receipt_json

if TYPE_CHECKING:
    from zhiyin.serving.engine import Engine


def forget_user(engine: Engine, user_id: str) -> dict[str, Any]:
    """Forget a user; see Engine.delete_user. Returns what there was, and the receipt."""
    receipt = _erased(engine, "user", user_id, lambda: forget_in_memory(engine, user_id))
    forget_in_memory(engine, user_id)
    found = receipt.found["store"]
    return {
        "user_id": user_id,
        "events": found["events"],
        "profile": bool(found["profiles"]),
        "receipt": receipt_json(receipt),
    }


def blank_item(engine: Engine, item_id: str) -> None:
    """Take an item's content out; see Engine.delete_item."""
    _erased(engine, "item", item_id, lambda: engine.live.put([blank(item_id)]))
    while (now := engine.store.catalog.get(item_id)) is not None:  # it may have been put again meanwhile
        engine.live.put([now])
        if engine.store.catalog.get(item_id) == now:
            return


def notice(engine: Engine, mark: int) -> int:
    """Drop what this process keeps of users whom another one has erased since a mark of the journal; see Erasures.mark.

    The journal knows them by their hashes alone, so those in memory are compared with it. Returns the mark to go on from.
    """
    erasures = engine.store.erasures
    if (now := erasures.mark()) == mark:
        return mark
    if erased := erasures.since(mark)["user"]:
        known = {*engine.live.recommender.users.ids, *engine.live.profiles.users(), *engine.live.happening.users()}
        for user_id in [one for one in known if erasures.hashed(one) in erased]:
            forget_in_memory(engine, user_id)
    return now


def _erased(engine: Engine, kind: str, subject: str, forget: Callable[[], object]) -> Erasure:
    def memory(erasure: Erasure) -> dict[str, int]:
        forget()
        return {}

    with engine.versions.erasing() if engine.versions is not None else nullcontext() as steps:
        every: list[Step] = [("memory", memory), *(steps or ())]
        # Whoever changes what they have read (a profile) waits while the last of it leaves the store.
        return erase(engine.store, kind, subject, every, engine.clock, engine._writer)


def forget_in_memory(engine: Engine, user_id: str) -> None:
    """Drop what this process keeps of a user: what waits to be written, what was learned, profiles, counts, sentences."""
    engine.impressions.forget(user_id)
    engine.live.disown(user_id)
    engine.live.profiles.clear()  # friends name them
    engine.people.changed({user_id})
    for forget in engine.on_forget:
        forget(user_id)
