"""Erased: what is taken out of a fitted whole when a user, or an item's content, is: in memory and in saved versions.

Users are found by position alone, so a tombstone takes the place of the id, and the rows that parts keep of users are
emptied. What was learned from many stays: no single person can be read from it. Of an item the id stays too, since its
events are events of something.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save
from scipy import sparse

from zhiyin import durable
from zhiyin.data.tables import items_from_frame, items_to_frame
from zhiyin.errors import SavedVersionError, ZhiyinError, first_line
from zhiyin.item import Item, Items
from zhiyin.part import learned_of
from zhiyin.parts import class_of
from zhiyin.recommender import Recommender
from zhiyin.stages import Extendable
from zhiyin.vocabulary import Vocabulary
from zhiyin.workspace.saving import load_part, read_json, save_part
from zhiyin.workspace.version import rewrite


@runtime_checkable
class Worded(Protocol):
    """A part that keeps the words of items."""

    def drop_words(self) -> None:
        """Forget the words that no item has any more."""


def tombstone(position: int) -> str:
    """What stands in the place of a forgotten user: no id from outside can hold its first sign, and nothing links back."""
    return f"\x00{position}"


def blank(item_id: str) -> Item:
    """What is left of an item whose content was erased."""
    return Item(item_id, hidden=True)


# -- in memory ----------------------------------------------------------------------------------------------------------


def without_users(recommender: Recommender, chosen: Callable[[str], bool]) -> Recommender:
    """A recommender that never met some users: their ids, and the rows its parts keep of them, are gone.

    The one given stays as it is, for whoever is reading it.
    """
    users = recommender.users
    places = [place for place, user in enumerate(users.ids) if chosen(user)]
    if not places:
        return recommender

    def emptied(part: Any) -> Any:
        made = copy(part)
        return made if empty_rows(made, places) else part

    made = copy(recommender)
    made.users = Vocabulary(_with_tombstones(users.ids, places), users.what)
    made.retrievers = {name: emptied(part) for name, part in recommender.retrievers.items()}
    made.rankers = tuple(map(emptied, recommender.rankers))
    made.rerankers = tuple(map(emptied, recommender.rerankers))
    return made


def without_items(recommender: Recommender, chosen: Callable[[str], bool]) -> tuple[Recommender, list[Item]]:
    """A recommender to be saved from which some items' content is gone; and those items as they were."""
    items = recommender.items
    places = [place for place, item in enumerate(items.rows) if chosen(item.item_id) and item != blank(item.item_id)]
    if not places:
        return recommender, []
    blanked, before = _blanked(items, places)
    made = recommender.extended(blanked, places)
    for part in (*made.retrievers.values(), *made.rankers, *made.rerankers):
        if isinstance(part, Worded):
            part.drop_words()
    return made, before


def empty_rows(part: Any, places: Sequence[int]) -> bool:
    """Empty the places of users in what a part learned; what was there before is left whole for who is reading it."""
    changed = False
    for field in learned_of(type(part)):
        value = getattr(part, field.name)
        for axis in field.metadata["users"] if value is not None else ():
            value = _emptied(value, axis, np.array([one for one in places if one < value.shape[axis]], np.int64))
            setattr(part, field.name, value)
            changed = True
    return changed


def _emptied(value: Any, axis: int, places: Any) -> Any:
    if not sparse.issparse(value):
        copy = np.array(value)
        copy[(slice(None),) * axis + (places,)] = 0
        return copy
    entries = value.tocoo()
    kept = ~np.isin(entries.col if axis else entries.row, places)
    made = (entries.data[kept], (entries.row[kept], entries.col[kept]))
    return sparse.csr_matrix(made, shape=value.shape, dtype=value.dtype)


def drop_items(part: Any, items: Items, places: Sequence[int]) -> bool:
    """Have a part read items anew whose content was taken out, and forget their words. Returns whether it keeps any."""
    if not isinstance(part, Extendable):
        return False
    part.extend(items, places)
    if isinstance(part, Worded):
        part.drop_words()
    return True


def _blanked(items: Items, places: Sequence[int]) -> tuple[Items, list[Item]]:
    """A catalogue with the content and the vectors of some items taken out, and those items as they were."""
    rows = list(items.rows)
    before = [rows[place] for place in places]
    for place in places:
        rows[place] = blank(rows[place].item_id)
    vectors = {space: np.array(matrix) for space, matrix in items.vectors.items()}
    for matrix in vectors.values():
        matrix[list(places)] = 0
    return Items(rows, vectors, items.pack), before


def _with_tombstones(ids: Sequence[str], places: Sequence[int]) -> list[str]:
    users = list(ids)
    for place in places:
        users[place] = tombstone(place)
    return users


# -- in saved versions --------------------------------------------------------------------------------------------------


def forget_user(folder: Path, user_id: str, allowed: Sequence[str] = ()) -> bool:
    """Take a user out of a saved version: the id, and the rows its parts keep. Returns whether they were in it.

    allowed: see load_version. A part that cannot be read keeps its row, to which no id leads any more. Raises
    SavedVersionError.
    """
    try:
        users = json.loads((folder / "users.json").read_text())
        places = [place for place, user in enumerate(users) if user == user_id]
    except (OSError, ValueError, TypeError) as error:
        raise SavedVersionError(f"{folder}/users.json: cannot be read ({error}); delete the version") from error
    if not places:
        rewrite(folder, {})
        return False
    text = json.dumps(_with_tombstones(users, places), ensure_ascii=False)
    parts = _changed_parts(folder, allowed, lambda part: empty_rows(part, places), _keeps_users)
    rewrite(folder, {**parts, "users.json": text.encode()})  # what says that it is done comes last
    return True


def forget_item(folder: Path, item_id: str, allowed: Sequence[str] = ()) -> Item | None:
    """Take an item's content out of a saved version. Returns it as it was, None where there was none.

    Raises SavedVersionError.
    """
    try:
        rows = items_from_frame(pl.read_parquet(folder / "items.parquet"))
        file = folder / "vectors.safetensors"
        items = Items(rows, load_file(file) if file.is_file() else {})
    except Exception as error:  # whatever a library raises of a damaged file
        raise SavedVersionError(f"{folder}: its items cannot be read ({first_line(error)}); delete it") from error
    place = items.vocabulary.get(item_id)
    if place < 0 or items[place] == blank(item_id):
        rewrite(folder, {})
        return None
    items, before = _blanked(items, [place])
    contents = {"vectors.safetensors": save(dict(items.vectors))} if items.vectors else {}
    with durable.draft_folder(folder.parent) as draft:
        items_to_frame(items.rows).write_parquet(draft / "items.parquet")
        contents["items.parquet"] = (draft / "items.parquet").read_bytes()
    parts = _changed_parts(folder, allowed, lambda part: drop_items(part, items, [place]), _keeps_items)
    rewrite(folder, {**parts, **contents})  # what says that it is done comes last
    return before[0]


def _keeps_users(cls: type) -> bool:
    return any(field.metadata["users"] for field in learned_of(cls))


def _keeps_items(cls: type) -> bool:
    return hasattr(cls, "extend")


def _changed_parts(
    folder: Path, allowed: Sequence[str], change: Callable[[Any], bool], concerned: Callable[[type], bool]
) -> dict[str, bytes]:
    """The files of a version's parts that a change of its parts changes."""
    found: dict[str, bytes] = {}
    for saved in sorted(one for one in (folder / "parts").glob("*") if one.is_dir()):
        try:
            if not concerned(class_of(read_json(saved / "settings.json")["use"], allowed)):
                continue
            part = load_part(saved, allowed)
        except (ZhiyinError, KeyError):
            continue
        if not change(part):
            continue
        with durable.draft_folder(folder.parent) as draft:
            save_part(part, draft / saved.name)
            for file in (draft / saved.name).iterdir():
                old = saved / file.name
                if not old.is_file() or old.read_bytes() != file.read_bytes():
                    found[str(old.relative_to(folder))] = file.read_bytes()
    return found
