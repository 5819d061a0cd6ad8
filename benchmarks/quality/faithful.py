"""Does the faithfulness check let through only what is true? Made rephrasings, true and corrupted, over real catalogues.

    python benchmarks/quality/faithful.py [--data wines movies] [--rounds 200]

tests/unit/rephrasings.py makes them: true ones by hand-written patterns in English and Chinese, false ones by swapping titles,
values, attributes, numbers, people and verbs, by negating, and by adding facts. Precision: of the statements let through, the
share that is true. Kept: of the true ones, the share let through; the others fall back to the template, which is true too.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from zhiyin.data.columns import items_of
from zhiyin.event import CODES
from zhiyin.explanation.faithful import faithful
from zhiyin.explanation.templates import Templates
from zhiyin.ingest.demo import demo_files
from zhiyin.item import Items
from zhiyin.packs.pack import load_pack
from zhiyin.profile import History, Profile
from zhiyin.query import Query

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "unit"))
from rephrasings import statements


def main() -> None:
    """Print precision, what is kept, and what slipped through."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["wines", "movies"])
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    for name in given.data:
        items = Items.of(items_of(demo_files(name)["items"])).with_pack(load_pack(name, Path()))
        rows = np.arange(len(items), dtype=np.int32)
        everything = History(
            rows, rows.astype(float), np.ones(len(rows), np.float32), np.full(len(rows), CODES["like"], np.uint8)
        )
        seen: Counter[tuple[str, bool]] = Counter()
        slipped, took = [], 0.0
        for one in statements(items, seed=0, rounds=given.rounds):
            query = Query(Profile("u", history=everything), language=one.language)
            template = Templates().sentence(one.reason, query, items)
            started = time.process_time()
            ok = faithful(one.text, one.reason, template, items).faithful
            took += time.process_time() - started
            seen[one.made, ok] += 1
            if ok and not one.true:
                slipped.append(f"{one.made}: {one.text}")
        good, bad = seen["true", True], sum(count for (made, ok), count in seen.items() if ok and made != "true")
        false = sum(count for (made, _), count in seen.items() if made != "true")
        total = sum(seen.values())
        print(f"{name}: {total:,} statements, {false:,} of them false; precision {good / max(good + bad, 1):.4f}")
        print(
            f"  kept {good / (good + seen['true', False]):.1%} of the true ones; false ones let through {bad}; {took / total * 1000:.2f} ms (CPU) a statement"
        )
        print(
            "  refused by kind: "
            + ", ".join(
                f"{made} {seen[made, False]}/{seen[made, False] + seen[made, True]}"
                for made in sorted({made for made, _ in seen} - {"true"})
            )
        )
        for text in slipped[:10]:
            print("  slipped:", text)


if __name__ == "__main__":
    main()
