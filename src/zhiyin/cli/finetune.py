"""`zhiyin finetune`: training that stands before a recipe is fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhiyin.cli.data import Data

app = typer.Typer(no_args_is_help=True, help="Train what a recipe then reads, such as the text encoder.")


@app.callback()
def _of() -> None:
    """Keeps `encoder` a command of its own."""


@app.command()
def encoder(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the trained layers and the report go.")],
    base: Annotated[str, typer.Option(help="minilm, tiny, or the folder of a model built like BERT.")] = "minilm",
    layers: Annotated[int, typer.Option(min=0, help="Upper layers to train; 0 trains the head alone.")] = 1,
    rank: Annotated[int, typer.Option(min=0, help="Rank of the change (LoRA); 0 trains whole weights.")] = 8,
    max_tokens: Annotated[int, typer.Option(min=8, max=512, help="How much of a text is read.")] = 40,
    epochs: Annotated[int, typer.Option(min=1, help="At most; it stops when held-out items get no better.")] = 6,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs per epoch.")] = 6400,
    learning_rate: Annotated[float, typer.Option(min=0)] = 1e-3,
    seed: int = 0,
) -> None:
    """Fine-tune the text encoder on who met what together; keeps the frozen one unless cold items gain.

    A recipe then reads the folder: in its encode table, use = "finetuned" and folder = "…".
    """
    from zhiyin.cli.console import Console
    from zhiyin.evaluation.finetune import as_lines, finetune_encoder
    from zhiyin.ingest.source import dataset_of
    from zhiyin.learning.contrastive import Contrast

    settings = Contrast(epochs=epochs, pairs=pairs, learning_rate=learning_rate, seed=seed)
    with Console() as console:
        done = finetune_encoder(dataset_of(data)[0], base, layers, rank, max_tokens, settings, out, console.progress)
    as_lines(done, typer.echo)
