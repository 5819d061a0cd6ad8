"""Readiness: whether an answer can be made and an event stored now, and if not, why. Asked by many, looked at by one thread."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from zhiyin.query import Query
from zhiyin.serving.engine import Engine
from zhiyin.serving.failures import AGAIN, Refused, refusal_of

LOG = logging.getLogger("zhiyin.serving")

FRESH = 1.0
"""Seconds that what was found stays true."""

PATIENCE = 3.0
"""Seconds after which a look that has not ended is an answer too."""

ROOM = 16_000_000
"""Bytes that must be free on the disk of the store."""


class Readiness:
    """Looks at disk, store and model, one look at a time however many ask, so that asking costs the server nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, "readiness")
        self._look: Future[Refused | None] | None = None
        self._begun = 0.0

    def close(self) -> None:
        """Look no more."""
        self._thread.shutdown(wait=False)

    async def __call__(self) -> None:
        """Raises Refused that says what is wrong: 507 for a full disk, 503 for the rest."""
        now = time.monotonic()
        if self._look is None or (self._look.done() and now - self._begun > FRESH):
            self._look, self._begun = self._thread.submit(self._found), now
        look = asyncio.wrap_future(self._look)
        await asyncio.wait({look}, timeout=max(PATIENCE - (now - self._begun), 0.01))
        if not look.done():
            waited = time.monotonic() - self._begun
            raise Refused(
                503, "not_ready", f"the store or the model has not answered for {waited:.0f} s", retry_after=AGAIN
            )
        if (wrong := look.result()) is not None:
            raise wrong

    def _found(self) -> Refused | None:
        for name, check in (("disk", self._disk), ("store", self._store), ("model", self._model)):
            try:
                check()
            except Exception as error:
                LOG.warning("not ready, %s: %s", name, error)
                known = refusal_of(error)
                if known is not None and known.status in (503, 507):
                    return known
                return Refused(
                    503, "not_ready", f"the {name} does not answer ({type(error).__name__})", retry_after=AGAIN
                )
        return None

    def _disk(self) -> None:
        file: Path | None = getattr(self._engine.store, "file", None)
        if file is not None and (free := shutil.disk_usage(file.parent).free) < ROOM:
            raise Refused(507, "disk_full", f"{free:,} bytes are free on the store's disk", retry_after=AGAIN)

    def _store(self) -> None:
        self._engine.store.meta.put("looked", int(self._engine.clock()))

    def _model(self) -> None:
        self._engine.live.recommender.recommend(Query(n=1, now=self._engine.clock()))
