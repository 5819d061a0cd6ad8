"""The law of erasure: what a part keeps of a user or of an item's words is taken out of it, and of nobody else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from zhiyin.data.dataset import Dataset
from zhiyin.item import Item, Items
from zhiyin.part import learned_of
from zhiyin.testing.made import small_dataset
from zhiyin.workspace.erased import blank, drop_items, empty_rows
from zhiyin.workspace.saving import save_part

USERS = 37
"""Users of the made data: a length that no other table of it has, so that whatever has it is about users."""

RARE = "zyzzyva"
"""A word that one item alone has, in its title and its attributes."""


def dataset_to_erase_from() -> Dataset:
    """Made data with a number of users that nothing else has, and one item with a word of its own."""
    dataset = small_dataset(1, USERS, 60)
    rows = list(dataset.items.rows)
    rows[5] = Item(rows[5].item_id, f"{RARE} river", f"a text of {RARE}", {"kind": RARE, "notes": (RARE, "red")})
    return replace(dataset, items=Items(rows, dict(dataset.items.vectors)))


def check_erasure(fitted: Any, dataset: Dataset) -> None:
    """fitted: a part that has learned from dataset_to_erase_from()."""
    undeclared = [name for name, axis, declared in _user_axes(fitted) if axis not in declared]
    assert not undeclared, f"{', '.join(undeclared)}: has a place for each user; say so with learned(users=…)"
    before = {name: _copied(getattr(fitted, name)) for name, *_ in _user_axes(fitted)}
    empty_rows(fitted, [3])
    for name, axis, _ in _user_axes(fitted):
        now, was = getattr(fitted, name), before[name]
        assert not abs(_row(now, axis, 3)).sum(), f"{name}: the erased user's place is empty"
        for user in (0, 2, 4, USERS - 1):
            if axis == 0 and name not in ("ties",):
                assert np.array_equal(_row(now, axis, user), _row(was, axis, user)), f"{name}: others keep theirs"
    rows = list(dataset.items.rows)
    rows[5] = blank(rows[5].item_id)
    drop_items(fitted, Items(rows, {space: _without(table, 5) for space, table in dataset.items.vectors.items()}), [5])
    with tempfile.TemporaryDirectory() as name:
        save_part(fitted, Path(name) / "part")
        for file in (Path(name) / "part").iterdir():
            assert RARE.encode() not in file.read_bytes(), f"{file.name} holds a word of an erased item"


def _user_axes(fitted: Any) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """Every learned field and axis as long as there are users, and the axes the field declares."""
    for field in learned_of(type(fitted)):
        value = getattr(fitted, field.name)
        tables = list(value.values()) if isinstance(value, dict) else [value]
        for table in tables:
            for axis, size in enumerate(getattr(table, "shape", ())):
                if size == USERS:
                    yield field.name, axis, field.metadata["users"]


def _copied(value: Any) -> Any:
    return value.copy()


def _row(table: Any, axis: int, place: int) -> Any:
    full = table.toarray() if sparse.issparse(table) else table
    return np.take(full, place, axis)


def _without(table: Any, place: int) -> Any:
    changed = np.array(table)
    changed[place] = 0
    return changed
