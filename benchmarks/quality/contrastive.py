"""Fine-tune the text encoder on who met what together, and measure it on items that had no part in that.

    python benchmarks/quality/contrastive.py --data FOLDER [--layers 0 1 --seeds 0 1 2]

Per seed a tenth of the items decides ("gain" or "keep the frozen one") and a fifth is reported on: Recall@20 among these
cold items for everyone who liked one of them and something else, by the cosine with the mean of the known items' vectors.
The frozen encoder, words alone (TF-IDF) and a placebo (the texts dealt out to other items) stand beside it. Prints lines of
the table in leaderboard.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import read_folder
from zhiyin.encoders.cache import encode_items
from zhiyin.encoders.minilm import MiniLM
from zhiyin.evaluation.cold_items import cold_items, hold_out
from zhiyin.evaluation.finetune import SHARES, finetune_encoder
from zhiyin.item import Item, Items
from zhiyin.learning.contrastive import Contrast
from zhiyin.learning.text_model import States, TextModel, read_base
from zhiyin.retrieval.content import Content

RAW = Path(__file__).parent / "per_user"


def main() -> None:
    """Every seed and depth of training; one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with events.* and items.*")
    parser.add_argument("--layers", nargs="+", type=int, default=[0, 1], help="upper layers trained; 0: the head alone")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--pairs", type=int, default=6400)
    parser.add_argument("--batch", type=int, default=128, help="pairs a step")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--temperature", type=float, default=0.2)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--placebo", action="store_true", help="deal the texts out to other items")
    parser.add_argument("--base", default="minilm")
    parser.add_argument("--out", type=Path, default=None, help="keep the trained layers here")
    asked = parser.parse_args()
    dataset = read_folder(asked.data)
    if asked.placebo:
        dataset = dealt_out(dataset)
    for seed in asked.seeds:
        print(f"{asked.data.name}, seed {seed}: words alone {words_alone(dataset, seed):.4f}", flush=True)
        for layers in asked.layers:
            started = time.process_time()
            settings = Contrast(
                epochs=asked.epochs, pairs=asked.pairs, batch=asked.batch, learning_rate=asked.learning_rate,
                temperature=asked.temperature, seed=seed,
            )  # fmt: skip
            done = finetune_encoder(
                dataset, asked.base, layers, asked.rank, settings=settings, folder=asked.out,
                states=read_once(dataset, asked.base, layers, RAW / f"states-{name_of(asked)}-{layers}.npz"),
                progress=lambda text, *_: print(f"  {text}", flush=True) if text.startswith("epoch") else None,
            )  # fmt: skip
            test = done.test
            name = "placebo, " if asked.placebo else ""
            print(
                f"| {asked.data.name} | {seed} | {name}{layers} layers and head | {test['before']:.4f} | {test['after']:.4f} | "
                f"{test['difference']:+.4f} ({test['low']:+.4f} to {test['high']:+.4f}) | {test['users']:,} | "
                f"{time.process_time() - started:.0f} | {done.verdict} |",
                flush=True,
            )


def name_of(asked: argparse.Namespace) -> str:
    """Of the file that what the lower layers read is kept in."""
    return f"{asked.data.resolve().name}-{Path(asked.base).name}" + ("-dealt-out" if asked.placebo else "")


def read_once(dataset: Dataset, base: str, layers: int, file: Path) -> States:
    """The texts as the frozen layers read them, which is most of the time, kept for other seeds."""
    if not layers and base == "minilm":  # a head on the mean of tokens is a head on the encoder's own vectors
        encode_items(dataset.items, "text", MiniLM(), RAW / "vectors.db")
        return States(dataset.items.vectors["text"].astype(np.float16), np.arange(len(dataset.items) + 1))
    if file.is_file():
        with np.load(file) as kept:
            return States(kept["tokens"], kept["starts"])
    states = TextModel(read_base(base), layers).read([item.content() for item in dataset.items.rows], 40)
    file.parent.mkdir(exist_ok=True)
    np.savez(file, tokens=states.tokens, starts=states.starts)
    return states


def dealt_out(dataset: Dataset) -> Dataset:
    """The same events, every item with another item's title, text and attributes."""
    order = np.random.default_rng(0).permutation(len(dataset.items))
    rows = [
        Item(item.item_id, other.title, other.text, other.attributes)
        for item, other in zip(dataset.items.rows, (dataset.items[int(at)] for at in order), strict=True)
    ]
    return replace(dataset, items=Items(rows))


def words_alone(dataset: Dataset, seed: int) -> float:
    """Recall of TF-IDF over title and attributes, the known items counting alike."""
    warm, (_, held) = hold_out(dataset, SHARES, seed)
    asked = cold_items(dataset, warm, held)
    rows, _ = Content().fit(dataset)._weighted()
    profiles, cold = asked.known @ rows, rows[asked.items].T.tocsr()
    return float(asked.recall(lambda some: np.asarray((profiles[some] @ cold).toarray(), np.float32)).mean())


if __name__ == "__main__":
    main()
