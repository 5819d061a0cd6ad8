"""`zhiyin distill`: a slow recipe teaches a light one, which then serves alone."""

from __future__ import annotations

from typing import Annotated

import typer

from zhiyin.cli.options import HERE, Database, Folder


def distill(
    teacher: Annotated[
        str, typer.Option("--teacher", "-t", help="The slow recipe: a name, a .toml file or a retriever.")
    ],
    student: Annotated[
        str, typer.Option("--student", "-s", help="The light one: two_tower, or a recipe whose rankers learn.")
    ] = "two_tower",
    requests: Annotated[int, typer.Option(min=1, help="Requests the teacher answers at most.")] = 4000,
    k: Annotated[int, typer.Option("--k", min=1, max=200, help="How much of both lists a lesson holds.")] = 20,
    placebo: Annotated[
        bool,
        typer.Option(
            "--placebo", help="Shuffle the teacher's scores; saves nothing. A gain left is not the teacher's."
        ),
    ] = False,
    seed: int = 0,
    workspace: Folder = HERE,
    database: Database = None,
) -> None:
    """Let a slow recipe teach a light one; saved as a new version if the teacher is better and the student gained.

    Both are fitted on the past of the store's events and judged on what came later. The version that serves holds the
    student alone: the teacher, and any language model in it, is never asked again.
    """
    from zhiyin.cli.console import Console
    from zhiyin.workspace.workspace import Workspace

    folder = Workspace(workspace, database)
    with Console() as console:
        outcome, version = folder.distill(
            teacher, student, console.progress, requests=requests, k=k, placebo=placebo, seed=seed
        )
    for line in outcome.lines():
        typer.echo(line)
    if version:
        typer.echo(f"version {version} is current")
