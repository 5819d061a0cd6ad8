"""Search on the built-in wines: words, vectors and both, on labelled queries of ours, half of them Chinese over English items.

    python benchmarks/quality/semantic.py [--cross-encoder ID_OR_FOLDER] [--vectors vectors.db] [--pack NAME]

queries.jsonl holds the queries; beside each stands the rule by which an item is right: one of the values of every attribute
named. No query is copied from an item's text, and queries whose rule fits fewer than three items are left out. "hybrid" is what
serves, without topics; "hybrid, chosen" the same family with each query's share of the words chosen on other queries (five folds,
a query and its translation in the same one), "hybrid by ranks" the usual Σ 1 / (60 + rank). "topics"
reads the query with the words of the pack (packs/wines.toml; --pack "" for none), and "as served" unites all three. Table
and rules were written by the same hands, so these rows say what the table is worth where it applies, not how it carries over.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.arrays import top_n
from zhiyin.data.columns import items_of
from zhiyin.encoders.cache import encode_items
from zhiyin.encoders.e5 import E5
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.ingest.demo import demo_files
from zhiyin.item import Item, Items
from zhiyin.packs.pack import load_pack
from zhiyin.serving.fusion import fused
from zhiyin.serving.search import MEANING, WORDS, Search
from zhiyin.understanding.matching import choices_met

HERE = Path(__file__).parent
LEAST, DEPTH = 3, 200
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def fits(item: Item, rule: dict[str, list[str]]) -> bool:
    """Whether an item has one of the values of every attribute of a rule."""
    tags = set(item.tags())
    return all(any((name, value) in tags for value in values) for name, values in rule.items())


def reranked(model: Any, query: str, items: Items, best: np.ndarray) -> np.ndarray:
    """The best fifty in the order of a cross-encoder."""
    top = best[:50]
    scores = model.predict([(query, items[int(at)].content()) for at in top])
    return np.concatenate([top[np.argsort(-np.asarray(scores), kind="stable")], best[50:]])


def main() -> None:
    """Print nDCG@10 and recall of every way, whole and by language, with paired intervals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cross-encoder", help="a cross-encoder of the hub or of a folder, to reorder the best fifty")
    parser.add_argument("--vectors", type=Path, default=HERE / "per_user" / "vectors.db", help="where vectors are kept")
    parser.add_argument("--pack", default="wines", help="the words of the domain; empty for those of any shop")
    given = parser.parse_args()
    items = Items.of(items_of(demo_files("wines")["items"])).with_pack(load_pack(given.pack, Path()))
    given.vectors.parent.mkdir(exist_ok=True)
    encoder = E5()
    encode_items(items, "text", encoder, given.vectors)
    search = Search(items, {"text": encoder})
    rows = [json.loads(line) for line in (HERE / "queries.jsonl").read_text("utf-8").splitlines()]
    rows = [{**row, "right": [at for at, item in enumerate(items.rows) if fits(item, row["rule"])]} for row in rows]
    used = [row for row in rows if len(row["right"]) >= LEAST]
    chinese = np.array([row["language"] == "zh" for row in used])
    print(
        f"{len(rows)} queries, {len(used)} with at least {LEAST} right items ({int(chinese.sum())} Chinese); median right {np.median([len(row['right']) for row in used]):.0f} of {len(items)}"
    )
    ways = lists_of(search, items, used)
    if given.cross_encoder:
        from sentence_transformers import CrossEncoder

        model = CrossEncoder(given.cross_encoder, trust_remote_code=False)
        ways["hybrid, cross-encoder"] = [
            reranked(model, row["query"], items, best) for row, best in zip(used, ways["hybrid"], strict=True)
        ]
    targets = Targets.of([np.array(row["right"], np.int32) for row in used])
    values = {way: ndcg(found, targets) for way, found in ways.items()}
    shared = np.stack([values.pop(f"hybrid, words {share:g}") for share in SHARES])
    values["hybrid, chosen"] = chosen(shared, np.array([int(row["id"].split("-")[1]) for row in used]))
    for way, of_queries in values.items():
        print(
            f"{way:24} nDCG@10 {of_queries.mean():.4f}  English {of_queries[~chinese].mean():.4f}  Chinese {of_queries[chinese].mean():.4f}"
        )
    better = max(("words", "vectors"), key=lambda way: values[way].mean())
    for way in ("hybrid, chosen", "hybrid", "hybrid by ranks"):
        for name, mask in (("all", chinese | True), ("English", ~chinese), ("Chinese", chinese)):
            one = Resamples(np.stack([values[way][mask], values[better][mask]], 1)).difference(0, 1)
            print(f"{way} less {better}, {name}: {one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}]")


def ndcg(found: list[np.ndarray], targets: Targets) -> np.ndarray:
    """nDCG@10 of lists of items, best first. [queries]"""
    table = np.full((len(found), 10), -1, np.int32)
    for row, best in enumerate(found):
        table[row, : len(best[:10])] = best[:10]
    return per_user(table, targets, ks=(10,))["ndcg@10"]


def chosen(values: np.ndarray, groups: np.ndarray, times: int = 20) -> np.ndarray:
    """Per query the mean over splits of what the setting gives that was best on the other folds. values: [settings, queries]"""
    chance = np.random.default_rng(0)
    folds = len(np.unique(groups))
    found = np.zeros((times, values.shape[1]))
    for row in found:
        fold = chance.permutation(np.arange(folds) % 5)[np.unique(groups, return_inverse=True)[1]]
        for held in range(5):
            row[fold == held] = values[values[:, fold != held].mean(1).argmax(), fold == held]
    return found.mean(0)


def by_ranks(words: np.ndarray, meaning: np.ndarray, size: int, k: int = 60) -> np.ndarray:
    """Σ 1 / (k + rank) over two lists (Cormack 2009), best first."""
    total = np.zeros(size, np.float32)
    for best in (words, meaning):
        total[best] += 1 / (k + np.arange(1, len(best) + 1))
    return top_n(total, DEPTH)


def lists_of(search: Search, items: Items, used: list[dict[str, Any]]) -> dict[str, list[np.ndarray]]:
    """The best items of every way, best first, one list per query."""
    shares = [f"hybrid, words {share:g}" for share in SHARES]
    names = ("words", "vectors", "hybrid by ranks", *shares, "hybrid", "topics", "as served")
    ways: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for row in used:
        text = row["query"]
        vectors = search.vectors(text)
        scores = {"words": search.by_words(text), "text": (items.vectors["text"] @ vectors["text"]).astype(np.float32)}
        words, meaning = top_n(scores["words"], DEPTH), top_n(scores["text"], DEPTH)
        ways["words"].append(words)
        ways["vectors"].append(meaning)
        ways["hybrid by ranks"].append(by_ranks(words, meaning, len(items)))
        for name, share in (*zip(shares, SHARES, strict=True), ("hybrid", WORDS / (WORDS + MEANING))):
            ways[name].append(fused(scores, {"words": share, "text": 1 - share}, frozenset({"text"})).items)
        ways["topics"].append(top_n(choices_met(text, items), DEPTH))
        ways["as served"].append(search.find(text, vectors).items)
    return ways


if __name__ == "__main__":
    main()
