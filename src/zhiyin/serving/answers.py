"""Answers: from an Answer of the recommender to what goes over the wire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from zhiyin.candidates import Candidates, Reason
from zhiyin.event import Event
from zhiyin.item import Item, Items
from zhiyin.recommender import Answer


def answer_json(answer: Answer, items: Items, version: str, trace: bool) -> dict[str, Any]:
    """An answer as plain values. Every number is finite."""
    candidates = answer.candidates
    sources = sources_of(candidates)
    chances = propensities(candidates)
    reasons = candidates.reasons or ((),) * len(candidates)
    rows = zip(candidates.items.tolist(), candidates.scores.tolist(), sources, reasons, chances, strict=True)
    shown = [
        {
            "item_id": (item := items[position]).item_id,
            "score": score if math.isfinite(score) else 0.0,
            "rank": rank,
            "source": source,
            "reasons": [reason_json(one) for one in why],
            "explanation": next((one.sentence for one in why if one.sentence), ""),
            "propensity": chance,
            "metadata": metadata(item),
        }
        for rank, (position, score, source, why, chance) in enumerate(rows, 1)
    ]
    result: dict[str, Any] = {"request_id": answer.query.request_id, "model_version": version, "items": shown}
    if trace:
        result["trace"] = answer.trace.rows()
    return result


def sources_of(candidates: Candidates) -> list[str]:
    """For each candidate the source that carried it: by its share of the score, else by who ranked it best."""
    if not candidates.sources:
        return [""] * len(candidates)
    if candidates.shares is not None:
        best = np.argmax(candidates.shares, 1)
    elif candidates.source_ranks is not None:
        ranks = candidates.source_ranks
        best = np.argmin(np.where(ranks > 0, ranks, np.iinfo(np.int32).max), 1)
    else:
        best = np.zeros(len(candidates), np.int64)
    return [candidates.sources[at] for at in best]


def propensities(candidates: Candidates) -> list[float]:
    """The chance each item had of its place: 1 unless a reranker drew. A chance of 0 says it was put there by a rule."""
    if candidates.propensities is None:
        return [1.0] * len(candidates)
    return [chance if 0 < chance <= 1 else 1.0 for chance in candidates.propensities.tolist()]


def reason_json(reason: Reason) -> dict[str, Any]:
    """A reason as plain values."""
    return {
        "kind": reason.kind,
        "items": list(reason.items),
        "topic": list(reason.topic) if reason.topic else None,
        "number": reason.number if reason.number is not None and math.isfinite(reason.number) else None,
        "share": float(reason.share) if math.isfinite(reason.share) else 0.0,
        "source": reason.source,
        "events": list(reason.events),
        "sentence": reason.sentence,
    }


def metadata(item: Item) -> dict[str, Any]:
    """What a card needs of an item; the whole text is at /items/{item_id}."""
    return {
        "title": item.title,
        "text": item.text[:500],
        "attributes": {name: list(v) if isinstance(v, tuple) else v for name, v in item.attributes.items()},
        "images": list(item.images),
    }


def item_json(item: Item) -> dict[str, Any]:
    """A whole item."""
    return {
        "item_id": item.item_id,
        **metadata(item),
        "text": item.text,
        "available_from": item.available_from,
        "available_until": item.available_until,
        "hidden": item.hidden,
    }


def event_json(event: Event) -> dict[str, Any]:
    """A whole event."""
    names = ("event_id", "user_id", "item_id", "event_type", "value", "timestamp", "session_id", "request_id")
    rest = {"position": event.position, "propensity": event.propensity, "context": dict(event.context)}
    return {**{name: getattr(event, name) for name in names}, **rest}


def impressions_of(answer: dict[str, Any], user_id: str, now: float, shelf: str) -> Sequence[Event]:
    """One impression per item shown, with the place and the chance it was shown with."""
    request_id = answer["request_id"]
    return [
        Event(
            user_id,
            one["item_id"],
            "impression",
            now,
            context={"shelf": shelf},
            request_id=request_id,
            position=one["rank"],
            propensity=one["propensity"],
            event_id=f"{request_id}:{one['rank']}",
        )
        for one in answer["items"]
    ]


def seed_of(request_id: str) -> int:
    """The seed of a request that named none: one of its own."""
    return int.from_bytes(blake2b(request_id.encode(), digest_size=4).digest())


def facets(items: Sequence[Item], most: int) -> list[dict[str, Any]]:
    """The attributes one can filter by: their commonest values, or the range of a number."""
    numbers: dict[str, list[float]] = {}
    counts: dict[str, dict[str, int]] = {}
    for item in items:
        for name, value in item.attributes.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                numbers.setdefault(name, []).append(float(value))
        for name, text in dict.fromkeys(item.tags()):
            table = counts.setdefault(name, {})
            table[text] = table.get(text, 0) + 1
    # An attribute whose values are nearly all different (a website, a code) is no filter.
    usable = {name: table for name, table in counts.items() if len(table) <= max(sum(table.values()) / 2, 1)}
    listed: list[dict[str, Any]] = [
        {"attribute": name, "values": [{"value": one, "count": count} for one, count in sorted(table.items(), key=lambda row: (-row[1], row[0]))[:most]]}
        for name, table in usable.items()
    ]  # fmt: skip
    ranges = [{"attribute": name, "least": float(np.min(v)), "most": float(np.max(v))} for name, v in numbers.items()]
    return listed + ranges
