"""The saved versions of a workspace: which there are, which one serves, and which cannot be read."""

from __future__ import annotations

import logging
import re
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zhiyin import durable
from zhiyin.errors import SavedVersionError
from zhiyin.workspace.version import Manifest, check_version, publish, read_manifest

LOG = logging.getLogger("zhiyin.workspace")

_NUMBER = re.compile("[0-9]{1,18}")


class SavedVersions:
    """versions/ and `current` in a folder. What cannot be read among them is passed over by name, and stops nothing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._told: dict[str, str] = {}

    @property
    def versions_folder(self) -> Path:
        """Where the versions lie."""
        return self.folder / "versions"

    def versions(self) -> list[str]:
        """The names of the complete versions, oldest first."""
        return list(self.read_manifests()[0])

    def damaged(self) -> dict[str, str]:
        """What lies among the versions and cannot be read as one, and why."""
        return self.read_manifests()[1]

    def read_manifests(self) -> tuple[dict[str, Manifest], dict[str, str]]:
        """The manifest of every version, oldest first, and why each other entry has none."""
        found: dict[str, Manifest] = {}
        wrong: dict[str, str] = {}
        entries = self.versions_folder.iterdir() if self.versions_folder.is_dir() else ()
        for path in sorted((one for one in entries if _NUMBER.fullmatch(one.name)), key=lambda one: int(one.name)):
            try:
                found[path.name] = read_manifest(path)
            except (SavedVersionError, OSError) as error:
                wrong[path.name] = str(error)
        if wrong and wrong != self._told:
            self._told = wrong
            LOG.warning("passed over among the versions: %s", "; ".join(wrong.values()))
        return found, wrong

    def current(self) -> str:
        """The name of the version that serves; the newest complete one where the pointer is lost or names none.

        Raises SavedVersionError when there is none.
        """
        there = self.versions()
        said = self.pointer()
        if said in there:
            return said
        if not there:
            wrong = "; ".join(self.damaged().values())
            raise SavedVersionError(
                f"{self.folder}: nothing is fitted yet; run `zhiyin fit` first{wrong and f' ({wrong})'}"
            )
        LOG.warning("%s/current names no complete version (%.40r): %s is taken", self.folder, said, there[-1])
        return there[-1]

    def pointer(self) -> str:
        """What the file `current` says, "" without one; it may name a version that is damaged or gone."""
        try:
            return (self.folder / "current").read_text("utf-8", "replace").strip()
        except OSError:
            return ""

    def promote(self, version: str) -> None:
        """Make a version current. Raises SavedVersionError when there is no such version, or it is damaged."""
        if version not in self.versions():
            why = self.damaged().get(version, f"there are {', '.join(self.versions()) or 'none'}")
            raise SavedVersionError(f"no version '{version}'; {why}")
        check_version(self.versions_folder / version)
        with self.changing():
            durable.replace_file(self.folder / "current", f"{version}\n".encode())

    def manifests(self) -> list[dict[str, Any]]:
        """What each complete version was made of, oldest first."""
        found, serving = self.read_manifests()[0], self.pointer()
        hidden = ("files", "rewriting")
        return [
            {"version": name, "current": name == serving}
            | {key: value for key, value in asdict(manifest).items() if key not in hidden}
            for name, manifest in found.items()
        ]

    def publish_draft(self, draft: Path) -> str:
        """Give a complete version the next number; one that another process has just taken is left to it."""
        numbers = [int(one.name) for one in self.versions_folder.iterdir() if _NUMBER.fullmatch(one.name)]
        number = max(numbers, default=0) + 1  # of damaged ones too: a number never means two things
        while True:
            try:
                publish(draft, self.versions_folder / f"{number:04d}")
                return f"{number:04d}"
            except SavedVersionError:
                number += 1

    def changing(self) -> AbstractContextManager[bool]:
        """Around everything that writes or rewrites a version: one at a time, whichever process."""
        return durable.locked(self.folder / ".versions.lock")
