"""cross_encoder: a model that reads a wish in words together with each of the best finds, and orders them by how well they match.

The search asks it last; recommendations with a wish ask it where a recipe says so, since they then wait for it. When the model
cannot be read the order stays as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ModelError, ZhiyinError
from zhiyin.item import Items
from zhiyin.llm.judge import Judge
from zhiyin.part import part, setting
from zhiyin.query import Query
from zhiyin.ranking.llm import blended, moved
from zhiyin.stages import RankingRows
from zhiyin.trace import note

LOG = logging.getLogger("zhiyin.ranking")


@part
class CrossEncoder:
    """A cross-encoder's order of the best candidates, blended with the order they came in (Nogueira and Cho, 2019).

    Stands behind other rankers. Any sequence classifier of Hugging Face's layout with one or two classes will do. Without a
    model, and for requests without words, it changes nothing, unless what was liked may stand for them.
    """

    model: str = setting("")
    """Folder or hub id, e.g. "cross-encoder/ms-marco-MiniLM-L6-v2"; "" switches it off."""
    candidates: int = setting(50, least=2, most=500)
    """How many of the best it reads; each costs as much as encoding a text."""
    weight: float = setting(0.5, least=0, most=1, at_request=True)
    """Its share of the say, by places; with 1 its order is taken as it is."""
    max_tokens: int = setting(192, least=16, most=8192)
    """How much of wish and item is read."""
    recommend: bool = setting(False)
    """Whether recommendations with a wish ask it too, not the search alone. Others wait behind them."""

    history: int = setting(0, least=0, most=50)
    """Where there is no wish the titles of so many of the newest liked items stand for one; 0 for none. Then every
    recommendation waits, if any may: for a teacher of a light recipe, which serves afterwards (`zhiyin distill`)."""

    listwise = True

    def __post_init__(self) -> None:
        self._failed = ""

    @property
    def actions(self) -> tuple[str, ...]:
        """One column: how well an item matches."""
        return ("relevance",)

    def fit(self, dataset: Dataset, rows: RankingRows, valid: RankingRows | None = None) -> CrossEncoder:
        """See Ranker. Learns nothing, but raises ModelError for a model that cannot be read, before it serves."""
        if self.model:
            self._judge.load()
        return self

    def predict(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> list[Floats]:
        """See Ranker."""
        return [self._scores(*row, items)[:, None] for row in zip(queries, candidates, strict=True)]

    def _scores(self, query: Query, found: Candidates, items: Items) -> Floats:
        scores = np.asarray(found.scores, np.float32)
        wish = query.text.strip() or self._liked(query, items)
        if not self.recommend or not wish:
            return scores
        top = best(found, self.candidates)
        return self.judged(wish, scores, top, [items[int(found.items[row])].content() for row in top])

    def _liked(self, query: Query, items: Items) -> str:
        history = query.profile.history.liked
        known = [int(item) for item in history.newest_first if item < len(items)]
        return ", ".join(items[item].title for item in list(dict.fromkeys(known))[: self.history])

    def judged(self, wish: str, scores: Floats, top: Ints, texts: Sequence[str]) -> Floats:
        """The scores given anew so that their order is the blended one. top: rows that are read, best first; texts: theirs.

        The scores as they came where the model fails; the first failure is logged and it is not asked again.
        """
        if not self.model or len(top) < 2 or self.weight == 0:
            return scores
        try:
            if self._failed:
                raise ModelError(self._failed)
            match = self._judge.scores(wish, texts)
        except ZhiyinError as error:
            if not self._failed:
                LOG.error("the order stays as it is: %s", error)
            self._failed = str(error)
            note("order kept: the model failed")
            return scores
        places = np.empty(len(top), np.float32)
        places[np.argsort(-match, kind="stable")] = np.arange(len(top)) / (len(top) - 1)
        return moved(scores, top, blended(places, self.weight, len(top)))

    @property
    def _judge(self) -> Judge:
        return Judge(self.model, self.max_tokens)


def best(found: Candidates, count: int) -> Ints:
    """Rows of the best candidates, best first; equal scores by item, so that the rows' order does not matter."""
    return np.lexsort((found.items, -np.asarray(found.scores)))[:count].astype(np.int32)
