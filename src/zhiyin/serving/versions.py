"""Versions: where fitted versions come from, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from zhiyin.recipe import Recipe
from zhiyin.serving.snapshot import Snapshot
from zhiyin.workspace.erasure import Step


class Versions(Protocol):
    """Where fitted versions come from. A Workspace is one."""

    def versions(self) -> list[str]: ...

    def current(self) -> str: ...

    def promote(self, version: str) -> None: ...

    def load(self, version: str | None = None) -> Recipe: ...

    def erasing(self) -> AbstractContextManager[Sequence[Step] | None]: ...

    def manifests(self) -> list[dict[str, Any]]: ...


def models_json(snapshot: Snapshot, versions: Versions | None) -> dict[str, Any]:
    """The version that serves, its parts and shelves, and the versions there are."""
    recommender = snapshot.recommender
    return {
        "current": snapshot.version,
        "shelves": list(recommender.shelves),
        "sources": list(recommender.retrievers),
        "rankers": [type(one).__name__.lower() for one in recommender.rankers],
        "items": len(recommender.items),
        "users": len(recommender.users),
        "versions": versions.manifests() if versions else [],
        "damaged": getattr(versions, "damaged", dict)(),
    }
