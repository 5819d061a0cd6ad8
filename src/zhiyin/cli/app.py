"""The command line. Everything heavy is imported inside the command that needs it, so that --help answers at once."""

from __future__ import annotations

import os

# Waiting OpenMP threads spin by default and burn whole cores as soon as these are shared; must be set before any import.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# The matrices of one request are small: two BLAS threads spin on them for several times the CPU of one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhiyin.cli import data as reading
from zhiyin.cli import distill, erase, finetune, keys, llm, recommend, replay, tune, understand
from zhiyin.cli.options import HERE, Database, Folder, RecipeName

if TYPE_CHECKING:
    from zhiyin.workspace.workspace import Workspace

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(llm.app, name="llm")
app.add_typer(keys.app, name="keys")
app.add_typer(finetune.app, name="finetune")
app.command()(reading.ingest)
app.command()(reading.doctor)
app.command()(understand.profile)
app.command()(understand.portraits)
app.command()(understand.enrich)
app.command()(distill.distill)
app.command()(erase.erase)
app.command()(erase.erasures)
app.command()(tune.tune)
app.command()(replay.replay)
app.command()(recommend.recommend)


def main() -> None:
    """Run a command; errors raised on purpose are said in one line, without a traceback."""
    from zhiyin.errors import ZhiyinError

    try:
        app()
    except ZhiyinError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise SystemExit(2) from None


def _open(folder: Path, database: str | None) -> Workspace:
    from zhiyin.workspace.workspace import Workspace

    return Workspace(folder, database)


@app.command()
def fit(recipe: RecipeName = "default", workspace: Folder = HERE, database: Database = None) -> None:
    """Fit a recipe on what is in the store, as a new version."""
    from zhiyin.cli.console import Console

    with Console() as console:
        version = _open(workspace, database).fit(recipe, console.progress)
    typer.echo(f"version {version} is current")


@app.command()
def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    workspace: Folder = HERE,
    database: Database = None,
) -> None:
    """Serve the API and the page."""
    from zhiyin.serving.run import run_server

    run_server(_open(workspace, database), host, port)


@app.command()
def evaluate(
    data: reading.Data,
    recipe: RecipeName = "default",
    split: Annotated[str, typer.Option(help="time or leave-one-out")] = "time",
    tune: Annotated[int, typer.Option(help="Trials per part on validation; 0 keeps the recipe's settings.")] = 8,
    users: Annotated[int | None, typer.Option(help="Test on a random sample of so many users.")] = None,
    core: Annotated[int, typer.Option(help="Leave out users and items with fewer events.")] = 0,
    mask: Annotated[
        str, typer.Option(help="What lists leave out of what was met: recipe, all (as papers do) or none.")
    ] = "recipe",
    seed: int = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write the report as a page with plots.")] = None,
    name: reading.Names = None,
    encoding: reading.EncodingName = "",
    timezone: reading.Zone = "UTC",
    times: reading.Unit = "",
    dates: reading.Order = "",
    ordered: reading.Ordered = False,
) -> None:
    """Measure a recipe or a part on data, beside the baselines, with intervals."""
    from zhiyin.cli.console import Console
    from zhiyin.evaluation.report import print_report
    from zhiyin.evaluation.run import run_evaluation

    asked = reading.asked_of("", name, encoding, timezone, times, dates, ordered)
    with Console() as console:
        report = run_evaluation(
            data, recipe, split, json_path=json_file, html_path=html_file, tune_budget=tune, core=core, users=users,
            seed=seed, mask=mask, asked=asked, now=time.time(), progress=console.progress,
        )  # fmt: skip
    print_report(report)


@app.command()
def parts(name: Annotated[str | None, typer.Argument(help="A part, to see its settings.")] = None) -> None:
    """List every part, or one part's settings."""
    from zhiyin.cli.console import print_part, print_parts

    print_part(name) if name else print_parts()


@app.command()
def versions(workspace: Folder = HERE, database: Database = None) -> None:
    """List the fitted versions; the current one is marked."""
    opened = _open(workspace, database)
    for name, why in opened.damaged().items():
        typer.secho(f"! {name}  passed over: {why}", fg="yellow", err=True)
    for one in opened.manifests():
        mark = "*" if one["current"] else " "
        facts = one["data"]
        counts = "  ".join(f"{facts[what]:,} {what}" for what in ("users", "items", "events") if what in facts)
        typer.echo(f"{mark} {one['version']}  {one['recipe']}  {counts}")


@app.command()
def promote(version: str, workspace: Folder = HERE, database: Database = None) -> None:
    """Make a version the current one: forward, or back to an older one."""
    _open(workspace, database).promote(version)
    typer.echo(f"version {version} is current")


@app.command()
def demo(
    data: Annotated[str, typer.Option("--data", "-d", help="wines, movies or retail")] = "wines",
    recipe: RecipeName = "default",
    port: int = 8000,
    host: str = "127.0.0.1",
    workspace: Annotated[Path | None, typer.Option("--workspace", "-w", help="Default: .zhiyin/demo-DATA")] = None,
    keep_open: Annotated[bool, typer.Option("--serve/--no-serve", help="Leave the page open.")] = True,
) -> None:
    """Ingest built-in real data, fit, evaluate, and serve the page."""
    from zhiyin.cli.demonstration import demonstrate

    demonstrate(data, recipe, _open(workspace or HERE / f"demo-{data}", None), host, port if keep_open else None)


if __name__ == "__main__":
    main()
