"""`zhiyin erase` and `zhiyin erasures`: forget a user everywhere, or take an item's content out, and show the receipts."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from zhiyin.cli.options import HERE, Database, Folder


def erase(
    name: Annotated[str, typer.Argument(help="The user's id; with --item the item's.")],
    item: Annotated[bool, typer.Option("--item", help="Take an item's content out; its id stays, hidden.")] = False,
    workspace: Folder = HERE,
    database: Database = None,
) -> None:
    """Forget a user everywhere: events, profiles, friends' lists, versions, caches, what was set aside. Prints the receipt.

    Beside a running server, which knows of it within a second.
    """
    from zhiyin.workspace.audit import AUDIT, ERASED, Audit
    from zhiyin.workspace.erasure import receipt_json
    from zhiyin.workspace.workspace import Workspace

    audit = Audit(workspace / AUDIT, time.time)
    receipt = Workspace(workspace, database).erase("item" if item else "user", name)
    audit.note("command line", "delete item" if item else "delete user", f"item {name}" if item else ERASED)
    typer.echo(json.dumps(receipt_json(receipt), ensure_ascii=False, indent=2))
    if receipt.finished is None:
        typer.secho(
            "not ended yet: another process reads the database; it is ended at the next start", fg="yellow", err=True
        )
        raise typer.Exit(1)


def erasures(workspace: Folder = HERE, database: Database = None) -> None:
    """List the receipts of what was erased, newest first."""
    from zhiyin.workspace.erasure import receipt_json
    from zhiyin.workspace.workspace import Workspace

    for one in Workspace(workspace, database).store.erasures.all():
        typer.echo(json.dumps(receipt_json(one), ensure_ascii=False))
