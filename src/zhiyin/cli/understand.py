"""`zhiyin profile`, `portraits` and `enrich`: what is understood of users, and items described in more ways."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from zhiyin.cli.options import HERE, Folder
from zhiyin.languages.messages import language_codes, language_of

if TYPE_CHECKING:
    from zhiyin.errors import ModelError
    from zhiyin.workspace.workspace import Workspace

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

Language = Annotated[str, typer.Option("--lang", help=f"One of: {', '.join(language_codes())}.")]


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
    from zhiyin.serving.opening import open_engine
    from zhiyin.understanding.portrait import portrayed, rolled_back
    from zhiyin.workspace.workspace import Workspace

    space = Workspace(workspace)
    engine = open_engine(space)
    if rollback is not None:
        rolled_back(space.store.profiles, user, rollback)
    if refresh:
        model = space.models.of("profiles")
        if model is None:
            typer.echo("no language model is set up for profiles; the summary is written by rules", err=True)
        else:
            known = engine.live.profile(user, space.store)
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
    console.print(summaries.get(language_of(lang), "") or "nothing yet", markup=False)
    table = Table("topic", "", "weight", "why")
    for kind, sign in (("interests", "+"), ("dislikes", "-")):
        listed = shown[kind]
        assert isinstance(listed, list)
        for one in listed:
            cited = f"{len(one['events'])} events" if one["events"] else ""
            table.add_row(": ".join(one["topic"]), sign, f"{one['weight']:.2f}", one["reason"] or cited)
    console.print(table)


def portraits(
    workspace: Folder = HERE,
    lang: Language = "en",
    most: Annotated[
        int, typer.Option("--most", min=1, help="Users at most, those with the most events first.")
    ] = 1_000_000,
    everybody: Annotated[bool, typer.Option("--all", help="Also those whose tastes have not moved.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Stop after so many seconds; 0 for no limit.")] = 0,
) -> None:
    """Have the model write the profiles of many users, and say what 1,000 of them cost. The server does it one by one."""
    from zhiyin.cli.console import Console
    from zhiyin.llm.usage import usage
    from zhiyin.serving.opening import open_engine
    from zhiyin.serving.portraits import refreshed
    from zhiyin.workspace.workspace import Workspace

    space = Workspace(workspace)
    model = space.models.of("profiles")
    if model is None:
        typer.echo("no language model is set up for profiles (docs/language-models.md)", err=True)
        raise typer.Exit(1)
    engine, asked_at = open_engine(space), space.clock()
    users = [one["user_id"] for one in engine.people.find("", most)["users"]]
    with Console() as console:
        told = partial(console.progress, "write portraits")
        answers = _many(users, lambda user: refreshed(engine, model, user, lang, everybody), space, seconds, told)
        found = Counter("failed" if isinstance(one, Exception) else bool(one) for _, one in answers)
    typer.echo(f"{found[True]:,} written, {found[False]:,} not due, {found['failed']:,} failed")
    for line in usage(space.models.database, asked_at):
        if line.use == "profiles" and line.users:
            tokens, took, money = (
                line.per_thousand_users(one) or 0.0
                for one in (line.prompt_tokens + line.reply_tokens, line.seconds, line.money)
            )
            typer.echo(f"1,000 users: {tokens:,.0f} tokens, {took:,.0f} s, {money:.2f} money ({line.model})")


def enrich(
    workspace: Folder = HERE,
    lang: Language = "en",
    write: Annotated[bool, typer.Option("--write", help="Store the texts with the items; else show them.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="Items to describe at most.")] = 1_000_000,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Stop after so many seconds; 0 for no limit.")] = 0,
) -> None:
    """Describe items in three ways, by the workspace's model or by rules; what their source does not hold is dropped."""
    from zhiyin.cli.console import Console
    from zhiyin.item import Items
    from zhiyin.understanding.enrich import enriched, written_into
    from zhiyin.workspace.workspace import Workspace

    space = Workspace(workspace)
    rows = [one for one in space.store.catalog.all() if not one.hidden]
    items, model = Items.of(rows).with_pack(space.pack()), space.models.of("enrichment")
    done = 0
    with Console(errors=True) as console:
        told = partial(console.progress, "describe items")
        for row, found in _many(rows[:most], lambda row: enriched(row, items, model, lang), space, seconds, told):
            if isinstance(found, Exception):
                raise found
            done += 1
            if write:
                space.store.catalog.put([written_into(row, found)])
            else:
                typer.echo(json.dumps({"item_id": row.item_id, **vars(found)}, ensure_ascii=False))
    typer.echo(f"{done:,} items described by {'rules' if model is None else model.identity}", err=True)


def _many(
    asked: Sequence[Asked],
    answer: Callable[[Asked], Answered],
    space: Workspace,
    seconds: float,
    progress: Callable[[int, int], None],
) -> Iterator[tuple[Asked, Answered | ModelError]]:
    """Each with its answer, as many at once as an endpoint may be asked; a local model has one turn at a time.

    seconds: nothing is begun after so many; 0 for no limit.
    """
    from zhiyin.llm.batch import complete_many

    given = space.models.settings
    started = time.monotonic()
    found = complete_many(asked, answer, given.concurrency if given.use == "openai" else 1, progress)
    for one in found:
        yield one
        if seconds and time.monotonic() - started > seconds:
            found.close()
            return
