"""rephrased: the templates' sentences in a language model's words, when it has found true ones. A request never waits for it."""

from __future__ import annotations

import logging
import queue
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread

from zhiyin.candidates import Candidates, Reason
from zhiyin.errors import BudgetExceeded, ModelError
from zhiyin.explanation.faithful import MOST, faithful
from zhiyin.item import Items
from zhiyin.languages.messages import language_of
from zhiyin.llm.cache import speaking_of
from zhiyin.llm.guard import fenced
from zhiyin.llm.prompts import LANGUAGES, prompt
from zhiyin.llm.schema import ask, limit
from zhiyin.part import part, setting
from zhiyin.ports import Call, LanguageModel
from zhiyin.query import Query

LOG = logging.getLogger("zhiyin.explanation")

KINDS = ("history", "seeds", "attribute", "text", "popular")
"""Kinds of reason that gain by other words; a wish is the user's own text and is not sent."""

Key = tuple[str, str]


@dataclass(frozen=True)
class Rephrasing:
    """What the model answers."""

    sentence: str = limit(letters=MOST)


@part
class Rephrased:
    """Stands behind `templates`. A sentence that was reworded before, and found faithful, takes the template's place.

    The others wait in a short queue that one thread works off; the next answer with the same reason has the new words.
    The model comes from the workspace's settings for the use "explanations"; without one, nothing changes.
    """

    remembered: int = setting(20_000, least=1)
    """Sentences kept, those used last."""
    waiting: int = setting(200, least=1)
    """Sentences that may wait for the model; more are left to a later answer."""
    timeout: float = setting(20.0, above=0)
    """Seconds the model has for one sentence."""

    use = "explanations"

    def __post_init__(self) -> None:
        self._model: LanguageModel | None = None
        self._known: OrderedDict[Key, str] = OrderedDict()
        self._owners: dict[str, set[Key]] = {}
        self._queue: queue.Queue[Callable[[], None]] = queue.Queue(self.waiting)
        self._asked: set[Key] = set()
        self._lock = Lock()
        self._thread: Thread | None = None

    def speak_with(self, model: LanguageModel | None) -> None:
        """See Speaking."""
        self._model = model

    def explain(self, query: Query, candidates: Candidates, items: Items) -> tuple[tuple[Reason, ...], ...]:
        """See Explainer."""
        if self._model is None or not candidates.reasons:
            return candidates.reasons or ((),) * len(candidates)
        return tuple(tuple(self._said(one, query, items) for one in reasons) for reasons in candidates.reasons)

    def _said(self, reason: Reason, query: Query, items: Items) -> Reason:
        if reason.kind not in KINDS or not reason.sentence or (reason.kind == "text" and not reason.items):
            return reason
        language = language_of(query.language)
        if language not in LANGUAGES:  # no prompt and no list of true words: the template stays
            return reason
        key = (language, reason.sentence)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                self._owners.setdefault(query.profile.user_id, set()).add(key)
                return reason.said(known) if known else reason
            if key in self._asked:
                return reason
            self._asked.add(key)
        user_id = query.profile.user_id
        try:
            self._queue.put_nowait(lambda: self._reword(key, reason, items, user_id))
            self._start()
        except queue.Full:
            with self._lock:
                self._asked.discard(key)
        return reason

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._work, name="rephrased", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            job = self._queue.get()
            try:
                job()
            except Exception:  # one sentence must not end the thread
                LOG.exception("a sentence was not reworded")
            finally:
                self._queue.task_done()

    def _reword(self, key: Key, reason: Reason, items: Items, user_id: str) -> None:
        """Ask for other words; keep them when they are faithful, and that there are none when they are not."""
        language, sentence = key
        found = ""
        model = self._model
        try:
            if model is not None:
                messages = prompt("rephrase", language).messages(reason=fenced(sentence, "reason"))
                with speaking_of(user_id):
                    call = Call(messages, max_tokens=200, timeout=self.timeout)
                    text = ask(model, call, Rephrasing).sentence
                verdict = faithful(text, reason, sentence, items)
                found = text.strip().rstrip(".。") if verdict.faithful else ""
                if not verdict.faithful:
                    LOG.info("not said: %s", verdict.why)
        except BudgetExceeded:
            with self._lock:
                self._asked.discard(key)
            return
        except ModelError as error:
            LOG.warning("a sentence was not reworded: %s", error)
        with self._lock:
            self._asked.discard(key)
            self._known[key] = found
            self._owners.setdefault(user_id, set()).add(key)
            while len(self._known) > self.remembered:
                self._known.popitem(last=False)

    def settle(self) -> None:
        """Wait until nothing is waiting any more: for tests and for filling the memory ahead of time."""
        self._queue.join()

    def forget(self, user_id: str) -> None:
        """Drop every sentence that was said to a user."""
        with self._lock:
            for key in self._owners.pop(user_id, ()):
                self._known.pop(key, None)
