"""A catalogue that moves: the next table is what one made anew would be, and the one before stays as it was."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.item import Item, Items

ATTRIBUTES = st.dictionaries(
    st.sampled_from(["kind", "style"]),
    st.one_of(st.sampled_from(["a", "b", "c"]), st.lists(st.sampled_from(["a", "d", "e"]), max_size=3).map(tuple)),
)
ITEM = st.builds(
    Item,
    st.sampled_from([f"i{number}" for number in range(9)]),
    title=st.sampled_from(["", "one", "two"]),
    attributes=ATTRIBUTES,
    available_from=st.one_of(st.none(), st.floats(0, 9)),
    available_until=st.one_of(st.none(), st.floats(0, 9)),
    hidden=st.booleans(),
)
BATCH = st.lists(ITEM, max_size=4, unique_by=lambda one: one.item_id)


def said(items: Items) -> object:
    """Everything a table holds."""
    windows = [column.tolist() for column in items.windows()]
    tags = [items.tags.of(at) for at in range(len(items))]
    vectors = {space: matrix.tolist() for space, matrix in items.vectors.items()}
    return list(items.rows), items.vocabulary.ids, windows, items.tags.names, tags, vectors


@given(first=BATCH, batches=st.lists(BATCH, max_size=4))
def test_taking_items_gives_the_table_of_all_rows_and_leaves_the_one_before(
    first: list[Item], batches: list[list[Item]]
) -> None:
    items = Items(first, {"text": np.eye(len(first), 3, dtype=np.float32)})
    for batch in batches:
        before = said(items)
        vectors = [{"text": np.full(3, number + 1, np.float32)} if number % 2 else {} for number in range(len(batch))]
        moved, positions = items.taking(batch, vectors)
        assert said(items) == before
        assert [moved[at] for at in positions] == batch
        assert said(moved) == said(Items(moved.rows, moved.vectors))
        for at, given_ in zip(positions, vectors, strict=True):
            old = items.vectors["text"][at] if at < len(items) else np.zeros(3)
            assert (moved.vectors["text"][at] == given_.get("text", old)).all()
        items = moved
