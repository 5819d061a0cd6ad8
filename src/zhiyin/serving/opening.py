"""Opening: an engine on a workspace, with whichever of its versions can serve."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from zhiyin.errors import SavedVersionError
from zhiyin.serving.engine import Engine
from zhiyin.serving.live import try_out
from zhiyin.serving.settings import Settings

if TYPE_CHECKING:
    from zhiyin.workspace.workspace import Workspace

LOG = logging.getLogger("zhiyin.serving")


def open_engine(workspace: Workspace, settings: Settings | None = None) -> Engine:
    """An engine on a workspace's current version, or where that cannot serve on the newest one before it that can, or
    failing those on the newest after it.

    Raises SavedVersionError when nothing is fitted yet, or no version can serve; SettingError for a pack that cannot be
    read.
    """
    workspace.pack()  # of the folder and not of a version: no earlier one would help
    current, refused = workspace.current(), []
    newest = list(reversed(workspace.versions()))
    at = newest.index(current)
    for version in [*newest[at:], *newest[:at]]:
        try:
            recipe = workspace.load(version)
            try_out(recipe.recommender, workspace.clock())
        except Exception as error:  # whatever a library raises inside: an earlier version may still be good
            LOG.error("version %s cannot serve: %s", version, error)
            refused.append(f"version {version}: {error}")
            continue
        if refused:
            LOG.warning("version %s serves instead; `zhiyin fit` makes a new one", version)
        return Engine(
            recipe, workspace.store, version=version, versions=workspace, settings=settings, clock=workspace.clock,
            vectors=workspace.vectors_file,
        )  # fmt: skip
    raise SavedVersionError("no version can serve: " + "; ".join(refused))
