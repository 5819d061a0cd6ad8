"""People answered per CPU second, part by part, beside `implicit`: python benchmarks/speed/batch.py FOLDER [--people 3000].

Everyone is asked for 100 items with the whole history, as a nightly job does it. `implicit` gets the same interactions;
its recommend solves for the person anew from the live history (recalculate_user), as our fold-in does, or takes the
factors it has.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from zhiyin.data.readers import read_folder
from zhiyin.data.split import last_event_cases
from zhiyin.parts import class_of
from zhiyin.query import Query

PARTS = ("als", "ease", "transition", "item_knn", "popular")
BATCH = 256
N = 100


def seconds_of(part: object, queries: list[Query]) -> float:
    """CPU seconds to ask a part everything, in batches, after one batch to warm up."""
    part.retrieve(queries[:BATCH], N)  # type: ignore[attr-defined]
    started = time.process_time()
    for start in range(0, len(queries), BATCH):
        part.retrieve(queries[start : start + BATCH], N)  # type: ignore[attr-defined]
    return time.process_time() - started


def implicit_seconds(matrix: object, users: object, fold: bool) -> float:
    """CPU seconds of implicit's own batch, filtering what was liked."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(64, iterations=2, num_threads=1, random_state=0)
    model.fit(matrix, show_progress=False)
    rows = matrix[users]  # type: ignore[index]
    started = time.process_time()
    for start in range(0, len(users), BATCH):  # type: ignore[arg-type]
        some = slice(start, start + BATCH)
        model.recommend(users[some], rows[some], N=N, filter_already_liked_items=True, recalculate_user=fold)  # type: ignore[index]
    return time.process_time() - started


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--people", type=int, default=3000)
    options.add_argument("--parts", default=",".join(PARTS))
    given = options.parse_args()
    cases = last_event_cases(read_folder(given.folder))
    asked = cases.sample(given.people, 0)
    queries = [asked.query(row, N) for row in range(len(asked))]
    events = sum(len(query.profile.history) for query in queries) / len(queries)
    print(
        f"{len(queries):,} people with {events:.0f} events each, {len(cases.known.items):,} items, {N} items asked for"
    )
    for name in given.parts.split(","):
        part = class_of(name)().fit(cases.known)
        print(f"{name:12} {len(queries) / seconds_of(part, queries):8,.0f} people per CPU second", flush=True)
    try:
        for fold in (True, False):
            taken = implicit_seconds(cases.known.binary(), asked.users, fold)
            print(f"implicit als {len(queries) / taken:8,.0f} {'folding in' if fold else 'stored factors'}")
    except ImportError:
        print("implicit is not installed")


if __name__ == "__main__":
    main()
