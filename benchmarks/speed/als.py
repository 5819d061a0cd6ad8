"""CPU seconds and loss of als beside `implicit`, on made events: python benchmarks/speed/als.py [--events 5000000].

Users and items are drawn from Zipf-like distributions. Both are given the same problem: implicit's confidence c is
(1 + α₀) / α₀ and its penalty λ / α₀ (ν = 0), so that its loss, times α₀, is ours with a target of 1 at weight 1 + α₀.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from scipy import sparse

from zhiyin.retrieval.als import Rows, loss


def made(events: int, users: int, items: int, seed: int = 0) -> sparse.csr_matrix:
    """Binary interactions with popular items, busy users and twenty tastes."""
    rng = np.random.default_rng(seed)
    busy = rng.lognormal(0, 1, users)
    who = rng.choice(users, events, p=busy / busy.sum())
    rank = np.minimum(rng.zipf(1.25, events) - 1, items - 1)
    rank = np.where(rank == items - 1, rng.integers(0, items, events), rank)
    taste = rng.integers(0, 20, users)
    shuffles = np.stack([rng.permutation(items) for _ in range(20)])
    common = rng.random(events) < 0.5
    what = np.where(common, rank, shuffles[taste[who], rank])
    matrix = sparse.csr_matrix((np.ones(events, np.float32), (who, what)), (users, items))
    matrix.data[:] = 1
    return matrix


def ours(
    matrix: sparse.csr_matrix, factors: int, rounds: int, alpha0: float, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    users, items = (rng.normal(0, 0.1 / factors**0.5, (n, factors)).astype(np.float32) for n in matrix.shape)
    left, right = Rows(matrix), Rows(matrix.T.tocsr())
    flat = [np.full(n, penalty, np.float32) for n in matrix.shape]
    for _ in range(rounds):
        users = left.solve(users, items, alpha0, flat[0], 1 + alpha0)
        items = right.solve(items, users, alpha0, flat[1], 1 + alpha0)
    return users, items


def theirs(
    matrix: sparse.csr_matrix, factors: int, rounds: int, alpha0: float, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors,
        regularization=penalty / alpha0,
        alpha=(1 + alpha0) / alpha0,
        iterations=rounds,
        num_threads=1,
        random_state=0,
    )
    model.fit(matrix, show_progress=False)
    return model.user_factors, model.item_factors


def main() -> None:
    arguments = argparse.ArgumentParser()
    for name, default in (
        ("events", 5_000_000),
        ("users", 100_000),
        ("items", 30_000),
        ("factors", 64),
        ("rounds", 15),
    ):
        arguments.add_argument(f"--{name}", type=int, default=default)
    asked = arguments.parse_args()
    matrix, alpha0, penalty = made(asked.events, asked.users, asked.items), 0.05, 0.5
    report: dict[str, dict[str, float]] = {}
    for name, run in (("zhiyin", ours), ("implicit", theirs)):
        began = time.process_time()
        users, items = run(matrix, asked.factors, asked.rounds, alpha0, penalty)
        seconds = time.process_time() - began
        penalised = penalty * (float(np.square(users).sum()) + float(np.square(items).sum()))
        value = loss(matrix, users, items, alpha0, 1 + alpha0) + penalised
        report[name] = {"cpu_seconds": round(seconds, 2), "loss": round(value, 1)}
        print(name, report[name], flush=True)
    ratio = report["zhiyin"]["cpu_seconds"] / report["implicit"]["cpu_seconds"]
    print(json.dumps({"interactions": int(matrix.nnz), **report, "cpu_ratio": round(ratio, 2)}))


if __name__ == "__main__":
    main()
