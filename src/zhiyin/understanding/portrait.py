"""Portrait: a profile's summary and latent interests by a language model, asked only when tastes have moved.

Counters follow every event without any model. The model is asked when the topics have drifted since it was asked last, or after
many events; what it says is held against the profile, and each answer is a new version of the stored profile.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from zhiyin.errors import DataError, InvalidReply
from zhiyin.item import Items
from zhiyin.llm.cache import speaking_of
from zhiyin.llm.guard import fenced, names_mark, repeated
from zhiyin.llm.prompts import prompt
from zhiyin.llm.schema import ask, limit
from zhiyin.ports import Call, LanguageModel, ProfileStore, StoredProfile
from zhiyin.profile import Interest, Profile
from zhiyin.understanding.enrich import CLAIMS, NAMES
from zhiyin.understanding.extract import SAID, drift, latent_interests
from zhiyin.understanding.lexicon import Lexicon, fold
from zhiyin.understanding.saying import Voice
from zhiyin.understanding.summary import WORDS, summary, words_in_text

LOG = logging.getLogger("zhiyin.understanding")

DRIFT = 0.15
"""Jensen-Shannon divergence of the topics from which tastes have moved."""

EVERY = 50
"""Events after which the model is asked even when nothing has drifted."""

LEAST = 5
"""Events before the model is asked at all."""

CHOICES = 12
"""Latent topics the model chooses among."""

_SENTENCES = re.compile(r"(?<=[.!?。！？])\s*")
_ENDS = (".", "!", "?", "。", "！", "？")


@dataclass(frozen=True)
class Hunch:
    """A topic the person may like: one of those offered, and why."""

    topic: str
    reason: str = limit(letters=80)


@dataclass(frozen=True)
class Portrait:
    """What the model answers."""

    summary: str = limit(letters=700)
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

    Sentences that name no topic of the profile, or one it does not hold, or claim what nobody said, are left out; where none
    is left, or the reply cannot be used, the summary is the one by rules. Latent topics are chosen among those that go with the interests; their evidence is
    that of these interests, so it is always of the history, and so is their reason where the model's is not true.
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
    try:
        with speaking_of(profile.user_id):
            said = ask(model, Call(messages, max_tokens=700), Portrait, {"topic": list(offered) or ["-"]})
    except InvalidReply as error:  # as if nothing had been said, so that the next event does not ask in vain again
        LOG.warning("portrait by rules: %s", error)
        said = Portrait("", ())
    truth = _Truth(profile, [offered[one.topic] for one in said.latent if one.topic in offered], items)
    latent = {
        one.topic: replace(offered[one.topic], reason=one.reason) if truth.holds(one.reason) else offered[one.topic]
        for one in said.latent
        if one.topic in offered
    }
    written = truth.summary(said.summary) or summary(profile, Voice(language, items.pack.labels))
    return replace(stored, summary=written, interests=tuple(latent.values()), updated=now)


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


class _Truth:
    """What may be said of a person: the topics of the profile, and those offered to them."""

    def __init__(self, profile: Profile, latent: Sequence[Interest], items: Items) -> None:
        self.topics = {one.topic for one in (*profile.interests, *profile.dislikes, *latent)} | set(profile.refusals)
        self.words = " ".join(fold(value) for _, value in self.topics)
        self.numbers = {str(len(profile.history))}
        self.lexicon = Lexicon.of(items)

    def holds(self, sentence: str) -> bool:
        """Whether a sentence names a topic of the profile, none that is not, and no number, claim or name of its own."""
        folded = fold(sentence)
        named = self.lexicon.mentions(folded)
        strange = any(
            not self.topics & set(one.topics) and folded[one.start : one.end] not in self.words for one in named
        )
        return (
            bool(named)
            and not strange
            and not set(re.findall(r"\d+", sentence)) - self.numbers
            and not CLAIMS.search(sentence.casefold())
            and not names_mark(sentence)
            and all(fold(name) in self.words for name in NAMES.findall(sentence))
        )

    def summary(self, text: str) -> str:
        """The sentences of a text that hold, each once and whole, within the allowed length; "" when none is left."""
        kept: dict[str, None] = {}
        if repeated(text):
            return ""
        for sentence in _SENTENCES.split(text.strip()):
            longer = " ".join([*kept, sentence])
            if sentence.endswith(_ENDS) and self.holds(sentence) and words_in_text(longer) <= WORDS:
                kept[sentence] = None
        return " ".join(kept)


def rolled_back(profiles: ProfileStore, user_id: str, version: int) -> StoredProfile:
    """Store an earlier version of a profile as the newest one; what the user last agreed to stays so.

    Raises DataError when there is no such version.
    """
    earlier, newest = profiles.get(user_id, version), profiles.get(user_id)
    if earlier is None or newest is None:
        raise DataError(f"profile of '{user_id}': there is no version {version}")
    return profiles.put(earlier.agreeing(newest.personalise))
