"""segment: what people who registered alike take up more than others do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Floats, Ints
from zhiyin.data.dataset import Dataset
from zhiyin.data.segments import Segments, said
from zhiyin.data.worth import lift
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.recency import fitting_half_life, halvings, with_tail
from zhiyin.retrieval.segment_worth import shrinkages, usual_among
from zhiyin.stages import Scorer

CLAIMED = 3
"""People of a segment who chose an item that a reason may name."""


@part
class Segment(Scorer):
    """How popular items are now, corrected by how much more usual each is among those who registered with the same.

    For each attribute of the person (country, gender, age group, interests) the people of the same value who took the item up are held
    against how many would have if it were liked everywhere alike, with so many people added to both as, on people held
    out, says most; attributes that say nothing there, or nothing beside the others, are not read. Several are added up as
    logarithms. Whoever registered nothing, or only what is rare, is told nothing: then this source has no candidates and no
    opinion; and where nobody's attributes say anything it is not asked at all.
    """

    drawn: float = setting(0.0, least=0, tune=(0.0, 5.0, 20.0, 80.0))
    """People added to what was counted and to what was expected; 0 takes what says most on people held out."""

    names: list[list[str]] = learned()
    added: dict[str, float] = learned()
    counts: sparse.csr_matrix = learned()
    usual: dict[str, Floats] = learned()
    popularity: Floats = learned()
    half_life: float = learned()

    def fit(self, dataset: Dataset) -> Segment:
        """See Retriever."""
        self.added = shrinkages(Segments.of(dataset), dataset.binary(), self.drawn)
        self.half_life = fitting_half_life(dataset)
        return self._counted(dataset)

    def refit(self, dataset: Dataset) -> Segment:
        """See Refitting. Which attributes are read and how fast likes fade stay as they were chosen."""
        need_fitted(self)
        return self._counted(dataset)

    def _counted(self, dataset: Dataset) -> Segment:
        table, likes = Segments.of(dataset), dataset.binary()
        kept = np.flatnonzero([name in self.added for name, _ in table.names])
        self.names = [list(table.names[at]) for at in kept]
        clock = dataset.has_clock and len(dataset.takers) > 0
        self.popularity = with_tail(halvings(dataset, self.half_life)) if clock else dataset.popularity()
        members = table.members.tocsc()[:, kept]
        self.counts = sparse.csr_matrix(members.T @ likes, dtype=np.float32)
        self.usual = {}
        for name in self.added:
            known = members[:, [at for at, (one, _) in enumerate(self.names) if one == name]].sum(1)
            self.usual[name] = usual_among(likes, np.asarray(known).ravel() > 0).astype(np.float32)
        return self

    def speaks(self) -> bool:
        """See Speaking."""
        return bool(self.added)

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        found = np.full((len(queries), len(self.popularity)), NEVER, np.float32)
        known: dict[tuple[int, ...], Floats] = {}
        for place, query in enumerate(queries):
            own = tuple(self._of(query))
            if own and own not in known:
                likely = self.popularity * np.exp(self._lifts(own).sum(0))
                known[own] = np.where(self.popularity > 0, likely, NEVER).astype(np.float32)
            if own:
                found[place] = known[own]
        return found

    def counted(self, query: Query, items: Ints) -> tuple[tuple[tuple[str, str], int] | None, ...]:
        """See Counted: of the person's segments with CLAIMED people or more, that in which the item is most unusual."""
        own = self._of(query)
        inside = np.flatnonzero(items < len(self.popularity))
        if not own or not len(inside):
            return (None,) * len(items)
        lifts = self._lifts(tuple(own))[:, items[inside]]
        counts = self.counts[list(own)].toarray()[:, items[inside]]
        lifts = np.where(counts >= CLAIMED, lifts, 0)
        best, topics = lifts.argmax(0), list(own.values())
        told: list[tuple[tuple[str, str], int] | None] = [None] * len(items)
        for column, row in enumerate(best.tolist()):
            if lifts[row, column] > 0:
                told[int(inside[column])] = (topics[row], int(counts[row, column]))
        return tuple(told)

    def _of(self, query: Query) -> dict[int, tuple[str, str]]:
        """The segments somebody is of, in order, each as they wrote it."""
        if not self.added or not query.profile.attributes:
            return {}
        place = {(name, value): at for at, (name, value) in enumerate(self.names)}
        own = {
            place[name, value]: (name, written)
            for name, values in said(query.profile.attributes).items()
            for value, written in values.items()
            if (name, value) in place
        }
        return dict(sorted(own.items()))

    def _lifts(self, own: tuple[int, ...]) -> Floats:
        """What each segment adds to the logarithm of how usual an item is; several of one attribute share. [own, items]"""
        rows = self.counts[list(own)].toarray().astype(np.float64)
        names = [self.names[at][0] for at in own]
        for row, name in enumerate(names):
            added = self.added[name]
            expected = rows[row].sum() * self.usual[name]
            rows[row] = lift(rows[row], expected, added) / names.count(name)
        return np.asarray(rows, np.float32)
