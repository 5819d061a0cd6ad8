"""An item that nobody met is recommended for the company that its relatives keep."""

import numpy as np
import pytest

from zhiyin.arrays import NEVER
from zhiyin.data.dataset import build
from zhiyin.item import Item, Items
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.retrieval.bridge import Bridge
from zhiyin.retrieval.content import Content


@pytest.fixture
def dataset():
    """Who reads of boats buys rope, who reads of stars buys a lens; the new rope and the new lens were never bought."""
    titles = ("boat book", "star book", "hemp rope", "glass lens", "hemp rope long", "glass lens wide")
    items = Items.of([Item(title, title) for title in titles])
    rows = [(f"a{n}", one) for n in range(5) for one in ("boat book", "hemp rope")]
    rows += [(f"b{n}", one) for n in range(5) for one in ("star book", "glass lens")]
    users, ids = zip(*rows, strict=True)
    return build(users, items, ids, np.arange(len(rows), dtype=float))


def asked(dataset, *ids):
    return Query(Profile(history=History.of_items(dataset.items.vocabulary.positions(ids))))


def test_behaviour_is_lent_over_content(dataset):
    query, at = asked(dataset, "boat book"), dataset.items.vocabulary.get
    scores = Bridge().fit(dataset).scores([query])[0]
    assert Content().fit(dataset).scores([query])[0][at("hemp rope long")] == NEVER, "no word in common"
    assert scores[at("hemp rope long")] > 0
    assert scores[at("glass lens wide")] == NEVER
    without = Bridge(balance=0.0).fit(dataset).scores([query])[0]
    assert without[at("hemp rope long")] == NEVER, "what was lent is gone"


def test_only_met_items_lend_and_each_share_sums_to_one(dataset):
    lent = Bridge(relatives=2).fit(dataset).lent
    unmet = np.flatnonzero(dataset.popularity() == 0)
    assert not lent[:, unmet].nnz
    assert np.allclose(lent.sum(1), 1)


def test_an_item_put_later_inherits_at_once(dataset):
    part, live = Bridge().fit(dataset), dataset.items.copy()
    added = live.put(Item("x", "hemp rope thick"))
    part.extend(live, [added])
    scores = part.scores([asked(dataset, "boat book"), asked(dataset, "star book")])
    assert scores[0, added] > 0
    assert scores[1, added] == NEVER


def test_what_events_carried_adds_up_to_the_score(dataset):
    part, query = Bridge(decay=0.5).fit(dataset), asked(dataset, "boat book", "star book")
    items = dataset.items.vocabulary.positions(["hemp rope long", "glass lens"])
    assert np.allclose(part.contributions(query, items).sum(1), part.scores([query])[0][items], atol=1e-5)
