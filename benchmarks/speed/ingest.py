"""How fast and in how much memory files go into a fresh SQLite store: events a second and peak memory.

    python benchmarks/speed/ingest.py [--events 5000000] [--form parquet|csv|jsonl]

The events are made up here; each measurement runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl


def make(path: Path, count: int) -> None:
    """Events of count / 25 users with 50,000 items of Zipf popularity, over three years."""
    chance = np.random.default_rng(7)
    items = np.minimum(chance.zipf(1.2, count), 50_000)
    kinds = chance.choice(["click", "view", "like", "purchase"], count)
    frame = pl.DataFrame(
        {
            "user_id": pl.Series(chance.integers(0, count // 25 + 1, count)).cast(pl.String),
            "item_id": pl.Series(items).cast(pl.String),
            "event_type": kinds,
            "timestamp": np.sort(chance.integers(1_600_000_000, 1_700_000_000, count)),
        }
    )
    if path.suffix == ".parquet":
        frame.write_parquet(path, row_group_size=500_000)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_ndjson(path)


def measure(path: Path, folder: Path) -> dict[str, float]:
    """Ingest once into a fresh store and once more, then read it as a dataset."""
    from zhiyin.data.weights import EventWeights
    from zhiyin.ingest.build import dataset_from_store
    from zhiyin.ingest.files import ingest_files
    from zhiyin.stores.sql import SqlStore

    store = SqlStore(f"sqlite:///{folder / 'store.db'}")
    figures: dict[str, float] = {}
    for name in ("first", "again"):
        began, used = time.perf_counter(), time.process_time()
        summary = ingest_files([path], store, folder / "quarantine")
        figures[f"{name}_s"] = time.perf_counter() - began
        figures[f"{name}_cpu_s"] = time.process_time() - used
        figures[f"{name}_new"] = summary.new
        figures[f"{name}_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    figures["interactions"] = len(dataset_from_store(store, EventWeights(), None).interactions)
    figures["dataset_s"] = time.perf_counter() - began
    figures["dataset_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["database_mb"] = (folder / "store.db").stat().st_size / 2**20
    return figures


def main() -> None:
    """Make, measure in a child process, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--form", choices=("parquet", "csv", "jsonl"), default="parquet")
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(*asked.measure)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / f"events.{asked.form}"
        make(path, asked.events)
        child = [sys.executable, __file__, "--measure", str(path), str(folder)]
        figures = json.loads(subprocess.run(child, check=True, stdout=subprocess.PIPE).stdout)
    print(f"{asked.events:,} events from {asked.form}")
    print(f"  first time: {figures['first_s']:.1f} s, {asked.events / figures['first_s']:,.0f} events/s")
    print(f"  again:      {figures['again_s']:.1f} s, {figures['again_new']:.0f} new")
    print(f"  peak memory while ingesting: {figures['again_peak_mb']:,.0f} MB")
    print(f"  as a dataset: {figures['dataset_s']:.1f} s, peak {figures['dataset_peak_mb']:,.0f} MB")
    for key, value in figures.items():
        print(f"    {key}: {value:,.1f}")


if __name__ == "__main__":
    main()
