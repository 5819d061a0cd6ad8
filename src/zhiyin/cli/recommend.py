"""`zhiyin recommend`: one person's list with its reasons, or everybody's into a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from zhiyin.cli.options import HERE, Database, Folder


def recommend(
    user: Annotated[str | None, typer.Argument(help="Whom to recommend to; nobody with --all.")] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, max=1000)] = 10,
    shelf: str = "for_you",
    lang: str = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's lists, without reasons, into a file.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="With --all: a .parquet file that is not there yet.")
    ] = None,
    workspace: Folder = HERE,
    database: Database = None,
) -> None:
    """Recommend items to a user, with reasons; or to everybody, as a nightly job.

    With --all a job that was stopped goes on where it was when the same command is given again.
    """
    from zhiyin.cli.console import Console, print_answer
    from zhiyin.errors import SettingError
    from zhiyin.serving.opening import open_engine
    from zhiyin.workspace.workspace import Workspace

    if everybody != (user is None) or everybody != (out is not None):
        raise SettingError("recommend: give a USER, or --all with --out FILE.parquet for everybody")
    engine = open_engine(Workspace(workspace, database))
    engine.settle()
    if out is None:
        answer = engine.recommend(user_id=user or "", n=n, shelf=shelf, language=lang)
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2)) if as_json else print_answer(answer)
        return
    from zhiyin.serving.everyone import recommend_everyone

    with Console() as console:
        people = recommend_everyone(engine, out, n, shelf, lang, console.progress)
    typer.echo(f"{people:,} lists in {out}")
