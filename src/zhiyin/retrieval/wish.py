"""wish: what a person asks for, in words or in their profile, is heard beside what their history says."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np

from zhiyin.arrays import NEVER, Doubles, Floats
from zhiyin.candidates import Candidates
from zhiyin.item import Items, Tags
from zhiyin.opinions import in_spans
from zhiyin.part import part, setting
from zhiyin.profile import ASKED_FOR
from zhiyin.query import Query
from zhiyin.retrieval.terms import words_of
from zhiyin.stages import Scored
from zhiyin.understanding.extract import FEW, SAID

WISH = "wish"
"""The name of the source that speaks for a wish."""


@part
class Wish:
    """Finds items that fit a wish and gives the fit a weight of its own in the ranked score.

    Rankers learn from histories, where nobody said a wish, so the weight of a source that follows the words is learned
    for something else, and whoever has a history would hardly see their wish. Here the score becomes
    (1 - weight) · ranked + weight · fit; the ranked score in spans of the candidates' (see in_spans), the fit from 0 to 1. Where nothing is wished, nothing changes.

    A wish in words fits an item by the cosine with its vectors, counted from the median of the catalogue up, and by the
    words it shares with the item's attributes, rare ones counting more: vectors alone often miss "light" or a colour.
    Topics asked for in the profile, or of somebody new written about themselves, fit by how many of them an item has; beside
    words they count half.
    """

    text: float = setting(0.6, least=0, most=1)
    """The weight of a wish in words."""
    topics: float = setting(0.25, least=0, most=1)
    """The weight of topics asked for in the profile, which stand for a long time."""
    n: int = setting(60, least=1)
    """How many of the items that fit best become candidates."""

    def there(self, query: Query) -> bool:
        """Whether a query wishes for something. With seed items the question is what goes with those."""
        return self.weight(query) > 0

    def weight(self, query: Query) -> float:
        """How much the fit counts in the score."""
        if len(query.seeds):
            return 0.0
        return self.text if query.text or query.text_vectors else self.topics if _topics(query) else 0.0

    def answers(self, queries: Sequence[Query], items: Items) -> Scored:
        """The fit of every item as the scores of a source; NEVER where an item does not fit at all."""
        rows = np.full((len(queries), len(items)), NEVER, np.float32)
        for row, query in enumerate(queries):
            if self.there(query):
                found = self._fit(query, items)
                rows[row] = np.where(found > 0, found, NEVER)
        return Scored(rows)

    def _fit(self, query: Query, items: Items) -> Doubles:
        """0 to 1 for every item."""
        topics = _fit_of_topics(query, items)
        if not query.text and not query.text_vectors:
            return _stretched(topics)
        return _stretched(_fit_of_meaning(query, items) + _fit_of_words(query, items) + 0.5 * topics)

    def heard(self, query: Query, candidates: Candidates) -> tuple[Floats, Floats]:
        """(scores with the wish in them, the share of each score that the wish carried). Both [candidates]"""
        assert candidates.source_scores is not None
        fit = np.nan_to_num(candidates.source_scores[:, candidates.sources.index(WISH)].astype(np.float64), nan=0.0)
        fit = self.weight(query) * np.clip(fit, 0, 1)
        rest = (1 - self.weight(query)) * in_spans(candidates.scores, candidates.opined.new)
        return (fit + rest).astype(np.float32), (fit / np.maximum(fit + rest, 1e-9)).astype(np.float32)


def _topics(query: Query) -> list[tuple[str, str]]:
    heard = {ASKED_FOR} if len(query.profile.history) > FEW else {ASKED_FOR, SAID}
    return [one.topic for one in query.profile.interests if one.reason in heard]


def _fit_of_meaning(query: Query, items: Items) -> Doubles:
    total = np.zeros(len(items))
    for space, wish in query.text_vectors.items():
        vectors = items.vectors.get(space)
        if vectors is not None and vectors.shape[1:] == wish.shape and len(vectors):
            cosines = np.where(vectors.any(1), vectors @ wish, -np.inf)
            known = cosines[np.isfinite(cosines)]
            middle = float(np.median(known)) if len(known) else 0.0
            total += _stretched(np.maximum(cosines - middle, 0))
    return _stretched(total)


def _fit_of_words(query: Query, items: Items) -> Doubles:
    """The share of the wish's words that an item's attributes hold, by rarity; words that no attribute has are left out."""
    tags, total = items.tags, np.zeros(len(items))
    whole = 0.0
    for word in dict.fromkeys(words_of(query.text)):
        columns = _tags_by_word(tags).get(word)
        if columns:
            asked = np.zeros(tags.matrix.shape[1], np.float32)
            asked[columns] = 1
            having = tags.matrix @ asked > 0
            rarity = float(np.log((len(items) + 1) / (having.sum() + 0.5)))
            total += rarity * having
            whole += rarity
    return total / whole if whole > 0 else total


_words: WeakKeyDictionary[Tags, dict[str, list[int]]] = WeakKeyDictionary()


def _tags_by_word(tags: Tags) -> dict[str, list[int]]:
    """The columns of the attribute values that hold a word. Kept per table of tags."""
    if tags not in _words:
        found: dict[str, list[int]] = {}
        for column, (_, value) in enumerate(tags.names):
            for word in dict.fromkeys(words_of(value)):
                found.setdefault(word, []).append(column)
        _words[tags] = found
    return _words[tags]


def _fit_of_topics(query: Query, items: Items) -> Doubles:
    tags, wanted = items.tags, _topics(query)
    places = [tags.positions[topic] for topic in wanted if topic in tags.positions]
    if not places:
        return np.zeros(len(items))
    asked = np.zeros(tags.matrix.shape[1], np.float32)
    asked[places] = 1
    return np.asarray(tags.matrix @ asked, np.float64) / len(places)


def _stretched(values: Doubles) -> Doubles:
    """From 0 for the lowest to 1 for the highest; all 0 when they are equal, 0 where they are not finite."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(len(values))
    low, high = float(values[finite].min()), float(values[finite].max())
    return np.where(finite, (values - low) / (high - low), 0) if high > low else np.zeros(len(values))
