"""`zhiyin ingest` and `zhiyin doctor`: data in, and what is the matter with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhiyin.cli.options import HERE, Database, Folder

if TYPE_CHECKING:
    from zhiyin.data.reading.asked import Asked

Data = Annotated[
    list[Path],
    typer.Option("--data", "-d", help="Files of events, items, users and edges, folders of them, or a workspace."),
]
Files = Annotated[list[Path], typer.Argument(help="Files, or folders of them.")]
As = Annotated[
    str, typer.Option("--as", help="What the files are: events, items, users or edges. Told from their columns.")
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name", help="COLUMN=item_id (user_id, timestamp, price, …, ignore): what a column is; may be repeated."
    ),
]
EncodingName = Annotated[str, typer.Option("--encoding", help="Of text files, such as gb18030; told from their bytes.")]
Zone = Annotated[str, typer.Option("--timezone", help="Of times without an offset, such as Asia/Shanghai.")]
Unit = Annotated[
    str, typer.Option("--times", help="Unit of times that are numbers: seconds, milliseconds, days, excel, …")
]
Order = Annotated[str, typer.Option("--dates", help="Order of dates like 1/2/2024: dmy or mdy.")]
Ordered = Annotated[bool, typer.Option("--ordered", help="Events have no times; the order of the rows counts.")]
Currency = Annotated[str, typer.Option("--currency", help="Of prices that do not say it, such as EUR.")]


def asked_of(
    table: str, names: list[str] | None, encoding: str, zone: str, unit: str, order: str, ordered: bool,
    currency: str = "", replace: bool = False, personalise: bool = False,
) -> Asked:  # fmt: skip
    """What was said of the files. Raises SettingError."""
    from zhiyin.data.reading.asked import Asked
    from zhiyin.data.times import TimeForm
    from zhiyin.errors import SettingError

    columns = {}
    for one in names or []:
        column, equal, name = one.rpartition("=")
        if not equal or not column:
            raise SettingError(f"--name {one}: write COLUMN=item_id")
        columns[column] = name.strip()
    return Asked(
        table, columns, encoding, TimeForm(unit, order, zone), ordered, currency, replace, personalise=personalise
    )


def ingest(
    files: Files,
    as_: As = "",
    name: Names = None,
    encoding: EncodingName = "",
    timezone: Zone = "UTC",
    times: Unit = "",
    dates: Order = "",
    ordered: Ordered = False,
    currency: Currency = "",
    replace: Annotated[
        bool,
        typer.Option("--replace", help="A row replaces what is known of its item or user, instead of adding to it."),
    ] = False,
    personalise: Annotated[
        bool,
        typer.Option(
            "--personalise",
            help="The users in these files agreed that their attributes are read for recommending, where no column says it.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read, say what was understood, and store nothing.")
    ] = False,
    workspace: Folder = HERE,
    database: Database = None,
) -> None:
    """Read events, items, users and edges from files or folders into the store, and say what was understood.

    Texts of more than 200,000 characters are cut there, quoted or not. A file that is refused changes nothing.
    """
    from zhiyin.cli.console import Console
    from zhiyin.workspace.workspace import Workspace

    asked = asked_of(as_, name, encoding, timezone, times, dates, ordered, currency, replace, personalise)
    with Console() as console:
        summary = Workspace(workspace, database).ingest(files, console.progress, asked, dry_run)
    typer.echo(str(summary))


def doctor(
    data: Annotated[
        list[Path] | None, typer.Argument(help="Files, folders or a workspace; the workspace of -w if none.")
    ] = None,
    as_: As = "",
    name: Names = None,
    encoding: EncodingName = "",
    timezone: Zone = "UTC",
    times: Unit = "",
    dates: Order = "",
    ordered: Ordered = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    workspace: Folder = HERE,
    database: Database = None,
) -> None:
    """Look data over, in a store or in files not yet ingested: what is odd is marked with "!"."""
    import json
    import time

    from zhiyin.cli.console import Console
    from zhiyin.errors import DataError
    from zhiyin.ingest.doctor import look_at_files
    from zhiyin.ingest.source import STORE
    from zhiyin.workspace.workspace import Workspace

    paths = data or []
    if len(paths) == 1 and (paths[0] / STORE).is_file():
        paths, workspace = [], paths[0]
    if not paths and database is None and not (workspace / STORE).is_file():
        raise DataError(f"{workspace}: no store there; give files or a folder, or -w WORKSPACE after `zhiyin ingest`")
    with Console() as console:
        if paths:
            asked = asked_of(as_, name, encoding, timezone, times, dates, ordered)
            found = look_at_files(paths, asked, time.time(), console.progress)
        else:
            found = Workspace(workspace, database).doctor()
    if as_json:
        rows = [{"about": one.about, "said": one.said, "odd": one.odd} for one in found]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for one in found:
        typer.echo(str(one))
    odd = sum(one.odd for one in found)
    typer.echo(f"{odd} things to look into, marked with !" if odd else "nothing odd was found")
