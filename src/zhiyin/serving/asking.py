"""Asking: what somebody asks for as the Query that a snapshot answers. One person at once and everybody at once use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zhiyin.behaviour.lately import NOTHING, Lately
from zhiyin.profile import Profile
from zhiyin.query import Condition, Query
from zhiyin.recommender import FOR_YOU, positions
from zhiyin.serving.failures import Refused
from zhiyin.serving.snapshot import Snapshot
from zhiyin.understanding.extract import about


class Waits(Exception):
    """An answer that was to be made at once would have to wait, for the store or an encoder."""


def question(
    snapshot: Snapshot,
    profile: Profile,
    *,
    n: int,
    now: float,
    seed: int,
    shelf: str = FOR_YOU,
    text: str = "",
    seeds: Sequence[str] = (),
    exclude: Sequence[str] = (),
    conditions: Sequence[Condition] = (),
    weights: Mapping[str, float] | None = None,
    context: Mapping[str, str] | None = None,
    language: str = "en",
    request_id: str = "",
    at_once: bool = False,
    lately: Lately = NOTHING,
) -> Query:
    """A request. The related shelf without seeds is about the newest liked item. Raises UnknownId for an unknown seed,
    Refused for an unknown shelf.

    at_once: raise Waits rather than ask an encoder. lately: what people took up after the fit.
    """
    items = snapshot.items
    if shelf not in (FOR_YOU, *snapshot.recommender.shelves):
        raise Refused(404, "unknown_shelf", f"no shelf is called '{shelf}'; see /models for those there are")
    chosen = positions(items, seeds)
    if shelf == "related" and not len(chosen):
        chosen = profile.history.newest_first[:1]
    told = text or (about(profile) if shelf == FOR_YOU and not len(chosen) else "")
    if at_once and told and not snapshot.search.encoded(told):
        raise Waits
    return Query(
        profile=profile, n=n, now=now, shelf=shelf, text=text,
        text_vectors=snapshot.search.vectors(told) if told else {},
        seeds=chosen, conditions=tuple(conditions), weights=weights or {}, context=context or {},
        exclude=frozenset(at for one in exclude if (at := items.vocabulary.get(one)) >= 0),
        language=language, seed=seed, request_id=request_id, lately=lately,
    )  # fmt: skip
