"""`zhiyin llm`: which language model is used for what, what it cost, and fine-tuning a local one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from zhiyin.cli.options import HERE, Folder

app = typer.Typer(no_args_is_help=True, help="The language model: what it is used for, what it cost, fine-tuning.")


@app.command()
def usage(
    workspace: Folder = HERE,
    days: Annotated[float | None, typer.Option(min=0, help="Only the last so many days.")] = None,
) -> None:
    """Calls, tokens, seconds and money by use and model, the share answered from memory, and the cost of 1,000 users."""
    from zhiyin.llm.database import Database
    from zhiyin.llm.usage import usage

    path = workspace / "llm.db"
    lines = usage(Database(path), 0.0 if days is None else time.time() - days * 86_400) if path.is_file() else []
    if not lines:
        typer.echo("no language model was asked anything")
        return
    row = "{:<13}{:<34}{:>7}{:>8}{:>7}{:>11}{:>11}{:>9}{:>9}   {}"
    typer.echo(
        row.format("use", "model", "calls", "cached", "failed", "read", "written", "seconds", "money", "1,000 users")
    )
    for one in lines:
        tokens = one.prompt_tokens + one.reply_tokens
        shown = ""
        if one.users:
            each = [one.per_thousand_users(amount) or 0.0 for amount in (tokens, one.seconds, one.money)]
            shown = f"{each[0]:,.0f} tokens, {each[1]:,.0f} s, {each[2]:.2f} money"
        typer.echo(
            row.format(
                one.use, one.model[-32:], one.calls, f"{one.cached_share:.0%}", one.failed, f"{one.prompt_tokens:,}",
                f"{one.reply_tokens:,}", f"{one.seconds:.1f}", f"{one.money:.4f}", shown,
            )
        )  # fmt: skip


@app.command()
def check(workspace: Folder = HERE) -> None:
    """Say which model is set up and for what, and ask it one small question."""
    from zhiyin.llm.check import asked
    from zhiyin.llm.configured import USES, read_settings

    settings = read_settings(workspace)
    if settings.use == "none":
        typer.echo("no language model is set up: the deterministic extractor and the templates serve")
        typer.echo("set ZHIYIN_LLM_URL and ZHIYIN_LLM_MODEL, or write [llm] in zhiyin.toml (docs/language-models.md)")
        return
    on = [use for use in USES if settings.asked_for(use)]
    typer.echo(f"{settings.use} {settings.model or 'SmolLM2-135M-Instruct'}, for: {', '.join(on) or 'nothing'}")
    typer.echo(asked(settings))


@app.command()
def forget(user: str, workspace: Folder = HERE) -> None:
    """Delete every remembered reply that was about a user."""
    from zhiyin.llm.database import Database

    path = workspace / "llm.db"
    typer.echo(f"{Database(path).forget(user) if path.is_file() else 0} replies deleted")


@app.command()
def finetune(
    data: Annotated[
        list[Path] | None, typer.Option("--data", "-d", help="Files of events and items, or folders of them.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where adapter and report go.")] = None,
    workspace: Folder = HERE,
    model: Annotated[str, typer.Option(help="A folder or .gguf file; SmolLM2-135M-Instruct by default.")] = "",
    steps: Annotated[int, typer.Option(min=1, help="Batches to learn from.")] = 200,
    batch: Annotated[int, typer.Option(min=1)] = 8,
    rank: Annotated[int, typer.Option(min=1, help="Of the change to each weight.")] = 8,
    history: Annotated[int, typer.Option(min=1, max=50, help="Titles told before the next one.")] = 5,
    learning_rate: Annotated[float, typer.Option(min=0)] = 3e-4,
    users: Annotated[int, typer.Option(min=1, help="Held-out users to measure on.")] = 60,
    seed: int = 0,
) -> None:
    """Teach a local model which title comes next (LoRA), and report its loss and ranking before and after.

    Without --data it learns from the workspace's store, and the adapter lies in the folder of its current version.
    """
    from zhiyin.cli.console import Console
    from zhiyin.ingest.source import dataset_of
    from zhiyin.llm.finetune import Tuning, finetune
    from zhiyin.llm.tuning_report import as_text

    tuning = Tuning(steps, batch, rank, history, learning_rate, users, seed)
    with Console() as console:
        if data is None:
            from zhiyin.recipe import load_recipe
            from zhiyin.workspace.workspace import Workspace

            opened = Workspace(workspace)
            dataset = opened.dataset(load_recipe("popular"), console.progress)
            out = out or opened.versions_folder / opened.current() / "adapter"
        else:
            dataset = dataset_of(data)[0]
        report = finetune(dataset, out or Path("adapter"), model, tuning, console.progress)
    typer.echo(as_text(report))
