"""Erasure: a user, or an item's content, leaves everything that a workspace keeps; ended after a kill by whoever comes next.

An erasure is noted in the store first. Then come its steps, each of which may be repeated: the store, the saved versions,
the caches, what was set aside and reported, and the database's file. Closing sweeps the store once more, since others went
on writing meanwhile. The journal's line stays as the receipt: what was taken out where and when, by the id's keyed hash.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from sqlite3 import DatabaseError, connect
from typing import Any

from zhiyin import durable
from zhiyin.errors import SavedVersionError, ZhiyinError, first_line
from zhiyin.item import Item
from zhiyin.llm.database import Database
from zhiyin.parts import allowed_parts
from zhiyin.ports import Erasure, Store
from zhiyin.stores.sql_log import INCOMING
from zhiyin.workspace.audit import AUDIT, Audit
from zhiyin.workspace.erased import blank, forget_item, forget_user

LOG = logging.getLogger("zhiyin.workspace.workspace")

Found = Mapping[str, Any]
"""What a step took out, as numbers, and what it could not, as sentences; see ports.Erasure."""

Step = tuple[str, Callable[[Erasure], Found]]

TRIES = 40
"""How often the log of an SQLite file is tried to be emptied, half a second each, while others read."""


def erase(
    store: Store,
    kind: str,
    subject: str,
    steps: Sequence[Step],
    clock: Callable[[], float],
    closing: AbstractContextManager[object] | None = None,
) -> Erasure:
    """Erase a user or an item's content from a store and whatever the steps are of. closing: see ended."""
    return ended(store, store.erasures.begin(kind, subject, clock()), steps, clock, closing)


def ended(
    store: Store,
    erasure: Erasure,
    steps: Sequence[Step],
    clock: Callable[[], float],
    closing: AbstractContextManager[object] | None = None,
) -> Erasure:
    """Do all steps of an erasure, again where they were done before, and close it. Returns the receipt.

    closing: held while the last of it leaves the store, by whoever else writes what they have read there. An erasure that
    a reader of the database holds up stays in the journal, and its receipt is not finished.
    """
    texts = _texts(store, erasure)
    first: Step = ("store", store.erasures.sweep)
    for name, step in (first, *steps):
        store.erasures.note(erasure.number, name, step(erasure))
    held = closing or nullcontext()
    if erasure.kind == "item":
        with held:
            store.erasures.note(erasure.number, "store", _from_catalog(store, erasure))
    if not _wiped(store, texts):
        store.erasures.note(erasure.number, "file", {"left": ["somebody reads the database; ended at the next start"]})
        return next(one for one in store.erasures.running() if one.number == erasure.number)
    with held:
        receipt = store.erasures.finish(erasure, clock())
    _wiped(store, texts)  # of what came meanwhile, and of the journal itself
    return receipt


def _wiped(store: Store, texts: Collection[str]) -> bool:
    """Have what was deleted stand nowhere in the database's files; False where somebody reads on and on."""
    return any(store.wipe(texts) for _ in range(TRIES))


def _texts(store: Store, erasure: Erasure) -> set[str]:
    """What the rows said that will be deleted; nothing can be said of it where a killed process has deleted them."""
    if erasure.kind == "item":
        item = store.catalog.get(erasure.subject)
        return {item.title, item.text} - {""} if item is not None else set()
    if erasure.found:
        return set()
    stored = store.profiles.get(erasure.subject)
    profiles = (
        [store.profiles.get(erasure.subject, number) for number in range(1, stored.version + 1)] if stored else []
    )
    said = [list(one.context.values()) for one in store.log.of_user(erasure.subject)]
    said += [[*one.attributes.values(), one.summary] for one in profiles if one is not None]
    texts = {text for one in said for text in one if isinstance(text, str) and len(text) >= SHORT}
    return {erasure.subject, *texts} if len(texts) <= MANY else set()


SHORT = 4
"""Letters of a text up to which it is not looked for: too many others hold it."""

MANY = 1000
"""Texts up to which a database's file is looked through; above, it is written anew without looking."""


def _from_catalog(store: Store, erasure: Erasure) -> Found:
    item = store.catalog.get(erasure.subject)
    there = item is not None and item != blank(erasure.subject)
    if there:
        store.catalog.put([blank(erasure.subject)])
    return {"items": int(there)}


def receipt_json(erasure: Erasure) -> dict[str, Any]:
    """A receipt as plain values; the id is in it as its keyed hash alone."""
    return {
        "number": erasure.number,
        "kind": erasure.kind,
        "who": erasure.who,
        "started": erasure.started,
        "finished": erasure.finished,
        "found": dict(erasure.found),
    }


class Files:
    """The steps of an erasure in a workspace's folder."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store

    def steps(self) -> list[Step]:
        """In order. What an item says is needed to find its vectors, so the catalogue comes after them."""
        return [("versions", self.versions), ("caches", self.caches), ("files", self.files), ("audit", self.audit)]

    def versions(self, erasure: Erasure) -> Found:
        """Out of every version; of one that is damaged, the files that hold the id are deleted."""
        allowed, known, vectors, left = allowed_parts(self.folder), 0, 0, []
        folder = self.folder / "versions"
        with durable.locked(self.folder / ".versions.lock"):
            for version in sorted(folder.iterdir()) if folder.is_dir() else []:
                if version.name.startswith("."):
                    continue
                try:
                    if erasure.kind == "user":
                        known += forget_user(version, erasure.subject, allowed)
                    elif before := forget_item(version, erasure.subject, allowed):
                        known, vectors = known + 1, vectors + self.forget_vector(before)
                except (SavedVersionError, OSError) as error:
                    gone = _without_files_that_hold(version, erasure.subject)
                    left += [f"{first_line(error)}: {gone} files that held the id were deleted from it"] if gone else []
        return {"versions": known, "vectors": vectors, "damaged": left}

    def caches(self, erasure: Erasure) -> Found:
        """Replies of language models about a user, or with the item's title in them; vectors of the item's content."""
        replies = vectors = 0
        item = self.store.catalog.get(erasure.subject) if erasure.kind == "item" else None
        if (self.folder / "llm.db").is_file():
            database = Database(self.folder / "llm.db")
            if erasure.kind == "user":
                replies = database.forget(erasure.subject)
            elif item is not None and item.title:
                replies = database.forget_text(item.title)
        if item is not None:
            vectors = self.forget_vector(item)
        return {"replies": replies, "vectors": vectors}

    def audit(self, erasure: Erasure) -> Found:
        """A user out of the log of what administrators did."""
        file = self.folder / AUDIT
        return {"entries": Audit(file, time.time).forget(erasure.subject) if erasure.kind == "user" else 0}

    def forget_vector(self, item: Item) -> int:
        """Delete the vectors of an item's content. Returns how many."""
        file = self.folder / "vectors.db"
        if not file.is_file():
            return 0
        try:
            with closing(connect(file, timeout=30)) as db, db:
                db.execute("PRAGMA secure_delete = ON")
                return db.execute("DELETE FROM vectors WHERE hash = ?", (item.content_hash(),)).rowcount
        except DatabaseError as error:
            LOG.warning("%s: %s", file, error)
            return 0

    def files(self, erasure: Erasure) -> Found:
        """What killed processes left; rows set aside and reports that name the user.

        What else in the folder does is named, and left to its owner.
        """
        drafts = len(durable.sweep(self.folder, INCOMING)) + len(durable.sweep(self.folder / "versions"))
        if erasure.kind != "user":
            return {"drafts": drafts}
        rows = reports = 0
        for file in _files_below(self.folder / "quarantine"):
            rows += _without_lines(file, erasure.subject)
        for file in _files_below(self.folder / "reports"):
            if _names(file.read_text("utf-8", "replace"), erasure.subject):
                file.unlink()
                reports += 1
        foreign = (one for one in _files_below(self.folder) if _is_foreign(one.relative_to(self.folder)))
        left = [one.name for one in foreign if _names(one.read_text("utf-8", "replace"), erasure.subject)]
        return {
            "drafts": drafts,
            "quarantine": rows,
            "reports": reports,
            "left": [f"{one} names the user; delete it" for one in left],
        }


OURS = ("versions", "quarantine", "reports")
"""Folders whose files have a step of their own."""


def _is_foreign(path: Path) -> bool:
    ours = path.parts[0] in OURS or path.name.startswith((".", "zhiyin.db", "llm.db", "vectors.db"))
    return not ours and path.suffix in (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt", ".log", ".html", ".toml")


def _files_below(folder: Path) -> Iterator[Path]:
    yield from sorted(one for one in folder.rglob("*") if one.is_file()) if folder.is_dir() else ()


def _names(text: str, subject: str) -> bool:
    """Whether a text names an id as a whole, as it is or as JSON writes it."""
    spellings = {subject, *(json.dumps(subject, ensure_ascii=one)[1:-1] for one in (True, False))}
    return any(one in text and re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text) for one in spellings)


def _without_lines(file: Path, subject: str) -> int:
    lines = file.read_text("utf-8", "replace").splitlines(keepends=True)
    kept = [line for line in lines if not _names(line, subject)]
    if len(kept) < len(lines):
        durable.replace_file(file, "".join(kept).encode())
    return len(lines) - len(kept)


def _without_files_that_hold(folder: Path, subject: str) -> int:
    """Delete from a folder that cannot serve what holds an id. Returns how many files."""
    needles = {json.dumps(subject, ensure_ascii=one).encode() for one in (True, False)}
    gone = 0
    for file in [folder] if folder.is_file() else list(_files_below(folder)):
        data = file.read_bytes()
        if any(one in data for one in needles) or (len(subject) >= LONG and subject.encode() in data):
            file.unlink()
            gone += 1
    return gone


LONG = 8
"""Letters of an id from which it is no part of other texts by chance."""


def resume(store: Store, steps: Sequence[Step], clock: Callable[[], float]) -> list[Erasure]:
    """End what a killed process began. One that fails stays in the journal, and stops nothing."""
    done = []
    for erasure in store.erasures.running():
        try:
            done.append(ended(store, erasure, steps, clock))
            LOG.warning("erasure %d, begun before and not ended, is ended", erasure.number)
        except (ZhiyinError, OSError) as error:
            LOG.error("erasure %d cannot be ended: %s", erasure.number, first_line(error))
    return done
