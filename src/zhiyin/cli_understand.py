"""`zhiyin profile` and `zhiyin enrich`: what is understood of a user, and items described in more ways."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path, typer.Option("--workspace", "-w", envvar="ZHIYIN_WORKSPACE", help="Folder of the store and versions.")
]
Language = Annotated[str, typer.Option("--lang", help="en or zh")]
HERE = Path(".zhiyin")


def profile(
    user: str,
    workspace: Folder = HERE,
    lang: Language = "en",
    refresh: Annotated[bool, typer.Option("--refresh", help="Have the model write it anew, if there is one.")] = False,
    rollback: Annotated[int | None, typer.Option("--rollback", min=1, help="Make this version the newest.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What is understood of a user: summary, topics with their evidence, active hours; written anew, or taken back."""
    from zhiyin.ports import StoredProfile
    from zhiyin.serving.engine import open_engine
    from zhiyin.understanding.portrait import portrayed, rolled_back
    from zhiyin.workspace import Workspace

    space = Workspace(workspace)
    engine = open_engine(space)
    if rollback is not None:
        rolled_back(space.store.profiles, user, rollback)
    if refresh:
        model = space.models.of("profiles")
        if model is None:
            typer.echo("no language model is set up for profiles; the summary is written by rules", err=True)
        else:
            known = engine.live.profiles.get(user, space.store)
            stored = space.store.profiles.get(user) or StoredProfile(user)
            items = engine.live.recommender.items
            space.store.profiles.put(portrayed(model, known, stored, items, space.clock(), lang))
            engine.live.profiles.drop(user)
    shown = engine.profile(user)
    typer.echo(json.dumps(shown, ensure_ascii=False, indent=2)) if as_json else _print(shown, lang)


def _print(shown: dict[str, object], lang: str) -> None:
    from rich.console import Console
    from rich.table import Table

    summaries = shown["summaries"]
    assert isinstance(summaries, dict)
    console = Console()
    console.print(summaries.get(lang, "") or "nothing yet", markup=False)
    table = Table("topic", "", "weight", "why")
    for kind, sign in (("interests", "+"), ("dislikes", "-")):
        listed = shown[kind]
        assert isinstance(listed, list)
        for one in listed:
            cited = f"{len(one['events'])} events" if one["events"] else ""
            table.add_row(": ".join(one["topic"]), sign, f"{one['weight']:.2f}", one["reason"] or cited)
    console.print(table)


def enrich(
    workspace: Folder = HERE,
    lang: Language = "en",
    write: Annotated[bool, typer.Option("--write", help="Store the texts with the items; else show them.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="Items to describe at most.")] = 1_000_000,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Stop after so many seconds; 0 for no limit.")] = 0,
) -> None:
    """Describe items in three ways, by the workspace's model or by rules; what their source does not hold is dropped."""
    from zhiyin.item import Items
    from zhiyin.understanding.enrich import enriched, written_into
    from zhiyin.workspace import Workspace

    space = Workspace(workspace)
    rows = [one for one in space.store.catalog.all() if not one.hidden]
    items, model, started = Items.of(rows), space.models.of("enrichment"), time.monotonic()
    done = 0
    for row in rows[:most]:
        if seconds and time.monotonic() - started > seconds:
            break
        description = enriched(row, items, model, lang)
        done += 1
        if write:
            space.store.catalog.put([written_into(row, description)])
        else:
            typer.echo(json.dumps({"item_id": row.item_id, **vars(description)}, ensure_ascii=False))
    typer.echo(f"{done:,} items described by {'rules' if model is None else model.identity}", err=True)
