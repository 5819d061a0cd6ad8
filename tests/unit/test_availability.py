"""Availability is kept beside the rows: it says what the rows say after any puts, and the filter obeys it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.candidates import Candidates
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.reranking.filters import Allowed, available

moments = st.one_of(st.none(), st.integers(0, 5).map(float))
items = st.builds(
    Item, st.sampled_from("abcdef"), available_from=moments, available_until=moments, hidden=st.booleans()
)


@given(st.lists(items, max_size=4, unique_by=lambda item: item.item_id), st.lists(items, max_size=6), st.integers(0, 5))
def test_what_is_unavailable_is_dropped_and_nothing_else(first, later, now):
    catalogue = Items(first)
    for item in later:
        catalogue.put(item)
    want = [available(item, now) for item in catalogue.rows]
    assert catalogue.available(now).tolist() == want
    positions = np.arange(len(catalogue), dtype=np.int32)[::-1]
    found = Candidates(positions, np.zeros(len(positions), np.float32))
    selection = Allowed().select(Query(now=now), found, catalogue, 1)
    assert positions[selection.kept].tolist() == [at for at in positions.tolist() if want[at]]
    assert dict(selection.dropped) == {row: "unavailable" for row, at in enumerate(positions.tolist()) if not want[at]}
