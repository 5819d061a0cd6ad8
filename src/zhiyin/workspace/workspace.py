"""Workspace: one folder that holds a user's store, caches and versions, and the jobs that run on it.

zhiyin.db            events, items, users (another URL can take its place: PostgreSQL)
zhiyin.toml          the pack of words, settings of the language model, where there are any; llm.db what it said and cost
vectors.db           encoded texts by content, so that nothing is encoded twice
versions/0001/ …     fitted recommenders (see version.py); `current` names the one that serves. One that cannot be read is
                     passed over by name, and stops nothing
quarantine/          rows that could not be read, and why
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zhiyin import durable
from zhiyin.data.dataset import Dataset
from zhiyin.data.weights import EventWeights
from zhiyin.encoders.cache import encode_items
from zhiyin.errors import DataError, SavedVersionError, SettingError
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.source import shows_unlisted, unlisted_said
from zhiyin.packs.named import FILE, name_pack, named_pack, said_in
from zhiyin.packs.pack import Pack
from zhiyin.parts import allowed_parts
from zhiyin.ports import Erasure, Speaking
from zhiyin.progress import Progress, silent
from zhiyin.recipe import Recipe, load_recipe
from zhiyin.stores.sql import SqlStore
from zhiyin.stores.sql_log import INCOMING
from zhiyin.workspace.erased import without_items, without_users
from zhiyin.workspace.erasure import Files, Step, erase, resume
from zhiyin.workspace.version import load_version, write_version
from zhiyin.workspace.versions import SavedVersions

if TYPE_CHECKING:
    from zhiyin.data.diagnosis import Finding
    from zhiyin.data.reading.asked import Asked
    from zhiyin.data.reading.summary import Summary
    from zhiyin.llm.configured import Models
    from zhiyin.training.distill import Outcome

LOG = logging.getLogger("zhiyin.workspace.workspace")

OUTSIDE = "have a time before 1990 or after tomorrow, which cannot be right: no count by time reads them"
"""What is said of them while fitting; they stay in the store and say what people like."""


class Workspace(SavedVersions):
    """A folder and the jobs on it. url: of the database, the folder's own SQLite file when None. clock: seconds since 1970.

    sync: see SqlStore, ZHIYIN_SYNC when None, and failing that "full": what was acknowledged outlives a loss of power too.
    """

    def __init__(
        self, folder: Path, url: str | None = None, clock: Callable[[], float] = time.time, sync: str | None = None
    ) -> None:
        super().__init__(folder)
        self.clock = clock
        self.store = SqlStore(
            url or f"sqlite:///{folder / 'zhiyin.db'}", sync or os.environ.get("ZHIYIN_SYNC") or "full"
        )
        self._recover()

    def _recover(self) -> None:
        """End what a killed process began, and clean up after it. What a living one is doing is left to it."""
        durable.sweep(self.versions_folder)
        durable.sweep(self.folder, INCOMING)
        with durable.locked(self.folder / ".versions.lock", wait=False) as alone:
            for draft in self.folder.glob(f"{durable.DRAFT}*-current") if alone else ():
                draft.unlink()
        if self.store.erasures.running():
            with self.erasing(wait=False) as steps:
                if steps is not None:
                    resume(self.store, steps, self.clock)
        self.store.empty_log()

    # -- taking out ---------------------------------------------------------------------------------------------------

    @contextmanager
    def erasing(self, wait: bool = True) -> Iterator[list[Step] | None]:
        """The steps of an erasure in the folder, beside the store; one erasure at a time, whichever process.

        Without waiting, None where another is at it.
        """
        with durable.locked(self.folder / ".erasing.lock", wait) as alone:
            yield Files(self.folder, self.store).steps() if alone else None

    def erase(self, kind: str, subject: str) -> Erasure:
        """Forget a "user" everywhere, or take an "item"'s content out; its id stays, hidden. Returns the receipt."""
        with self.erasing() as steps:
            return erase(self.store, kind, subject, steps or (), self.clock)

    # -- data in ----------------------------------------------------------------------------------------------------

    def ingest(
        self, paths: list[Path], progress: Progress = silent, asked: Asked | None = None, dry: bool = False
    ) -> Summary:
        """Files and folders into the store; what cannot be read goes to quarantine/. asked, dry: see ingest_files."""
        from zhiyin.data.reading.asked import NOTHING
        from zhiyin.ingest.files import ingest_files

        aside = self.folder / "quarantine"
        asked = replace(asked or NOTHING, kinds=EventWeights.from_table(self.events()).names)
        return ingest_files(paths, self.store, aside, progress, asked=asked, now=self.clock(), dry=dry)

    def events(self) -> dict[str, Any]:
        """The [events] table of the folder's zhiyin.toml; what a recipe says of events wins over it. Raises SettingError."""
        table = said_in(self.folder).get("events", {})
        if not isinstance(table, dict):
            raise SettingError(f"{self.folder / FILE}: events = {table!r}: must be a table, [events]")
        return table

    def pack(self) -> Pack:
        """The words of the domain, see packs.named. Raises SettingError."""
        return named_pack(self.folder)

    def _here(self, recipe: Recipe) -> Recipe:
        """A recipe with what this folder says of events, where it does not say it itself."""
        return replace(recipe, events={**self.events(), **recipe.events})

    def doctor(self) -> list[Finding]:
        """What is odd about the data in the store."""
        from zhiyin.ingest.doctor import look_at_store

        return look_at_store(self.store, self.folder / "quarantine", self.clock())

    def ingest_demo(self, name: str, progress: Progress = silent) -> None:
        """One of the built-in data sets into the store, unless it is there already, and its pack where none is named."""
        from zhiyin.ingest.demo import ingest_demo

        name_pack(self.folder, name)
        if self.store.meta.get("demo") == name:
            progress(f"{name}: already ingested")
            return
        ingest_demo(name, self.store, progress)
        self.store.meta.put("demo", name)

    def dataset(self, recipe: Recipe, progress: Progress = silent) -> Dataset:
        """Everything in the store as a dataset, with the vectors the recipe's encoders give."""
        progress("read events and items from the store")
        weights, show = EventWeights.from_table(recipe.events), shows_unlisted(recipe.recommender.filter)
        dataset = dataset_from_store(self.store, weights, None, self.clock(), show)
        dataset = replace(dataset, items=dataset.items.with_pack(self.pack()))
        if not len(dataset.interactions):
            raise DataError(f"{self.folder}: the store holds no interactions; run `zhiyin ingest FILES…` first")
        if undated := int((~dataset.dated).sum()):
            progress(f"{undated:,} events {OUTSIDE}")
        if gone := unlisted_said(dataset, self.store.catalog.ids()):
            progress(gone)
        self.encode(recipe, dataset, progress)
        return dataset

    def encode(self, recipe: Recipe, dataset: Dataset, progress: Progress = silent) -> None:
        """Give the items the vectors of a recipe's encoders, each text once."""
        for space, encoder in recipe.encoders.items():
            text = f"encode the items' {space}"
            progress(text)
            encode_items(dataset.items, space, encoder, self.vectors_file, partial(progress, text))

    # -- versions ---------------------------------------------------------------------------------------------------

    def fit(self, recipe_name: str, progress: Progress = silent) -> str:
        """Fit a recipe on the store, save it as the next version and make it current.

        Does nothing when a version of the same recipe on the same data is there. Returns the version's name.
        """
        recipe = self._here(load_recipe(recipe_name, allowed_parts(self.folder)))
        mark, fingerprint = self.store.erasures.mark(), self.fingerprint(recipe)
        for version, manifest in reversed(self.read_manifests()[0].items()):
            if manifest.fingerprint == fingerprint and self._loads(version):
                progress(f"version {version} is up to date")
                self.promote(version)
                return version
        dataset = self.dataset(recipe, progress)
        self._speak(recipe)
        recipe.recommender.fit(dataset, progress=progress)
        return self._keep(recipe, dataset, fingerprint, progress, mark)

    def distill(self, teacher: str, student: str, progress: Progress = silent, **how: Any) -> tuple[Outcome, str]:
        """Let a slow recipe teach a light one, by name; see distillation.distill, also for `how`.

        What was taught becomes the current version, "" where nothing was or where it was a placebo. It holds the
        student alone.
        """
        from zhiyin.training.distill import check_teachable
        from zhiyin.training.distill import distill as teach

        slow, light = self._here(load_recipe(teacher)), self._here(load_recipe(student, allowed_parts(self.folder)))
        check_teachable(light.recommender)
        mark, dataset = self.store.erasures.mark(), self.dataset(slow, progress)
        self.encode(light, dataset, progress)
        self._speak(slow)
        outcome = teach(slow.recommender, light.recommender, dataset, progress=progress, **how)
        if not outcome.taught or how.get("placebo"):
            return outcome, ""
        # Not the fingerprint of a plain fit: fitting the student anew must not find this one up to date.
        return outcome, self._keep(light, dataset, f"taught by {slow.name} {self.fingerprint(light)}", progress, mark)

    def _keep(
        self, recipe: Recipe, dataset: Dataset, fingerprint: str, progress: Progress, mark: int | None = None
    ) -> str:
        """Save what was fitted as a version and promote it, without what was erased since the journal's mark, if any."""
        facts: dict[str, Any] = {
            "users": len(dataset.users),
            "items": len(dataset.items),
            "events": len(dataset.interactions),
        }
        facts |= {"as_of": dataset.as_of, "has_clock": dataset.has_clock, "undated": int((~dataset.dated).sum())}
        progress("save the version")
        with durable.draft_folder(self.versions_folder) as draft, self.changing():
            write_version(
                self._without_erased(recipe, mark) if mark is not None else recipe,
                draft,
                created=self.clock(),
                fingerprint=fingerprint,
                data=facts,
            )
            version = self.publish_draft(draft)
        self.promote(version)
        return version

    def _without_erased(self, recipe: Recipe, mark: int) -> Recipe:
        """A fitted recipe without what was erased while it was fitted. Erasures of versions wait until it is saved."""
        erased, hashed = self.store.erasures.since(mark), self.store.erasures.hashed
        made = recipe.recommender
        if erased["user"]:
            made = without_users(made, lambda one: hashed(one) in erased["user"])
        if erased["item"]:
            made, items = without_items(made, lambda one: hashed(one) in erased["item"])
            for item in items:
                Files(self.folder, self.store).forget_vector(item)
        return replace(recipe, recommender=made)

    def _loads(self, version: str) -> bool:
        """Whether a version can still be read: a newer Zhiyin may read other features than it was fitted with."""
        try:
            self.load(version)
        except SavedVersionError:
            return False
        return True

    def fingerprint(self, recipe: Recipe) -> str:
        """Changes when the recipe does, or what it learns from: a list that somebody looked at is no such thing."""
        learned = self.store.fingerprint(EventWeights.from_table(recipe.events).counted_kinds())
        own = {key: value for key, value in recipe.events.items() if self.events().get(key) == value}
        said = f"{recipe.text}\x1f{learned}" + (f"\x1f{sorted(own.items())}" if own else "")
        return blake2b(said.encode(), digest_size=16).hexdigest()

    @property
    def vectors_file(self) -> Path:
        """Where encoded texts are kept by content."""
        return self.folder / "vectors.db"

    def load(self, version: str | None = None) -> Recipe:
        """The fitted recipe of a version, the current one when None."""
        recipe = self._here(
            load_version(self.versions_folder / (version or self.current()), allowed_parts(self.folder))
        )
        made = recipe.recommender
        made.serve(made.items.with_pack(self.pack()), made.users, made.known)
        self._speak(recipe)
        return recipe

    # -- the language model -----------------------------------------------------------------------------------------

    @cached_property
    def models(self) -> Models:
        """The language model for each use, as zhiyin.toml and the environment say. Nothing is loaded before it is asked."""
        from zhiyin.llm.configured import Models, read_settings

        return Models(self.folder, read_settings(self.folder), self.clock)

    def _speak(self, recipe: Recipe) -> None:
        """Give the parts that may ask a language model the one for their use."""
        made = recipe.recommender
        for part in (*made.rankers, *made.rerankers, *made.explainers):
            if isinstance(part, Speaking):
                part.speak_with(self.models.of(part.use))
