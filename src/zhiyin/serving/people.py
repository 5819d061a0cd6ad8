"""People: what is kept of a user, shown to them, changed by them, handed out and forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from threading import Lock
from typing import Any

from zhiyin.item import Items
from zhiyin.languages.messages import language_codes
from zhiyin.ports import Store, StoredProfile
from zhiyin.profile import Interest, Profile
from zhiyin.serving.answers import event_json
from zhiyin.serving.failures import Refused
from zhiyin.understanding.extract import active_hours
from zhiyin.understanding.saying import Voice
from zhiyin.understanding.summary import summary

Topics = Iterable[tuple[str, str]]

MOST_TEXT = 200_000
"""Characters of a profile that a client wrote. Every edit keeps the whole of it once more, and all are exported at once."""

UNCOUNTED = ("impression",)
"""Kinds that are nothing the user did."""


class People:
    """How many events each user has: counted from the log when first asked for, and anew for those who changed since.

    Nothing is added up beside the log, so that the counts are the log's whatever was sent twice or erased meanwhile.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[str, int] | None = None
        self._changed: set[str] = set()
        self._lock = Lock()

    def changed(self, users: Iterable[str]) -> None:
        """Users whose events or registration have just changed."""
        with self._lock:
            if self._counts is not None:
                self._changed.update(users)

    def recount(self) -> None:
        """Count everybody anew when next asked."""
        with self._lock:
            self._counts = None
            self._changed.clear()

    def _counted(self) -> dict[str, int]:
        log, profiles = self._store.log, self._store.profiles
        if self._counts is None:
            self._counts = dict.fromkeys(profiles.users(), 0) | log.counts(leave_out=UNCOUNTED)
        changed, self._changed = self._changed, set()
        for user in changed:
            count = log.counts([user], UNCOUNTED).get(user, 0)
            if count or profiles.get(user) is not None:
                self._counts[user] = count
            else:
                self._counts.pop(user, None)
        return self._counts

    def find(self, text: str, limit: int) -> dict[str, Any]:
        """Users whose id holds a text, those with the most events first."""
        with self._lock:
            found = [(user, count) for user, count in self._counted().items() if text.casefold() in user.casefold()]
        found.sort(key=lambda one: (-one[1], one[0]))
        return {"users": [{"user_id": user, "events": count} for user, count in found[:limit]], "total": len(found)}


def profile_json(profile: Profile, stored: StoredProfile | None, items: Items, sentences: int = 20) -> dict[str, Any]:
    """A profile with the items behind each topic, newest events first. items: titles by id of everything it cites."""
    history = profile.history
    item_of = {event: items[int(at)].item_id for event, at in zip(history.events, history.items, strict=False)}

    def interest(one: Interest) -> dict[str, Any]:
        cited = list(dict.fromkeys(item_of.get(event, event) for event in one.evidence))
        known = [item for item in cited if item in items.vocabulary]
        return {
            "topic": list(one.topic), "weight": one.weight, "evidence": known, "events": list(one.evidence),
            "first_seen": one.first_seen, "last_seen": one.last_seen, "latent": one.latent, "reason": one.reason,
        }  # fmt: skip

    interests = [interest(one) for one in profile.interests]
    dislikes = [interest(one) for one in profile.dislikes]
    newest = range(len(history) - 1, max(len(history) - sentences, 0) - 1, -1)
    recent = [
        {
            "item_id": items[int(history.items[row])].item_id,
            "title": items[int(history.items[row])].title,
            "weight": float(history.weights[row]),
            "timestamp": float(history.times[row]),
        }
        for row in newest
    ]
    cited: set[str] = {item for one in (*interests, *dislikes) for item in one["evidence"]}
    cited |= {str(one["item_id"]) for one in recent}
    hours = active_hours(history)
    written = {language: summary(profile, Voice(language, items.pack.labels), hours) for language in language_codes()}
    return {
        "user_id": profile.user_id,
        "version": stored.version if stored else 0,
        "events": len(history),
        "attributes": dict(stored.attributes if stored else {}),
        "personalise": stored.personalise if stored else False,
        "summary": profile.summary or written["en"],
        "summaries": {language: profile.summary or text for language, text in written.items()},
        "active_hours": {"start": hours.start, "end": hours.end, "share": hours.share, "events": list(hours.events)}
        if hours
        else None,
        "interests": interests,
        "dislikes": dislikes,
        "refusals": [list(one) for one in profile.refusals],
        "wishes": [list(one) for one in (stored.wishes if stored else ())],
        "history": recent,
        "items": {item: items[items.vocabulary.get(item)].title for item in sorted(cited)},
    }


def edited(stored: StoredProfile, edit: dict[str, Any], now: float) -> StoredProfile:
    """A profile with a user's edit. A topic that is refused is no wish, and the other way round: the newest edit wins."""
    wanted = edit.get("version")
    if wanted is not None and wanted != stored.version:
        raise Refused(
            409, "version_conflict", f"the profile is at version {stored.version}, the edit was made on {wanted}"
        )
    refusals = _changed(stored.refusals, edit.get("refusals"), edit["refuse"], (*edit["allow"], *edit["wish"]))
    wishes = _changed(stored.wishes, edit.get("wishes"), edit["wish"], (*edit["unwish"], *edit["refuse"]))
    if len(refusals) > 1000 or len(wishes) > 1000:
        raise Refused(422, "too_many", "a profile holds at most 1000 refusals and 1000 wishes")
    changed = stored.agreeing(edit.get("personalise"))
    stored = changed if changed is stored else replace(changed, updated=now)
    if (refusals, wishes) == (stored.refusals, stored.wishes):
        return stored
    # A summary that a model wrote may speak of what was just refused; until it is written anew the templates' stands.
    return replace(stored, refusals=refusals, wishes=wishes, summary="", updated=now)


def need_bounded(profile: StoredProfile, before: StoredProfile) -> None:
    """Raises Refused where a profile would be too long, and longer than before."""
    length = _length(profile)
    if length > MOST_TEXT and length > _length(before):
        raise Refused(
            422, "too_large", f"a profile holds at most {MOST_TEXT:,} characters in all, this one would have {length:,}"
        )


def _length(profile: StoredProfile) -> int:
    pairs = (*profile.attributes.items(), *profile.refusals, *profile.wishes)
    return sum(map(len, profile.friends)) + sum(len(name) + len(value) for name, value in pairs)


def _changed(before: Topics, instead: Topics | None, more: Topics, less: Topics) -> tuple[tuple[str, str], ...]:
    gone = {tuple(one) for one in less}
    kept = before if instead is None else instead
    listed: dict[tuple[str, str], None] = dict.fromkeys((one[0], one[1]) for one in kept if tuple(one) not in gone)
    listed.update(dict.fromkeys((one[0], one[1]) for one in more))
    return tuple(listed)


def export(user_id: str, store: Store) -> dict[str, Any]:
    """Everything kept of a user: every event, and every version of what they registered and edited."""
    stored = store.profiles.get(user_id)
    versions = [store.profiles.get(user_id, number) for number in range(1, stored.version + 1)] if stored else []
    return {
        "user_id": user_id,
        "events": [event_json(one) for one in store.log.of_user(user_id)],
        "profiles": [stored_json(one) for one in versions if one is not None],
    }


def stored_json(stored: StoredProfile) -> dict[str, Any]:
    """A stored profile as plain values."""
    return {
        "version": stored.version,
        "updated": stored.updated,
        "attributes": dict(stored.attributes),
        "personalise": stored.personalise,
        "friends": list(stored.friends),
        "refusals": [list(one) for one in stored.refusals],
        "wishes": [list(one) for one in stored.wishes],
        "interests": [{"topic": list(one.topic), "weight": one.weight} for one in stored.interests],
        "summary": stored.summary,
    }
