"""Portrait: a profile's summary and latent interests by a language model, asked only when tastes have moved.

Counters follow every event without any model. The model is asked when the topics have drifted since it was asked last, or after
many events; what it says is held against the profile, and each answer is a new version of the stored profile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from zhiyin.errors import DataError
from zhiyin.item import Items
from zhiyin.llm.cache import speaking_of
from zhiyin.llm.guard import fenced
from zhiyin.llm.prompts import prompt
from zhiyin.llm.schema import ask, limit
from zhiyin.ports import Call, LanguageModel, ProfileStore, StoredProfile
from zhiyin.profile import Interest, Profile
from zhiyin.understanding.enrich import CLAIMS
from zhiyin.understanding.extract import SAID, drift, latent_interests
from zhiyin.understanding.lexicon import Lexicon, fold
from zhiyin.understanding.summary import WORDS, words_in_text

DRIFT = 0.15
"""Jensen-Shannon divergence of the topics from which tastes have moved."""

EVERY = 50
"""Events after which the model is asked even when nothing has drifted."""

LEAST = 5
"""Events before the model is asked at all."""

CHOICES = 12
"""Latent topics the model chooses among."""

_SENTENCES = re.compile(r"(?<=[.!?。！？])\s*")


@dataclass(frozen=True)
class Hunch:
    """A topic the person may like: one of those offered, and why."""

    topic: str
    reason: str = limit(letters=120)


@dataclass(frozen=True)
class Portrait:
    """What the model answers."""

    summary: str = limit(letters=900)
    latent: tuple[Hunch, ...] = limit(most=5)


def due(profile: Profile, earlier: Sequence[Interest], stored: StoredProfile | None) -> bool:
    """Whether the model should be asked. earlier: the interests as of stored.updated, read off the same history."""
    count = len(profile.history)
    if stored is None or not stored.summary:
        return count >= LEAST
    since = int((profile.history.times > stored.updated).sum())
    return since >= EVERY or (since > 0 and drift(earlier, profile.interests) > DRIFT)


def portrayed(
    model: LanguageModel, profile: Profile, stored: StoredProfile, items: Items, now: float, language: str = "en"
) -> StoredProfile:
    """The stored profile with a summary and latent interests by the model, to be put as the next version. Raises ModelError.

    Sentences that name a topic the profile does not hold, or claim what nobody said, are left out. Latent topics are chosen
    among those that go with the interests; their evidence is that of these interests, so it is always of the history.
    """
    known = frozenset(one.topic for one in (*profile.interests, *profile.dislikes) if not one.latent) | frozenset(
        profile.refusals
    )
    offered = {
        f"{one.topic[0]}: {one.topic[1]}": one for one in latent_interests(profile.interests, items, known, CHOICES)
    }
    messages = prompt("portrait", language).messages(
        profile=fenced(_told(profile), "profile"), choices=fenced("\n".join(offered) or "-", "choices")
    )
    with speaking_of(profile.user_id):
        said = ask(model, Call(messages, max_tokens=600), Portrait, {"topic": list(offered) or ["-"]})
    chosen = [replace(offered[one.topic], reason=one.reason) for one in said.latent if one.topic in offered]
    latent = tuple({one.topic: one for one in chosen}.values())
    return replace(stored, summary=true_summary(said.summary, profile, latent, items), interests=latent, updated=now)


def _told(profile: Profile) -> str:
    lines = [f"likes {one.topic[0]}: {one.topic[1]} ({one.weight:.2f})" for one in profile.interests if not one.latent][
        :12
    ]
    lines += [
        f"asked for {one.topic[0]}: {one.topic[1]}" for one in profile.interests if one.reason in ("asked for", SAID)
    ][:6]
    lines += [f"avoids {one.topic[0]}: {one.topic[1]}" for one in profile.dislikes][:6]
    lines += [f"never wants {name}: {value}" for name, value in profile.refusals[:6]]
    return "\n".join([*dict.fromkeys(lines), f"events: {len(profile.history)}"])


def true_summary(text: str, profile: Profile, latent: Sequence[Interest], items: Items) -> str:
    """The sentences of a summary that name only topics of the profile, within the allowed length; "" when none is left."""
    held = {one.topic for one in (*profile.interests, *profile.dislikes, *latent)} | set(profile.refusals)
    words = " ".join(fold(value) for _, value in held)
    kept = ""
    for sentence in _SENTENCES.split(text.strip()):
        folded = fold(sentence)
        strange = any(
            not held & set(one.topics) and folded[one.start : one.end] not in words
            for one in Lexicon.of(items).mentions(folded)
        )
        numbers = set(re.findall(r"\d+", sentence)) - {str(len(profile.history))}
        longer = f"{kept} {sentence}".strip()
        if (
            sentence
            and not strange
            and not numbers
            and not CLAIMS.search(sentence.casefold())
            and words_in_text(longer) <= WORDS
        ):
            kept = longer
    return kept


def rolled_back(profiles: ProfileStore, user_id: str, version: int) -> StoredProfile:
    """Store an earlier version of a profile as the newest one. Raises DataError when there is no such version."""
    earlier = profiles.get(user_id, version)
    if earlier is None:
        raise DataError(f"profile of '{user_id}': there is no version {version}")
    return profiles.put(earlier)
