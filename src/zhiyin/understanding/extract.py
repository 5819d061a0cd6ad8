"""Extract: what a history only hints at: latent interests, active hours, a first profile, and whether tastes have moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from scipy import sparse

from zhiyin.arrays import row_entries
from zhiyin.item import Items, Tags
from zhiyin.profile import History, Interest, Profile
from zhiyin.understanding.lexicon import Lexicon, Topic
from zhiyin.understanding.topics import DAY, faded, rarity

LATENT = 5
"""Latent interests at most."""

SEVERAL = 5
"""Items that must have a topic before it can be latent."""

SAID = "said"
"""The reason of an interest that comes from what a person wrote about themselves."""

FEW = 10
"""Events up to which that counts like something asked for; from then on the history speaks."""


def latent_interests(
    interests: Sequence[Interest], items: Items, but: frozenset[Topic] = frozenset(), most: int = LATENT
) -> tuple[Interest, ...]:
    """Topics a person has not met that go with those they like, strongest first, each with what it rests on.

    How much a topic goes with another: the cosine of their items in the catalogue, times its worth. An
    interest's evidence is that of the interests behind it. but: topics that are known, disliked or refused.
    """
    tags = items.tags
    known = [one for one in interests if one.topic in tags.positions and not one.latent and one.weight > 0]
    if not known:
        return ()
    columns = np.array([tags.positions[one.topic] for one in known])
    weights = np.array([one.weight for one in known])
    together = _together(tags)
    places, owners = row_entries(together.indptr, columns)
    topics, shared = together.indices[places], together.data[places] * weights[owners]
    total = np.bincount(topics, shared, minlength=len(tags.names))
    total[columns] = 0
    total[[tags.positions[topic] for topic in but if topic in tags.positions]] = 0
    some = np.flatnonzero(total > 0)
    best = some[np.argsort(-total[some], kind="stable")[:most]].tolist()
    found = []
    for at in best:
        of_it = np.flatnonzero(topics == at)
        foremost = owners[of_it[np.argsort(-shared[of_it], kind="stable")[:2]]].tolist()
        events = dict.fromkeys(event for row in foremost for event in known[row].evidence)
        found.append(
            Interest(
                tags.names[at], round(float(total[at] / total[best[0]]) * 0.5, 4), tuple(events), latent=True,
                reason="goes with " + ", ".join(known[row].topic[1] for row in foremost),
            )
        )  # fmt: skip
    return tuple(found)


_TOGETHER: WeakKeyDictionary[Tags, sparse.csr_matrix] = WeakKeyDictionary()


def _together(tags: Tags) -> sparse.csr_matrix:
    """How much two topics share their items; 0 for topics of few items. [topics, topics]

    The cosine, times what the second is worth as a guess: how many items have it, and less the commoner it is.
    """
    if tags not in _TOGETHER:
        counts = tags.matrix.getnnz(axis=0)
        scale = np.where(counts >= SEVERAL, 1 / np.sqrt(np.maximum(counts, 1)), 0)
        unit = tags.matrix @ sparse.diags_array(scale.astype(np.float32))
        worth = np.sqrt(rarity(tags)) * counts
        _TOGETHER[tags] = sparse.csr_matrix((unit.T @ unit) @ sparse.diags_array(worth.astype(np.float32)))
    return _TOGETHER[tags]


@dataclass(frozen=True, slots=True)
class Hours:
    """When in the day a person is about. start, end: hours of UTC, end not included, past midnight when end <= start.

    share: of the faded events. events: ids of those in it, newest last.
    """

    start: int
    end: int
    share: float
    events: tuple[str, ...] = ()


def active_hours(history: History, width: int = 4, cited: int = 10) -> Hours | None:
    """The hours with most events; None for fewer than five events, or times that say only the day."""
    hours = ((history.times % DAY) // 3600).astype(np.int64)
    if len(history) < 5 or not (history.times % DAY).any():
        return None
    weights = np.abs(faded(history))
    by_hour = np.bincount(hours, weights, 24)
    windows = np.array([by_hour[[(start + step) % 24 for step in range(width)]].sum() for start in range(24)])
    start = int(np.argmax(windows))
    inside = np.flatnonzero(((hours - start) % 24) < width)
    events = tuple(history.events[at] for at in inside[-cited:]) if history.events else ()
    return Hours(start, (start + width) % 24, round(float(windows[start] / max(by_hour.sum(), 1e-12)), 4), events)


def first_interests(attributes: Mapping[str, str], items: Items, most: int = 12) -> tuple[Interest, ...]:
    """A first profile from what somebody registered with, or a sentence about themselves: the topics it names.

    Negated topics are left out ("no sweet ones"); see first_dislikes. Where somebody lives, and who they are, says nothing
    about what they like: such attributes are not read.
    """
    return tuple(Interest(topic, 1.0, reason=SAID) for topic in _said(attributes, items)[0][:most])


def first_dislikes(attributes: Mapping[str, str], items: Items, most: int = 12) -> tuple[Interest, ...]:
    """What somebody wrote that they do not like."""
    return tuple(Interest(topic, 1.0, reason=SAID) for topic in _said(attributes, items)[1][:most])


def about(profile: Profile) -> str:
    """What somebody without any history wrote about themselves, as a wish in words; empty once there are events.

    Only where a topic of the catalogue was read in it: what else people write of themselves is no wish.
    """
    if len(profile.history) or not any(one.reason == SAID for one in profile.interests):
        return ""
    told = [text for name, text in sorted(profile.attributes.items()) if name.casefold() not in PRIVATE]
    return " ".join(text for text in told if len(text.split()) > 2 or sum(sign >= "\u3400" for sign in text) > 3)[:500]


_HEARD: WeakKeyDictionary[Tags, dict[tuple[tuple[str, str], ...], tuple[list[Topic], list[Topic]]]] = (
    WeakKeyDictionary()
)
"""What attributes were heard to say, per table of tags; many people register with the same few values."""


def _said(attributes: Mapping[str, str], items: Items) -> tuple[list[Topic], list[Topic]]:
    from zhiyin.understanding.reading import read

    if not attributes:
        return [], []
    kept = _HEARD.setdefault(items.tags, {})
    key = tuple(sorted(attributes.items()))
    if key not in kept:
        lexicon = Lexicon.of(items)
        wanted: dict[Topic, None] = {}
        unwanted: dict[Topic, None] = {}
        for name, text in key:
            if name.casefold() in PRIVATE:
                continue
            value = lexicon.value(name, text)
            if value is not None:
                wanted[name, value] = None
            else:
                reading = read(text, items)
                wanted.update(dict.fromkeys((one, value) for one, values in reading.wanted for value in values))
                unwanted.update(dict.fromkeys(reading.unwanted))
        if len(kept) > 10_000:
            kept.clear()
        kept[key] = (list(wanted), list(unwanted))
    return kept[key]


PRIVATE = frozenset(
    ("name", "email", "phone", "address", "password", "user_name", "username", "id", "birthday", "ip", "country", "city",
     "region", "state", "language", "locale", "timezone", "gender", "sex", "age", "occupation", "zip")
)  # fmt: skip
"""Attributes that say who somebody is, not what they like."""


def drift(before: Sequence[Interest], now: Sequence[Interest]) -> float:
    """How far two sets of interests lie apart: the Jensen-Shannon divergence of their weights, 0 (same) to 1 (nothing shared)."""
    topics = list(dict.fromkeys(one.topic for one in (*before, *now)))
    first, second = (_distribution(interests, topics) for interests in (before, now))
    if first is None or second is None:
        return 0.0 if first is second else 1.0
    middle = (first + second) / 2
    return float(sum(_divergence(one, middle) for one in (first, second)) / 2)


def _distribution(interests: Sequence[Interest], topics: Sequence[Topic]) -> np.ndarray | None:
    weights = {one.topic: max(one.weight, 0.0) for one in interests if not one.latent}
    row = np.array([weights.get(topic, 0.0) for topic in topics])
    return row / row.sum() if row.sum() > 0 else None


def _divergence(first: np.ndarray, second: np.ndarray) -> float:
    some = first > 0
    return float((first[some] * np.log2(first[some] / second[some])).sum())
