"""Summary: a profile in a few sentences of one language, at most 120 words. It says only what the profile holds."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.profile import Interest, Profile
from zhiyin.understanding.extract import Hours
from zhiyin.understanding.saying import Voice

WORDS = 120
"""Words of a summary at most; of Chinese, signs count half."""

STRONG = 0.35
"""The weight from which an interest is a main one."""


def summary(profile: Profile, voice: Voice, hours: Hours | None = None) -> str:
    """A profile in words; empty when nothing is known. The strongest interests come first, of each attribute a few."""
    sentences = [*_likes(profile, voice), *_avoids(profile, voice), *_rhythm(profile, voice, hours)]
    text = ""
    for sentence in sentences:
        longer = voice.say.sentences([text, sentence])
        if words_in_text(longer) > WORDS:
            break
        text = longer
    return text


def words_in_text(text: str) -> int:
    """How long a text is: its words, and half of its Chinese, Japanese and Korean signs."""
    signs = sum(sign >= "\u3040" for sign in text)
    plain = "".join(" " if sign >= "\u3040" else sign for sign in text)
    return len(plain.split()) + (signs + 1) // 2


def _likes(profile: Profile, voice: Voice) -> list[str]:
    asked = [one for one in profile.interests if one.reason in ("asked for", "said")]
    seen = [one for one in profile.interests if not one.latent and one not in asked]
    main = [one for one in seen if one.weight >= STRONG][:6]
    rest = [one for one in seen if one not in main][:4]
    latent = [one for one in profile.interests if one.latent][:3]
    found = []
    if asked:
        found.append(voice.say("profile.asked", topics=_named(asked[:6], voice)))
    if main:
        found.append(voice.say("profile.mostly", topics=_named(main, voice)))
    if rest:
        found.append(voice.say("profile.sometimes", topics=_named(rest, voice)))
    if latent:
        found.append(voice.say("profile.maybe", topics=_named(latent, voice)))
    return found


def _avoids(profile: Profile, voice: Voice) -> list[str]:
    found = []
    if profile.dislikes:
        named = _named(profile.dislikes[:4], voice)
        found.append(voice.say("profile.avoids", topics=named))
    if profile.refusals:
        named = _named([Interest(topic, 1.0) for topic in profile.refusals[:4]], voice)
        found.append(voice.say("profile.never", topics=named))
    return found


def _rhythm(profile: Profile, voice: Voice, hours: Hours | None) -> list[str]:
    count = len(profile.history)
    found = []
    if count:
        found.append(voice.say("profile.events", count=count))
    if hours is not None and hours.share >= 0.4:
        found.append(voice.say("profile.hours", start=hours.start, end=hours.end))
    return found


def _named(interests: Sequence[Interest], voice: Voice) -> str:
    """Topics by attribute: "green, blue (colour), Chile (country)"."""
    by_attribute: dict[str, list[str]] = {}
    for one in interests:
        by_attribute.setdefault(one.topic[0], []).append(one.topic[1][:60])
    groups = [
        voice.say("profile.group", values=voice.say.listed(values), label=voice.label(name))
        for name, values in by_attribute.items()
    ]
    return voice.say.listed(groups)
