"""The laws of retrievers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.query import Query
from zhiyin.stages import Contributing, Retriever
from zhiyin.testing.made import bytes_of, copy_of, odd_queries


def check_retriever(part: Retriever, dataset: Dataset) -> None:
    """At most n, no repeats, best first, only known items; everyone is answered; a batch answers as singles do; score
    agrees with retrieve; two fits agree; nothing given is changed; contributions have their shape."""
    before = bytes_of(dataset)
    fitted = copy_of(part).fit(dataset)
    queries = odd_queries(dataset)
    for n in (1, 5, len(dataset.items) + 10):
        found = fitted.retrieve(queries, n)
        assert len(found) == len(queries), "retrieve gives one Candidates per query"
        for one in found:
            _check_candidates(one, n, len(dataset.items))
        for query, one in zip(queries, found, strict=True):
            same_candidates(fitted.retrieve([query], n)[0], one, "a batch answers as singles do")
    _check_score(fitted, queries, dataset)
    again = copy_of(part).fit(dataset)
    for one, other in zip(fitted.retrieve(queries, 10), again.retrieve(queries, 10), strict=True):
        same_candidates(one, other, "two fits of one part agree")
    if isinstance(fitted, Contributing):
        _check_contributions(fitted, queries, len(dataset.items))
    assert bytes_of(dataset) == before, "a part changes nothing it is given"


def _check_candidates(one: Candidates, n: int, size: int) -> None:
    assert len(one) <= n, f"at most n: {len(one)} > {n}"
    assert len(one.scores) == len(one.items), "one score per item"
    assert len(np.unique(one.items)) == len(one), "no item comes twice"
    assert np.isfinite(one.scores).all(), "scores of retrieved items are finite"
    assert (np.diff(one.scores) <= 0).all(), "best first"
    assert ((one.items >= 0) & (one.items < size)).all(), "only known items"


def same_candidates(one: Candidates, other: Candidates, law: str) -> None:
    assert np.array_equal(one.items, other.items), f"{law}: {one.items[:5]} is not {other.items[:5]}"
    assert np.allclose(one.scores, other.scores, rtol=1e-4, atol=1e-5), law


def _check_score(fitted: Retriever, queries: Sequence[Query], dataset: Dataset) -> None:
    found = fitted.retrieve(queries, 10)
    for one, values in zip(found, fitted.score(queries, [one.items for one in found]), strict=True):
        assert np.allclose(one.scores, values, rtol=1e-4, atol=1e-5), "score agrees with retrieve"
    size = len(dataset.items)
    for values in fitted.score(queries, [np.array([0, size + 5], np.int32)] * len(queries)):
        assert values.shape == (2,), "score gives one number per item"
        assert np.isnan(values[1]), "an item that came after fit has no score"
    assert all(len(values) == 0 for values in fitted.score(queries, [np.empty(0, np.int32)] * len(queries)))


def _check_contributions(fitted: Contributing, queries: Sequence[Query], size: int) -> None:
    items = np.array([0, min(3, size - 1), size + 2], np.int32)
    for query in queries:
        shares = fitted.contributions(query, items)
        assert shares.shape == (3, len(query.profile.history)), "contributions are [items, events]"
        assert np.isfinite(shares).all(), "contributions are finite"
        assert not shares[2].any(), "nothing carried an item that came after fit"
