"""Options that several commands share: the workspace, its database, the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HERE = Path(".zhiyin")
"""The workspace where none is named."""

Folder = Annotated[
    Path, typer.Option("--workspace", "-w", envvar="ZHIYIN_WORKSPACE", help="Folder of the store and versions.")
]
Database = Annotated[
    str | None,
    typer.Option("--database", envvar="ZHIYIN_DATABASE", help="Database URL; SQLite in the workspace by default."),
]
RecipeName = Annotated[
    str, typer.Option("--recipe", "-r", help="A recipe's name or .toml file, or a retriever's name.")
]
