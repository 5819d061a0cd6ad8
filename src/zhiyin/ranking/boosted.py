"""boosted: gradient boosted trees over all features, learned to order lists (LightGBM LambdaRank)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.errors import SavedVersionError
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.ranking.blend import blend_shares, blended, in_order_of, learn_blend
from zhiyin.ranking.bounds import bounded, usual_spread
from zhiyin.ranking.circumstances import fitting_keys
from zhiyin.ranking.features import Features, learn_facts
from zhiyin.ranking.standing import counted_until
from zhiyin.stages import RankingRows

FEWEST = 20
"""Requests below which trees would learn noise."""

MEASURED = 300
"""Requests that the spreads of trees and blend are measured on at most."""


@part
class Boosted:
    """LambdaRank over features of the request, the item, their pair and what each source said (Burges 2010).

    Learns from each request's right answers and a random part of the wrong ones. The trees' score and the blend of
    sources are added up, since either alone is less steady from one week's data to the next. Trees are added until NDCG@10 on the rows kept aside no longer rises. Without enough rows the blend alone
    orders.
    """

    trees: int = setting(300, least=1, most=5000)
    """Trees at most."""
    leaves: int = setting(15, least=2, most=255, tune=(7, 15, 31))
    """Leaves of one tree."""
    learning_rate: float = setting(0.05, above=0, most=1, tune=(0.03, 0.05, 0.1))
    """How far one tree goes."""
    least_in_leaf: int = setting(50, least=1, tune=(20, 50, 200))
    """Rows that a leaf must hold."""
    wrong: int = setting(150, least=1, tune=(50, 150, 400))
    """Wrong answers per request to learn from, drawn evenly."""
    bins: int = setting(15, least=2, most=255, tune=(15, 63))
    """Steps into which a column is cut. Few, since fine steps of popularity would give items away one by one, and what
    was learned of one item in the past does not hold today."""
    scale_free: bool = setting(True)
    """Leave out columns that change with how much data was fitted (counts) or that follow the calendar."""
    trust: float = setting(1.0, least=0, most=100, tune=(0.0, 0.5, 1.0, 2.0))
    """How much the blend of sources counts beside the trees, both in their usual standard deviations over the candidates
    of a request, measured once on the rows learned from."""
    patience: int = setting(30, least=1)
    """Trees without gain on the rows kept aside before it stops."""
    seed: int = setting(0)
    """Draws wrong answers and columns."""

    model: str = learned()
    blend: Floats = learned()
    sources: list[str] = learned()
    spaces: list[str] = learned()
    facts: dict[str, Array] = learned()
    spreads: Floats = learned()

    listwise = True

    def __post_init__(self) -> None:
        self._booster: Any = None
        self._read_from: str | None = None

    @property
    def actions(self) -> tuple[str, ...]:
        """One column: how much the user is likely to want it."""
        return ("relevance",)

    def fit(self, dataset: Dataset, rows: RankingRows, valid: RankingRows | None = None) -> Boosted:
        """See Ranker."""
        chance = np.random.default_rng(self.seed)
        self.sources, self.blend = learn_blend(rows, requests=3000, rounds=2, chance=chance)
        self.spaces, self.facts, self.model = sorted(dataset.items.vectors), learn_facts(dataset), ""
        self.spreads = np.ones(2, np.float32)
        if len(rows) >= FEWEST:
            self.model = self._grown(rows, valid, dataset.items, chance)
            some = rows.only(np.arange(len(rows)) < MEASURED)
            self.spreads = np.array([usual_spread(one) for one in self._parts(some, dataset.items)], np.float32)
        return self

    def _parts(self, rows: RankingRows, items: Items) -> tuple[list[Floats], list[Floats]]:
        """What the trees and the blend say, each by request."""
        matrices = [self._matrix([one], [two], items) for one, two in zip(rows.queries, rows.candidates, strict=True)]
        trees = [np.asarray(self._loaded().predict(one, num_threads=1), np.float32) for one in matrices]
        return trees, [one[:, -1] for one in matrices]

    def _grown(self, rows: RankingRows, valid: RankingRows | None, items: Items, chance: np.random.Generator) -> str:
        import lightgbm

        train = self._table(rows, items, chance)
        kept = self._table(valid, items, None, train) if valid is not None and len(valid) >= FEWEST else None
        stop: list[Any] = [lightgbm.early_stopping(self.patience, verbose=False)] if kept is not None else []
        booster = lightgbm.train(
            self._parameters(), train, self.trees, valid_sets=[kept] if kept is not None else [], callbacks=stop
        )
        return str(booster.model_to_string(num_iteration=booster.best_iteration or -1))

    def refresh(self, dataset: Dataset) -> None:
        """Take what is known of items from a later dataset; the trees stay as they are."""
        self.facts = learn_facts(dataset, fitting_keys(self.facts))

    def counted_until(self) -> float:
        """See Counting."""
        return counted_until(self.facts or {})

    def predict(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> list[Floats]:
        """See Ranker."""
        need_fitted(self)
        lengths = [len(one) for one in candidates]
        if not self.model or not sum(lengths):
            return [blended(one, self.sources, self.blend)[:, None] for one in candidates]
        matrix = self._matrix(queries, candidates, items)
        cuts = np.cumsum(lengths)[:-1]
        trees = np.split(np.asarray(self._loaded().predict(matrix, num_threads=1)), cuts)
        blends = np.split(matrix[:, -1], cuts)
        return [
            bounded(tree / self.spreads[0] + self.trust * blend / self.spreads[1])[:, None]
            for tree, blend in zip(trees, blends, strict=True)
        ]

    def source_shares(self, query: Query, candidates: Candidates, items: Items) -> Floats:
        """See Attributing: what the columns of a source add to the score by their Shapley values, above 0."""
        need_fitted(self)
        if not self.model or not len(candidates):
            return blend_shares(candidates, self.sources, self.blend)
        matrix = self._matrix([query], [candidates], items)
        values = np.asarray(self._loaded().predict(matrix, pred_contrib=True, num_threads=1))[:, :-1]
        values = values / self.spreads[0]
        values[:, -1] += self.trust * matrix[:, -1] / self.spreads[1]
        groups = np.array([*self._features().groups, -1])[self._columns()]
        parts = np.stack([values[:, groups == one].sum(1) for one in range(len(self.sources))], 1)
        # The blend speaks for all sources: its value is dealt out by what each adds to it.
        dealt = in_order_of(self.sources, candidates.sources, blend_shares(candidates, self.sources, self.blend))
        parts = np.maximum(parts + values[:, -1:] * dealt, 0)
        return in_order_of(candidates.sources, self.sources, parts / np.maximum(parts.sum(1, keepdims=True), 1e-12))

    def verify(self) -> None:
        """See Verifying: trees that were grown over other columns than those read today would read the wrong ones."""
        line = next((one for one in (self.model or "").splitlines() if one.startswith("feature_names=")), None)
        if line is None:
            return
        grown, today = line.partition("=")[2].split(), _plain(self._names())
        if grown != today:
            gone, new = sorted(set(grown) - set(today)), sorted(set(today) - set(grown))
            raise SavedVersionError(
                f"boosted was grown over {len(grown)} features, this Zhiyin reads {len(today)} "
                f"(no longer there: {', '.join(gone) or 'none'}; new: {', '.join(new) or 'none'}): fit again or roll back"
            )

    def _names(self) -> list[str]:
        return [str(one) for one in np.array([*self._features().names, "blend"])[self._columns()]]

    def _features(self) -> Features:
        return Features(tuple(self.sources), tuple(self.spaces), self.facts)

    def _matrix(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> Floats:
        known = self._features().matrix(queries, candidates, items)
        blends = np.concatenate([blended(one, self.sources, self.blend) for one in candidates])
        return np.concatenate([known, blends[:, None]], 1)[:, self._columns()].astype(np.float32)

    def _columns(self) -> Array:
        """Which columns the trees read; the blend is the last."""
        names = (*self._features().names, "blend")
        return np.flatnonzero([not (self.scale_free and _changes(name)) for name in names])

    def _loaded(self) -> Any:
        """The booster, read once from its text."""
        if self._booster is None or self._read_from is not self.model:
            import lightgbm

            self._booster, self._read_from = lightgbm.Booster(model_str=self.model), self.model
        return self._booster

    def _parameters(self) -> dict[str, Any]:
        return {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [10],
            "lambdarank_truncation_level": 20,
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.least_in_leaf,
            "feature_fraction": 0.6,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "max_bin": self.bins,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 2,
            "verbosity": -1,
        }

    def _table(self, rows: RankingRows, items: Items, chance: np.random.Generator | None, like: Any = None) -> Any:
        """Rows as LightGBM takes them. With chance only some of the wrong answers are kept."""
        import lightgbm

        blocks, labels, sizes = [], [], []
        for query, found, label in zip(rows.queries, rows.candidates, rows.labels, strict=True):
            matrix = self._matrix([query], [found], items)
            kept = np.arange(len(label)) if chance is None else self._kept(label, chance)
            blocks.append(matrix[kept])
            labels.append(label[kept])
            sizes.append(len(kept))
        return lightgbm.Dataset(
            np.concatenate(blocks),
            np.concatenate(labels),
            group=sizes,
            feature_name=_plain(self._names()),
            reference=like,
        )

    def _kept(self, label: Floats, chance: np.random.Generator) -> Array:
        # Drawn evenly: the hardest alone would teach that what the blend puts low is seldom wrong.
        wrong = chance.permutation(np.flatnonzero(label <= 0))[: self.wrong]
        return np.sort(np.concatenate([np.flatnonzero(label > 0), wrong]))


def _changes(name: str) -> bool:
    return name in ("hour", "weekday", "seen_before")


def _plain(names: Sequence[str]) -> list[str]:
    """Names as LightGBM's text format takes them: no JSON signs, no spaces."""
    return ["".join(sign if sign.isalnum() or sign in "_.-" else "_" for sign in name) for name in names]
