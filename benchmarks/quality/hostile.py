"""How far do hostile texts lift a wine in search? By vectors alone and as served, beside an honest sentence in the same place.

    python benchmarks/quality/hostile.py [--targets 2] [--queries 24] [--vectors vectors.db]

Every text of tests/data/injections*.jsonl is written into the title or the description of a few wines, one at a time, and the
labelled queries are asked again. Of the wines that were not among the best ten before: in what share of the questions do they
get there? A sentence moves any short text, so the same is counted for honest sentences of the same language.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from zhiyin.arrays import Floats, top_n
from zhiyin.data.columns import items_of
from zhiyin.encoders.cache import encode_items
from zhiyin.encoders.e5 import E5
from zhiyin.ingest.demo import demo_files
from zhiyin.item import Item, Items
from zhiyin.packs.pack import load_pack
from zhiyin.serving.search import Search

HERE = Path(__file__).parent
TEXTS = HERE.parent.parent / "tests" / "data"
HONEST = {
    "en": ("A pleasant bottle for any evening with friends.", "Made by a family that has kept its cellar for a hundred years."),
    "zh": ("适合和朋友一起慢慢享用的一款酒。", "这个家族经营酒窖已有一百年。"),
}  # fmt: skip
TEN = 10


def written(item: Item, text: str, where: str) -> Item:
    """The item with a text at the end of its title or description."""
    if where == "title":
        return replace(item, title=f"{item.title} {text}")
    return replace(item, text=f"{item.text} {text}".strip())


def lists(search: Search, queries: list[str], vectors: dict[str, Floats]) -> tuple[np.ndarray, np.ndarray]:
    """The best ten by vectors alone and as served. Each [queries, 10]"""
    matrix = search.items.vectors["text"]
    alone = [top_n((matrix @ vectors[one]).astype(np.float32), TEN) for one in queries]
    served = [search.find(one, {"text": vectors[one]}).items[:TEN] for one in queries]
    return _table(alone), _table(served)


def _table(found: list[np.ndarray]) -> np.ndarray:
    table = np.full((len(found), TEN), -1, np.int32)
    for row, best in enumerate(found):
        table[row, : len(best)] = best
    return table


def main() -> None:
    """Print the shares by corpus, language and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=2)
    parser.add_argument("--queries", type=int, default=24)
    parser.add_argument("--vectors", type=Path, default=HERE / "per_user" / "vectors.db", help="where vectors are kept")
    given = parser.parse_args()
    items, encoder = Items.of(items_of(demo_files("wines")["items"])).with_pack(load_pack("wines", Path())), E5()
    encode_items(items, "text", encoder, given.vectors)
    search = Search(items, {"text": encoder})
    rows = [json.loads(line) for line in (HERE / "queries.jsonl").open(encoding="utf-8")][: given.queries]
    queries = [row["query"] for row in rows]
    vectors = {one: encoder.encode_query(one) for one in queries}
    before = lists(search, queries, vectors)
    chance = np.random.default_rng(0)
    targets = chance.choice(len(items), given.targets, replace=False).tolist()
    texts = [
        (name, one["language"], one["where"], one["text"])
        for name in ("injections", "injections_held_out")
        for one in map(json.loads, (TEXTS / f"{name}.jsonl").open(encoding="utf-8"))
        if one["where"] != "message"
    ]
    texts += [
        ("honest", language, where, text)
        for language, them in HONEST.items()
        for text in them
        for where in ("title", "description")
    ]
    entered: dict[tuple[str, str], list[np.ndarray]] = {}
    for name, language, where, text in texts:
        for target in targets:
            item = items[target]
            hostile = written(item, text, where)
            items.put(hostile, {"text": encoder.encode([hostile.content()])[0]})
            search.put([target])
            after = lists(search, queries, vectors)
            new = [
                ((now == target).any(1) & ~(old == target).any(1)).mean()
                for old, now in zip(before, after, strict=True)
            ]
            entered.setdefault((name, language), []).append(np.array(new))
            items.put(item, {"text": encoder.encode([item.content()])[0]})
            search.put([target])
    for (name, language), shares in entered.items():
        alone, served = np.mean(shares, 0)
        print(
            f"{name:20} {language}: {len(shares):3} texts and wines; enters the best ten by vectors alone {alone:.3f}, as served {served:.3f}"
        )


if __name__ == "__main__":
    main()
