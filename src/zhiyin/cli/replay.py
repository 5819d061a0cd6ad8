"""`zhiyin replay`: live through the newest part of the data with the engine that serves, and see what it was worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhiyin.cli.options import HERE, RecipeName


def replay(
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", "-d", help="Files of events, items, users and edges, folders of them, or a workspace."),
    ] = None,
    workspace: Annotated[
        Path,
        typer.Option("--workspace", "-w", envvar="ZHIYIN_WORKSPACE", help="Without --data: the folder of the store."),
    ] = HERE,
    database: Annotated[
        str | None, typer.Option("--database", envvar="ZHIYIN_DATABASE", help="Database URL, if not the folder's own.")
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="MOMENT|SHARE", help="Where it begins: 2024-06-01, or .9 for the last tenth."),
    ] = None,
    recipe: RecipeName = "default",
    refit: Annotated[int | None, typer.Option(help="Fit again after every so many of the ten parts.")] = None,
    questions: Annotated[int | None, typer.Option(help="Ask a random sample of so many wanted events.")] = None,
    sources: Annotated[bool, typer.Option("--sources/--no-sources", help="Ask every source alone, too.")] = True,
    known_items: Annotated[
        bool, typer.Option("--known-items", help="Once more with all items known from the start, to compare.")
    ] = False,
    seed: int = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the findings as JSON.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write the findings as a page with a curve.")] = None,
) -> None:
    """Fit on what was known at a moment, then live through what came after, event by event, with the engine that serves.

    Items are put when they appear, users register, every event is recorded, and before each wanted event (of an item the
    person liked and had not met) the engine is asked.
    """
    from zhiyin.cli.console import Console
    from zhiyin.errors import DataError
    from zhiyin.replay.run import Options, replay_folder, replay_workspace
    from zhiyin.replay.show import print_findings, write_findings
    from zhiyin.workspace.workspace import Workspace

    options = Options(recipe, begin, refit, questions, sources, known_items, seed)
    if data and len(data) == 1 and (data[0] / "zhiyin.db").is_file():
        workspace, data = data[0], None
    if data is None and database is None and not (workspace / "zhiyin.db").is_file():
        raise DataError(
            f"{workspace}: no store there; give --data FOLDER, or -w WORKSPACE after `zhiyin ingest FILES…`"
        )
    with Console() as console:
        if data is not None:
            found = replay_folder(data, options, console.progress)
        else:
            found = replay_workspace(Workspace(workspace, database), options, console.progress)
    print_findings(found)
    write_findings(found, json_file, html_file)
