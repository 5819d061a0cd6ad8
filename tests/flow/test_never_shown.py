"""What must not be shown never leaves the system, whatever the request and the catalogue."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.data.dataset import build
from zhiyin.explanation.evidence import Evidence
from zhiyin.explanation.templates import Templates
from zhiyin.item import Item, Items
from zhiyin.profile import Profile
from zhiyin.query import Condition, Query
from zhiyin.recommender import Recommender
from zhiyin.reranking.explore import Explore
from zhiyin.reranking.mmr import MMR
from zhiyin.reranking.rules import Rules
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition

COUNT = 16
windows = st.one_of(st.none(), st.floats(0, 100))
rows = st.lists(
    st.tuples(windows, windows, st.booleans(), st.sampled_from(["red", "white", "Rosé"]), st.integers(0, 20)),
    min_size=COUNT,
    max_size=COUNT,
)
places = st.integers(0, COUNT - 1)


@given(
    rows,
    st.lists(places, max_size=5),
    st.frozensets(places, max_size=4),
    st.lists(places, max_size=2, unique=True),
    st.lists(st.sampled_from(["red", "white"]), max_size=1),
    st.sampled_from(["any", "kind", "range"]),
    st.floats(0, 100, exclude_min=True),  # 0 is no known moment: no window can be judged then
    st.integers(1, 12),
    st.lists(st.tuples(places, st.booleans()), max_size=4),
)
@settings(max_examples=120, deadline=None)
def test_no_hidden_expired_excluded_refused_seen_or_unfit_item_is_shown(
    table, seen, exclude, seeds, refused, asked, now, n, changes
):
    items = Items(
        [
            Item(
                f"i{at}",
                attributes={"kind": kind, "price": float(price)},
                available_from=a,
                available_until=b,
                hidden=gone,
            )
            for at, (a, b, gone, kind, price) in enumerate(table)
        ]
    )
    users = [f"u{at % 5}" for at in range(40)]
    dataset = build(users, items, [f"i{(at * 7) % COUNT}" for at in range(40)], np.arange(40))
    recommender = Recommender(
        retrieve=[Popular(), Transition()],
        rerank=[Rules(pin={"i0": 1, "i5": 1}, cap={"kind": 3}), MMR(), Explore(epsilon=1.0)],
        explain=[Evidence(), Templates()],
    ).fit(dataset)
    for at, hidden in changes:  # after fit, as a live catalogue changes
        row = items[at]
        items.put(Item(row.item_id, attributes=row.attributes, available_until=row.available_until, hidden=hidden))
    history = dataset.history(0).where(np.zeros(len(dataset.history(0)), np.bool_))
    if seen:
        history = type(history).of_items(np.array(seen, np.int32))
    conditions = {
        "any": (),
        "kind": (Condition("kind", ("RED", "rosé")),),
        "range": (Condition("price", least=3, most=12),),
    }[asked]
    query = Query(
        Profile(history=history, refusals=tuple(("kind", one) for one in refused)),
        n=n,
        now=now,
        exclude=exclude,
        seeds=np.array(seeds, np.int32),
        conditions=conditions,
    )
    answer = recommender.recommend(query)
    shown = [int(one) for one in answer.candidates.items]
    assert len(shown) <= n
    assert len(set(shown)) == len(shown)
    for at in shown:
        item = items[at]
        assert not item.hidden
        assert item.available_from is None or item.available_from <= now
        assert item.available_until is None or now < item.available_until
        assert at not in exclude
        assert at not in seeds
        assert at not in ([] if seeds else seen)
        assert item.attributes["kind"] not in refused
        assert asked != "kind" or item.attributes["kind"] in ("red", "Rosé")
        assert asked != "range" or 3 <= item.attributes["price"] <= 12
