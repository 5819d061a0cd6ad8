"""How well semantic ids tell items apart: collision before the extra token, codes used, and likeness within a first code.

    python benchmarks/quality/semantic_ids.py --demo wines movies --data FOLDER --encoder minilm

Plain residual k-means is printed beside the balanced one.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.data.columns import items_of
from zhiyin.data.readers import read_folder
from zhiyin.encoders.cache import encode_items
from zhiyin.ingest.demo import demo_files
from zhiyin.item import Items
from zhiyin.learning.semantic_ids import SemanticIds, centroids, distances
from zhiyin.parts import class_of
from zhiyin.retrieval.text_axes import projected, text_axes

HERE = Path(__file__).parent
AXES = 64


def main() -> None:
    """One line per catalogue and size of the codebooks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", nargs="*", default=[], help="built-in data sets")
    parser.add_argument("--data", nargs="*", type=Path, default=[], help="folders with items.*")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--codes", nargs="+", type=int, default=[32, 64, 256])
    parser.add_argument("--levels", type=int, default=3)
    asked = parser.parse_args()
    catalogues = {name: Items.of(items_of(demo_files(name)["items"])) for name in asked.demo}
    catalogues |= {folder.name: read_folder(folder).items for folder in asked.data}
    for name, items in catalogues.items():
        encode_items(items, "text", class_of(asked.encoder)(), HERE / "per_user" / "vectors.db")
        vectors = projected(text_axes(items.vectors["text"], AXES, AXES**-0.5), items.vectors["text"])
        for codes in asked.codes:
            started = time.perf_counter()
            ids = SemanticIds.of(vectors, asked.levels, codes, 0)
            took = time.perf_counter() - started
            used = ", ".join(f"{one:.0%}" for one in ids.use())
            print(
                f"{name}: {len(items):,} items, {asked.levels} x {codes}: collision {ids.collision():.2%} (plain "
                f"{plain(vectors, asked.levels, codes):.2%}), codes used {used}, cosine within a first code "
                f"{within(ids, vectors):.2f} (any two {any_two(vectors):.2f}), {took:.0f} s",
                flush=True,
            )


def plain(vectors: Floats, levels: int, size: int) -> float:
    """Collision of residual k-means where every level takes the nearest centroid."""
    rest, columns = vectors.copy(), []
    for level in range(levels):
        book = centroids(rest, min(size, len(rest)), np.random.default_rng([0, level]))
        columns.append(distances(rest, book).argmin(1))
        rest -= book[columns[-1]]
    counts = np.unique(np.stack(columns, 1), axis=0, return_counts=True)[1]
    return float(counts[counts > 1].sum() / len(vectors))


def within(ids: SemanticIds, vectors: Floats) -> float:
    """The mean cosine of two items that share their first code."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    groups = [unit[ids.codes[:, 0] == code] for code in np.unique(ids.codes[:, 0])]
    return float(
        np.mean([one for rows in groups if len(rows) > 1 for one in (rows @ rows.T)[np.triu_indices(len(rows), 1)]])
    )


def any_two(vectors: Floats) -> float:
    """The mean cosine of two items drawn at random."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    rng = np.random.default_rng(0)
    return float(
        (unit[rng.integers(len(unit), size=10_000)] * unit[rng.integers(len(unit), size=10_000)]).sum(1).mean()
    )


if __name__ == "__main__":
    main()
