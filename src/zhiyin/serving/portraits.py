"""Portraits: profiles written anew by a language model beside the requests, when tastes have moved; and taking one back."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterable
from threading import Lock, Thread
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from zhiyin.errors import ModelError
from zhiyin.ingest.profiles import interests_of
from zhiyin.ports import LanguageModel, StoredProfile
from zhiyin.serving import wire, wire_out
from zhiyin.serving.audit import Audited
from zhiyin.serving.engine import Engine
from zhiyin.serving.failures import Refused
from zhiyin.serving.pools import Pools
from zhiyin.serving.routes import ADMIN, UserId, reply
from zhiyin.understanding.portrait import due, portrayed, rolled_back

LOG = logging.getLogger("zhiyin.serving")


class Portraits:
    """Asks a model about users whose tastes have moved, one at a time, on a thread of its own."""

    def __init__(self, engine: Engine, model: LanguageModel, waiting: int = 1000) -> None:
        self._engine = engine
        self._model = model
        self._queue: queue.Queue[str] = queue.Queue(waiting)
        self._waiting: set[str] = set()
        self._lock = Lock()
        Thread(target=self._work, name="portraits", daemon=True).start()

    def heard(self, users: Iterable[str]) -> None:
        """Users who did something just now."""
        for user_id in users:
            with self._lock:
                if user_id in self._waiting:
                    continue
                self._waiting.add(user_id)
            try:
                self._queue.put_nowait(user_id)
            except queue.Full:
                with self._lock:
                    self._waiting.discard(user_id)

    def settle(self) -> None:
        """Wait until nobody is waiting: for tests."""
        self._queue.join()

    def _work(self) -> None:
        while True:
            user_id = self._queue.get()
            with self._lock:
                self._waiting.discard(user_id)
            try:
                self.refresh(user_id)
            except ModelError as error:
                LOG.warning("no portrait: %s", error)
            except Exception:  # one user must not end the thread
                LOG.exception("no portrait")
            finally:
                self._queue.task_done()

    def refresh(self, user_id: str) -> bool:
        """See refreshed."""
        return refreshed(self._engine, self._model, user_id)


def refreshed(engine: Engine, model: LanguageModel, user_id: str, language: str = "en", always: bool = False) -> bool:
    """Ask about one user if it is due, or always; whether a new portrait was stored. Raises ModelError.

    Nothing is stored when they were changed, or deleted, meanwhile.
    """
    stored = engine.store.profiles.get(user_id)
    live = engine.live
    snapshot = live.snapshot
    items, profile = snapshot.items, live.profiles.get(user_id, engine.store, snapshot)
    earlier = interests_of(profile.history.before(stored.updated), items)[0] if stored else ()
    if not always and not due(profile, earlier, stored):
        return False
    made = portrayed(model, profile, stored or StoredProfile(user_id), items, engine.clock(), language)
    with engine._writer:  # as every change of a profile; it must still be the one that was written about
        now = engine.store.profiles.get(user_id)
        if now != stored or not engine.store.log.of_user(user_id, 1):
            return False
        engine._put_profile(made)
    return True


def make_portraits(engine: Engine, pools: Pools, audited: Audited) -> APIRouter:
    """The route that takes a profile back to an earlier version; with a model, portraits are kept up to date from now on."""
    router = APIRouter(responses={422: {"model": wire.Failure}})
    models = getattr(engine.versions, "models", None)  # a Workspace has them
    model = models.of("profiles") if models is not None else None
    if model is not None:
        engine.on_record.append(Portraits(engine, model).heard)

    @router.post(
        "/users/{user_id:id}/profile/rollback", response_model=wire_out.ProfileOut, tags=["users"], dependencies=ADMIN,
        responses={404: {"model": wire.Failure}},
    )  # fmt: skip
    async def rollback(
        request: Request,
        user_id: UserId,
        version: Annotated[int, Query(ge=1, le=2**31 - 1)],
    ) -> Response:
        """Make an earlier version of a user's profile the newest again; their events stay as they are."""

        def back() -> None:
            if engine.store.profiles.get(user_id, version) is None:
                raise Refused(404, "unknown_version", f"the profile of '{user_id}' has no version {version}")
            rolled_back(engine.store.profiles, user_id, version)
            engine.live.profiles.drop(user_id)

        def answered() -> Response:
            audited(request, "roll back a profile", back, user=user_id)
            return reply(engine.profile(user_id))

        return await pools.writes(answered)

    return router
