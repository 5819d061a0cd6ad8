"""What people registered with (country, gender, age) is worth to the first list of newcomers.

    python benchmarks/quality/registered.py --data retail
    python benchmarks/quality/registered.py --data FOLDER --without next_item dense

People who had done nothing before the last tenth of the events, asked without a history where that begins (in data without a clock
a share of the people, taken out of it), with attributes of which a segment is known. Three times the same data: "with" attributes, those "shuffled" among people, and "without"; first the source `segment`
beside `trending` and `popular`, then the whole recipe, fitted anew for each. Differences of NDCG@10 by person, each with its paired interval of 95 %. Everybody's
attributes are taken to be read, as they were published for research.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from rankers import RAW, folder_of

from zhiyin.arrays import Array
from zhiyin.data.consent import told
from zhiyin.data.dataset import Dataset
from zhiyin.data.placebo import exchanged
from zhiyin.data.readers import read_folder
from zhiyin.data.reading.files import users_of
from zhiyin.data.segments import Segments
from zhiyin.data.split import Cases, all_cases_after, time_split
from zhiyin.data.weights import EventWeights
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.run import encode
from zhiyin.recipe import load_recipe
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.segment import Segment
from zhiyin.retrieval.trending import Trending
from zhiyin.testing.circumstances import found


def main() -> None:
    """Print what registration gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with events.*, items.* and users.*, or a built-in set")
    parser.add_argument("--recipe", default="default")
    parser.add_argument(
        "--without", nargs="*", default=[], help="sources to leave out, such as slow ones that need a history"
    )
    parser.add_argument("--share", type=float, default=0.1, help="of the people to take out of data without a clock")
    parser.add_argument("--alone", action="store_true", help="ask the source alone, and fit no recipe")
    parser.add_argument("--users", type=int, default=3000, help="newcomers drawn at random")
    compare(parser.parse_args())


def compare(asked: argparse.Namespace) -> None:
    """Ask the newcomers of one set of data."""
    started = time.process_time()
    dataset = registered(folder_of(asked.data))
    past, newcomers = newcomers_of(dataset, asked.share)
    newcomers = those_known(newcomers, past).sample(asked.users, 0)
    print(f"{asked.data}: {len(newcomers)} newcomers of a known segment, {len(past.users)} users")
    ways = {"with": past, "shuffled": exchanged(past), "without": replace(past, user_attributes={})}
    print(f"read together, with the people added to their counts: {Segment().fit(past).added or 'none'}")
    alone: dict[str, Array] = {}
    for way in ("with", "shuffled"):
        segment = Segment().fit(ways[way])
        part = segment if segment.speaks() else Trending()
        alone[way] = asking(Recommender(retrieve=[part]).fit(ways[way]), newcomers, ways[way])
    for other in (Trending, Popular):
        alone[other.__name__.lower()] = asking(Recommender(retrieve=[other()]).fit(past), newcomers, past)
    say("segment alone", alone)
    if not asked.alone:
        compare_whole(asked, dataset, newcomers, ways)
    print(f"{time.process_time() - started:.0f} s of CPU")


def compare_whole(asked: argparse.Namespace, dataset: Dataset, newcomers: Cases, ways: Mapping[str, Dataset]) -> None:
    """The recipe, fitted on each of the ways."""
    others = time_split(dataset).test.sample(asked.users, 0) if dataset.has_clock else None
    whole: dict[str, Array] = {}
    known: dict[str, Array] = {}
    for way, data in ways.items():
        recipe = load_recipe(asked.recipe)
        sources = recipe.recommender.retrievers
        recipe.recommender.retrievers = {name: one for name, one in sources.items() if name not in asked.without}
        if any(getattr(one, "space", None) for name, one in sources.items() if name not in (*asked.without, "fresh")):
            encode(recipe, data, RAW / "vectors.db", lambda *told: None)
        whole[way] = asking(recipe.recommender.fit(data), newcomers, data)
        if others is not None:
            known[way] = asking(recipe.recommender, others, data)
    say(f"{asked.recipe} without {', '.join(asked.without) or 'nothing'}", whole)
    if others is not None:
        say(f"the same for {len(others)} people with a history", known)


def registered(folder: Path) -> Dataset:
    """The data of a folder, with everybody's attributes."""
    import polars as pl

    users = users_of(pl.read_parquet(folder / "users.parquet"))
    return replace(
        read_folder(folder, EventWeights()), user_attributes={one: told(row)[0] for one, row in users.items()}
    )


def newcomers_of(dataset: Dataset, share: float) -> tuple[Dataset, Cases]:
    """The past and its newcomers. Where no clock tells who is new, a share of the people are taken out of the past."""
    if dataset.has_clock:
        past = time_split(dataset).test_fit
        return past, all_cases_after(dataset, past.as_of, np.inf)[1]
    new = np.random.default_rng(1).random(len(dataset.users)) < share
    past = dataset.only(~new[dataset.interactions.users])
    users = np.flatnonzero(new & (np.bincount(dataset.liked.users, minlength=len(new)) > 0)).astype(np.int32)
    targets = tuple(np.unique(dataset.history(int(user)).liked.items) for user in users)
    return past, Cases(past, users, (past.as_of,) * len(users), targets)


def those_known(cases: Cases, past: Dataset) -> Cases:
    """The cases of people of whom a segment is known, from the counts of the past alone."""
    return cases.only(np.diff(Segments.of(past).members.indptr)[cases.users] > 0)


def asking(fitted: Recommender, cases: Cases, data: Dataset) -> Array:
    """NDCG@10 by person, each asked with the attributes that the data has of them."""
    known = replace(cases.known, user_attributes=data.user_attributes)
    return found(fitted, replace(cases, known=known))


def say(what: str, values: Mapping[str, Array]) -> None:
    """Print means, and how far the first lies from each other."""
    ways = list(values)
    draws = Resamples(np.stack([values[way] for way in ways], 1), draws=2000, seed=0)
    print(f"{what}: NDCG@10 {dict(zip(ways, np.round(draws.observed, 4).tolist(), strict=True))}")
    for other in range(1, len(ways)):
        gap = draws.difference(0, other)
        print(f"  {ways[0]} - {ways[other]}: {gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]", flush=True)


if __name__ == "__main__":
    main()
