"""Who follows whom is counted over people, each once per pair."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.data import followers as module
from zhiyin.data.dataset import build
from zhiyin.data.followers import followers
from zhiyin.data.moments import DAY
from zhiyin.item import Item, Items

ITEMS = Items([Item(one) for one in "abcde"])


@pytest.mark.parametrize("block", [1, 7, 1000])
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=30), window=st.integers(1, 6)
)
def test_everybody_counts_once_per_pair_by_the_smallest_gap(block, rows, window):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        users, items = zip(*rows, strict=True)
        data = build([f"u{u}" for u in users], ITEMS, ["abcde"[i] for i in items], np.arange(len(rows)) * DAY)
        found = followers(data, window).toarray()
    want = np.zeros((5, 5))
    for user in set(users):
        own = [item for u, item in rows if u == user]
        own = [item for at, item in enumerate(own) if not at or own[at - 1] != item]
        gaps: dict[tuple[int, int], int] = {}
        for at, one in enumerate(own):
            for gap in range(1, window + 1):
                if at + gap < len(own) and own[at + gap] != one:
                    pair = (one, own[at + gap])
                    gaps[pair] = min(gap, gaps.get(pair, gap))
        for pair, gap in gaps.items():
            want[pair] += 1 / gap
    assert found == pytest.approx(want)


def test_a_reloading_page_is_one_event():
    times = np.array([1.0, 2.0, 3.0, 3.5, DAY, DAY + 1])
    data = build(["u"] * 6, ITEMS, list("abaccd"), times)
    assert [ITEMS[int(at)].item_id for at in data.sequence.items] == ["a", "b", "c", "d"]
    without = replace(data, has_clock=False)
    assert [ITEMS[int(at)].item_id for at in without.sequence.items] == ["a", "b", "a", "c", "d"]
