"""`zhiyin keys`: API keys of a workspace, made, rotated and removed while the server runs; and what administrators did."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhiyin.cli.options import HERE, Folder

if TYPE_CHECKING:
    from zhiyin.serving.keys import KeyFile
    from zhiyin.workspace.audit import Audit

app = typer.Typer(no_args_is_help=True, help=__doc__)

Days = Annotated[float | None, typer.Option("--days", min=0, help="Until it expires; never when left out.")]
COMMAND_LINE = "command line"


def _files(workspace: Path) -> tuple[KeyFile, Audit]:
    from zhiyin.serving.keys import KeyFile
    from zhiyin.serving.run import KEYS
    from zhiyin.workspace.audit import AUDIT, Audit

    workspace.mkdir(parents=True, exist_ok=True)
    return KeyFile(workspace / KEYS), Audit(workspace / AUDIT, time.time)


@app.command()
def add(
    name: str,
    scope: Annotated[list[str], typer.Option("--scope", "-s", help="events, read, write or admin; may be repeated.")],
    days: Days = None,
    workspace: Folder = HERE,
) -> None:
    """Make a key. It is shown once and kept only as a hash."""
    keys, audit = _files(workspace)
    made = keys.add(name, scope, time.time(), days)
    audit.note(COMMAND_LINE, "add key", f"{name} ({', '.join(scope)})")
    typer.echo(made)


@app.command()
def rotate(
    name: str,
    overlap: Annotated[float, typer.Option("--overlap-days", min=0, help="How long the old key still works.")] = 1.0,
    days: Days = None,
    workspace: Folder = HERE,
) -> None:
    """A new key of the same name and scopes; the old one ends after the overlap."""
    keys, audit = _files(workspace)
    made = keys.rotate(name, time.time(), overlap, days)
    audit.note(COMMAND_LINE, "rotate key", name)
    typer.echo(made)


@app.command()
def remove(name: str, workspace: Folder = HERE) -> None:
    """End a key at once; a running server refuses it within a second."""
    keys, audit = _files(workspace)
    keys.remove(name, time.time())
    audit.note(COMMAND_LINE, "remove key", name)
    typer.echo(f"key '{name}' is no more")


@app.command("list")
def list_keys(workspace: Folder = HERE) -> None:
    """The keys there are, without the keys themselves."""
    keys, _ = _files(workspace)
    now = time.time()
    for one in keys.read():
        until = (
            "never expires"
            if one.expires is None
            else f"{'expires' if one.alive(now) else 'expired'} {_day(one.expires)}"
        )
        typer.echo(f"{one.name}  {', '.join(one.scopes)}  made {_day(one.created)}  {until}")


@app.command()
def audit(
    newest: Annotated[int, typer.Option("--newest", "-n", min=1)] = 50,
    workspace: Folder = HERE,
) -> None:
    """What administrators did, the newest last."""
    _, log = _files(workspace)
    for one in log.entries(newest):
        typer.echo(f"{_day(one.time)}  {one.who}  {one.what}  {one.about}  {one.status}")


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(" ", "seconds")
