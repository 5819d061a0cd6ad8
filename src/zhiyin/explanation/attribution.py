"""Attribution: what carried the scores of an answer, the sources in the ranker and the history in the sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress

import numpy as np

from zhiyin.candidates import Candidates
from zhiyin.item import Items
from zhiyin.query import Query
from zhiyin.stages import Attributing, Ranker, Retriever, contributing, counting


def attributed(
    query: Query,
    candidates: Candidates,
    rankers: Sequence[Ranker],
    retrievers: Mapping[str, Retriever],
    items: Items,
) -> Candidates:
    """Candidates with their sources' shares in the score and, from sources that can say, the events' contributions.

    The last ranker that can say what its sources carried is believed: one after it that only moves what another scored
    leaves the shares to that one.
    """
    tellers = [one for one in rankers if isinstance(one, Attributing)] if candidates.predictions is not None else []
    shares = tellers[-1].source_shares(query, candidates, items) if tellers else None
    if shares is not None and candidates.shares is not None:  # the wish has its share already
        shares = shares * (1 - candidates.shares.sum(1, keepdims=True)) + candidates.shares
    # A source that carried nothing need not be asked how.
    heard = [True] * len(candidates.sources) if shares is None else np.asarray((shares > 0).any(0)).tolist()
    parts = [(name, retrievers.get(name)) for name in compress(candidates.sources, heard)]
    told = {name: part.contributions(query, candidates.items) for name, part in parts if contributing(part)}
    counted = {name: part.counted(query, candidates.items) for name, part in parts if counting(part)}
    return replace(candidates, contributions=told, counted=counted, shares=shares)
