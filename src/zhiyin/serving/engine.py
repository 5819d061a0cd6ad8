"""Engine: everything the server does, without HTTP: answers, events, items, users and versions. Safe from any thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from zhiyin.candidates import Candidates
from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.build import weights_for
from zhiyin.ingest.profiles import history_of
from zhiyin.item import Item
from zhiyin.ports import Store, StoredProfile, Taken
from zhiyin.profile import Profile
from zhiyin.query import Condition, Query
from zhiyin.recipe import Recipe
from zhiyin.recommender import FOR_YOU, Answer
from zhiyin.reranking.filters import Allowed
from zhiyin.serving import erasing, people
from zhiyin.serving.answers import answer_json, facets, impressions_of, seed_of
from zhiyin.serving.asking import Waits, question
from zhiyin.serving.failures import Refused
from zhiyin.serving.impressions import Impressions
from zhiyin.serving.live import Live, try_out
from zhiyin.serving.search import reasons
from zhiyin.serving.settings import Settings
from zhiyin.serving.together import Together
from zhiyin.serving.versions import Versions, models_json
from zhiyin.serving.watching import Watching
from zhiyin.trace import Trace
from zhiyin.workspace.erasure import receipt_json

LOG = logging.getLogger("zhiyin.serving")


class Engine:
    """Serves one version at a time over one store.

    versions: None serves only this one. clock: seconds since 1970. vectors: the file of vectors by content, if any.
    """

    def __init__(
        self,
        recipe: Recipe,
        store: Store,
        *,
        version: str = "unsaved",
        versions: Versions | None = None,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
        vectors: Path | None = None,
    ) -> None:
        self.store = store
        self.settings = settings or Settings()
        self.clock = clock
        self.versions = versions
        self.people = people.People(store)
        self.impressions = Impressions(self._showed)
        self.observe: Callable[[Trace], None] = lambda trace: None
        self.on_forget: list[Callable[[str], object]] = []
        self.on_record: list[Callable[[set[str]], None]] = []
        self._writer, self._promoting = Lock(), Lock()
        self._items = Together(self._put_all)
        self._vectors = vectors
        self._served_before: list[str] = []
        self._started = False
        self._watching = Watching(self)  # before anything is read, so that nothing written meanwhile is missed
        self.live = self._opened(recipe, version)

    def _opened(self, recipe: Recipe, version: str) -> Live:
        weights = weights_for(self.store, EventWeights.from_table(recipe.events))
        live = Live(version, recipe.recommender, weights, self._vectors)
        live.open(self.store)
        return live

    def start(self) -> None:
        """Begin what a server does beside the answers: encode new items, and watch for what other processes write."""
        self._started = True
        self.live.encoding.start()
        self._watching.start()

    def settle(self) -> None:
        """Wait until every item has its vectors: for commands, whose answers should not depend on when they are asked."""
        self.live.encoding.settle()

    def close(self) -> None:
        """Write what waits. The store stays open: it is the owner's."""
        self._watching.close()
        self.live.close()
        self.impressions.close()

    # -- answering ---------------------------------------------------------------------------------------------------

    def recommend(
        self,
        user_id: str = "",
        n: int = 10,
        shelf: str = FOR_YOU,
        *,
        text: str = "",
        seeds: Sequence[str] = (),
        exclude: Sequence[str] = (),
        conditions: Sequence[Condition] = (),
        history: Sequence[Event] = (),
        refusals: Sequence[tuple[str, str]] = (),
        weights: Mapping[str, float] | None = None,
        context: Mapping[str, str] | None = None,
        language: str = "en",
        explain: bool = True,
        trace: bool = False,
        seed: int | None = None,
        at_once: bool = False,
    ) -> dict[str, Any]:
        """Recommended items as the wire has them. Raises UnknownId for an unknown seed, DataError for an unknown shelf.

        history: of a guest, used and not stored. seed: for every draw of chance; without one each request has its own.
        at_once: raise Waits rather than ask the store or an encoder.
        """
        begun = self.impressions.begin()
        live, request_id, now = self.live, uuid4().hex, self.clock()
        items = (snapshot := live.snapshot).items
        known = live.profiles.known(user_id, snapshot) if user_id else Profile()
        if known is None and at_once:
            raise Waits
        profile = live.profiles.get(user_id, self.store, snapshot) if known is None else known
        if history:
            given = history_of(history, items, snapshot.weights)
            profile = profile if len(profile.history) else profile.with_history(given)
        if refusals:
            profile = replace(profile, refusals=(*profile.refusals, *refusals))
        query = question(
            snapshot, profile, n=n, now=now, shelf=shelf, text=text, seeds=seeds, exclude=exclude, conditions=conditions,
            weights=weights, context=context, language=language, request_id=request_id,
            seed=seed_of(request_id) if seed is None else seed, at_once=at_once, lately=live.happening.lately,
        )  # fmt: skip
        started = time.perf_counter()
        answer = snapshot.recommender.recommend_batch([query], explain=explain)[0]
        live.answered(query, time.perf_counter() - started)
        result = answer_json(answer, items, snapshot.version, trace)
        self.observe(answer.trace)
        if user_id and self.settings.impressions:
            self.impressions.add(impressions_of(result, user_id, now, shelf), begun)
        return result

    def similar(self, item_id: str, n: int = 10, language: str = "en") -> dict[str, Any]:
        """Items like one item. Raises UnknownId."""
        self.item(item_id)
        shelf = "related" if "related" in self.live.recommender.shelves else FOR_YOU
        return self.recommend(n=n, shelf=shelf, seeds=[item_id], language=language)

    def search(
        self, text: str, n: int = 10, conditions: Sequence[Condition] = (), language: str = "en"
    ) -> dict[str, Any]:
        """Items that match a text in words or meaning, in the order of the version's cross-encoder where it has one."""
        live = self.live
        vectors = live.search.vectors(text)
        query = Query(
            n=n, now=self.clock(), text=text, conditions=tuple(conditions), request_id=uuid4().hex, language=language
        )
        snapshot = live.snapshot
        found = snapshot.search.find(text, vectors) if len(snapshot.items) else Candidates.none()
        allowed = Allowed(seen="show").select(query, found, snapshot.items, n).kept
        found = snapshot.search.reading(found.take(allowed))(text)
        items = live.snapshot.items  # one may have been hidden while the cross-encoder read
        kept = found.take(Allowed(seen="show").select(query, found, items, n).kept[:n])
        told = replace(kept, reasons=reasons(query, kept, items))
        return answer_json(Answer(query, told), items, snapshot.version, False)

    # -- events ------------------------------------------------------------------------------------------------------

    def record(self, events: Sequence[Event], undated: Collection[int] = ()) -> Taken:
        """Store events; on return they are on disk and the next answer knows them. undated: see EventLog.take."""
        taken = self.store.log.take(events, undated)
        users = {event.user_id for event in events}
        self.live.heard(users, self.store)
        self.people.changed({event.user_id for event in taken.new})
        for hear in self.on_record:
            hear(users)
        return taken

    def _showed(self, events: Sequence[Event]) -> None:
        """Store what was shown. It is read of its users anew only where the recipe lets it tire them."""
        self.store.log.append(events)
        if "impression" in self.live.snapshot.recommender.filter.hiding.kinds:
            for user in {event.user_id for event in events}:
                self.live.profiles.drop(user)

    def reread(self, users: Collection[str] | None) -> None:
        """Read users again at their next request, everybody for None: another process wrote something of them."""
        if users is None:
            self.live.reread(self.store)
            self.people.recount()
            return
        self.live.heard(users, self.store)
        self.people.changed(users)

    def knows_item(self, item_id: str) -> bool:
        """Whether an item is in the catalogue, hidden ones included."""
        return item_id in self.live.recommender.items.vocabulary

    # -- items -------------------------------------------------------------------------------------------------------

    def item(self, item_id: str) -> Item:
        """An item of the catalogue. Raises Refused."""
        items = self.live.recommender.items
        at = items.vocabulary.get(item_id)
        if at < 0 or items[at] == Item(item_id, hidden=True):
            raise Refused(404, "unknown_item", f"no item has the id '{item_id}'")
        return items[at]

    def put_items(self, items: Sequence[Item]) -> int:
        """Add or replace items; the next request can recommend them, and by meaning as soon as they are encoded.

        Returns how many were new or different.
        """
        return self._items(items)

    def _put_all(self, writes: Sequence[Sequence[Item]]) -> list[int | Exception]:
        outcomes: list[int | Exception] = []
        for items in writes:
            try:
                outcomes.append(self.store.catalog.put(items))
            except Exception as error:  # each of those who wait is told of their own write alone
                outcomes.append(error)
        stored = (items for items, one in zip(writes, outcomes, strict=True) if not isinstance(one, Exception))
        self.live.put([item for items in stored for item in items])
        self.live.arrived(self.store)
        return outcomes

    def take_items(self, items: Sequence[Item]) -> None:
        """Serve items that another process stored."""
        with self._items.turn:
            self.live.put(items)
            self.live.arrived(self.store)

    def delete_item(self, item_id: str) -> None:
        """Erase an item's content and never show it again. Its id is kept, so that its events stay events of something."""
        self.item(item_id)
        erasing.blank_item(self, item_id)

    def facets(self, most: int = 30) -> list[dict[str, Any]]:
        """The attributes one can filter by: their commonest values, or the range of a number."""
        return facets([item for item in self.live.snapshot.items.rows if not item.hidden], most)

    # -- users -------------------------------------------------------------------------------------------------------

    def profile(self, user_id: str) -> dict[str, Any]:
        """What is known of a user and why. Of a stranger: nothing yet."""
        live, stored = self.live, self.store.profiles.get(user_id)
        snapshot = live.snapshot
        return people.profile_json(live.profiles.get(user_id, self.store, snapshot), stored, snapshot.items)

    def edit_profile(self, user_id: str, edit: dict[str, Any]) -> dict[str, Any]:
        """A user's own edits, which win over what is inferred from the next answer on."""
        with self._writer:
            stored = self.store.profiles.get(user_id) or StoredProfile(user_id)
            self._put_profile(people.edited(stored, edit, self.clock()), stored)
        return self.profile(user_id)

    def put_user(
        self, user_id: str, attributes: Mapping[str, str], friends: Sequence[str], personalise: bool | None = None
    ) -> StoredProfile:
        """Register a user, or register them anew; their edits stay. personalise: see StoredProfile; as before when None."""
        with self._writer:
            stored = self.store.profiles.get(user_id) or StoredProfile(user_id)
            given = replace(
                stored.agreeing(personalise), attributes=dict(attributes), friends=tuple(dict.fromkeys(friends))
            )
            return self._put_profile(replace(given, updated=self.clock()), stored)

    def _put_profile(self, profile: StoredProfile, now: StoredProfile | None = None) -> StoredProfile:
        """Store a profile's next version. now: what is stored, where a client wrote the next: its length is bounded, and what
        says the same need not be stored again. Raises Refused."""
        if now is not None:
            people.need_bounded(profile, now)
            if now.version and replace(profile, updated=now.updated) == now:
                return now
        kept = self.store.profiles.put(profile)
        self.live.profiles.drop(profile.user_id)
        self.people.changed({profile.user_id})
        return kept

    def user(self, user_id: str) -> dict[str, Any]:
        """What a user registered, and how many events they have. Raises Refused."""
        stored, events = self.store.profiles.get(user_id), self.store.log.counts([user_id]).get(user_id, 0)
        if stored is None and not events:
            raise Refused(404, "unknown_user", f"nothing is kept of a user '{user_id}'")
        return {"user_id": user_id, "events": events, **people.stored_json(stored or StoredProfile(user_id))}

    def export(self, user_id: str) -> dict[str, Any]:
        """Everything kept of a user. Raises Refused."""
        self.impressions.flush()
        self.user(user_id)
        return people.export(user_id, self.store)

    def delete_user(self, user_id: str) -> dict[str, Any]:
        """Forget a user: events, profiles, caches, what waits to be written, and all that saved versions keep of them."""
        return erasing.forget_user(self, user_id)

    def erasures(self) -> list[dict[str, Any]]:
        """The receipts of what was erased, newest first."""
        return [receipt_json(one) for one in self.store.erasures.all()]

    # -- versions ----------------------------------------------------------------------------------------------------

    def models(self) -> dict[str, Any]:
        """The version that serves, its parts and shelves, and the versions there are."""
        return models_json(self.live.snapshot, self.versions)

    def promote(self, version: str) -> dict[str, Any]:
        """Serve another version. Requests under way end with the old one; a version that cannot answer is refused."""
        if self.versions is None or version not in self.versions.versions():
            raise Refused(404, "unknown_version", f"no version '{version}'")
        with self._promoting:
            self._serve(self.versions.load(version), version, self.versions.promote)
        return {"current": version}

    def serve_current(self) -> None:
        """Serve the version that another process made current."""
        with self._promoting:
            if self.versions is not None and (version := self.versions.current()) != self.live.version:
                self._serve(self.versions.load(version), version, lambda _: None)

    def _serve(self, recipe: Recipe, version: str, first: Callable[[str], None]) -> None:
        """Serve a version from the next request on, once it has answered one. first: done before it serves."""
        with self._writer, self._items.turn:
            live = self._opened(recipe, version)
            try:
                try_out(live.recommender, self.clock())
            except Exception as error:  # whatever a library raises inside: the good version serves on
                live.close()
                raise Refused(409, "unusable_version", f"version '{version}' cannot answer: {error}") from error
            first(version)
            self._served_before.append(self.live.version)
            before, self.live = self.live, live
        before.close()
        if self._started:
            live.encoding.start()
        LOG.info("version %s serves", version)

    def rollback(self, version: str) -> dict[str, Any]:
        """Leave a version for the one that served before it, or failing that the one made before it."""
        if version != self.live.version:
            raise Refused(409, "not_serving", f"version '{version}' does not serve; '{self.live.version}' does")
        names = self.versions.versions() if self.versions else []
        earlier = names[: names.index(version)] if version in names else names
        before = [one for one in self._served_before if one != version] or earlier
        if not before:
            raise Refused(409, "nothing_earlier", f"there is no version before '{version}'")
        return self.promote(before[-1])
