"""How good are profiles? Citations, new topics, edits, and what the profile alone recommends against popularity.

    python benchmarks/quality/profiles.py [--data wines movies] [--users 2000]

What a person takes up after the cut is asked for from the events before it (time split, full ranking, history masked). "profile
alone" is the part `interests`, which reads attribute values and how popular items are; retail has no attributes, so it has nothing
to say there. Latent: does one of five inferred topics occur among the topics a
person meets for the first time in the last fifth of their events, against the five commonest topics they had not met?
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zhiyin.arrays import NEVER, top_n
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import Cases, time_split
from zhiyin.data.weights import EventWeights
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.demo import ingest_demo
from zhiyin.ingest.profiles import interests_of, live_profile
from zhiyin.ports import StoredProfile
from zhiyin.profile import Profile
from zhiyin.query import Query
from zhiyin.recommender import Recommender
from zhiyin.retrieval.interests import Interests
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.recency import HALF_LIVES
from zhiyin.stages import Scorer
from zhiyin.stores.memory import MemoryStore
from zhiyin.understanding.extract import latent_interests

SHOWN = 10


def citations(store: MemoryStore, dataset: Dataset, users: list[str]) -> None:
    """Evidence ids are a subset of the history; ten events of a new topic surface it in one update."""
    items, weights = dataset.items, dataset.weights
    cited = wrong = surfaced = new = 0
    chance = np.random.default_rng(0)
    by_topic = items.tags.matrix.tocsc()
    for user in users:
        events = store.log.of_user(user)
        profile = live_profile(user, events, None, items, dataset.users, weights)
        own = {one.event_id for one in events}
        for one in (*profile.interests, *profile.dislikes):
            cited += len(one.evidence)
            wrong += len(set(one.evidence) - own)
        met = set(items.tags.matrix[profile.history.items].indices.tolist())
        often = np.flatnonzero(by_topic.getnnz(axis=0) >= 10)
        fresh = [topic for topic in often.tolist() if topic not in met]
        if not fresh:
            continue
        topic = int(chance.choice(fresh))
        rows = by_topic.indices[by_topic.indptr[topic] : by_topic.indptr[topic + 1]][:10]
        last = max(one.timestamp for one in events)
        more = [
            Event(user, items[int(row)].item_id, "like", last + 60 * step, event_id=f"new-{step}")
            for step, row in enumerate(rows)
        ]
        after = live_profile(user, [*events, *more], None, items, dataset.users, weights)
        new += 1
        surfaced += items.tags.names[topic] in {one.topic for one in after.interests}
    print(f"citations: {cited:,}, of events not in the history: {wrong}")
    print(
        f"ten events of a new topic bring it into the profile in one update: {surfaced} of {new} ({surfaced / max(new, 1):.1%})"
    )


def speed(store: MemoryStore, dataset: Dataset, users: list[str], longest: int = 2000) -> None:
    """Processor milliseconds to make a profile anew after an event: of real people, and of one with as many events as are read."""

    def took(events: Sequence[Event]) -> float:
        started = time.process_time()
        live_profile("anybody", events, None, dataset.items, dataset.users, dataset.weights)
        return (time.process_time() - started) * 1000

    histories = [store.log.of_user(user) for user in users]
    took(histories[0])  # what is kept of the catalogue is made once
    ours = [took(events) for events in histories]
    many = [event for events in histories for event in events][:longest]
    long = [took(many) for _ in range(50)]
    for name, values, count in (
        ("people", ours, np.median([len(one) for one in histories])),
        ("the longest", long, len(many)),
    ):
        print(
            f"a profile of {name} ({count:.0f} events) takes (CPU) median {np.median(values):.2f} ms, p95 {np.percentile(values, 95):.2f} ms"
        )


def edits(dataset: Dataset, users: list[int]) -> None:
    """Refusing the strongest topic: what share of its items leaves the top 10. Wishing one: what share comes in."""
    recommender = Recommender(retrieve=[Interests(), Popular()]).fit(dataset)
    items, gone, before, wished, plain, slots = recommender.items, 0, 0, 0, 0, 0
    matrix = items.tags.matrix.tocsc()
    chance = np.random.default_rng(1)
    for user in users:
        profile = _live(dataset, user)
        if not profile.interests:
            continue
        having = matrix[:, [items.tags.positions[profile.interests[0].topic]]].toarray().ravel() > 0
        first = recommender.recommend(Query(profile, SHOWN, dataset.as_of)).candidates.items
        refused = replace(profile, refusals=(profile.interests[0].topic,))
        then = recommender.recommend(Query(refused, SHOWN, dataset.as_of)).candidates.items
        before += int(having[first].sum())
        gone += int(having[first].sum()) - int(having[then].sum())
        often = [
            at
            for at in np.flatnonzero(matrix.getnnz(axis=0) >= 20)
            if items.tags.names[at] != profile.interests[0].topic
        ]
        topic = items.tags.names[int(chance.choice(often))]
        asked = live_profile(
            profile.user_id, [], StoredProfile(profile.user_id, wishes=(topic,)), items, dataset.users, dataset.weights
        )
        with_wish = replace(profile, interests=(*asked.interests, *profile.interests))
        wanted = matrix[:, [items.tags.positions[topic]]].toarray().ravel() > 0
        plain += int(wanted[first].sum())
        wished += int(wanted[recommender.recommend(Query(with_wish, SHOWN, dataset.as_of)).candidates.items].sum())
        slots += SHOWN
    print(
        f"refusing the strongest topic removes {gone / max(before, 1):.1%} of its {before:,} items from the top {SHOWN}"
    )
    print(
        f"a wish for a topic: its share of the top {SHOWN} (interests and popular, fused) goes from {plain / slots:.1%} to {wished / slots:.1%}"
    )


def _live(dataset: Dataset, user: int) -> Profile:
    profile = dataset.profile(user)
    interests, dislikes = interests_of(profile.history, dataset.items)
    return replace(profile, interests=interests, dislikes=dislikes)


def alone(dataset: Dataset, most: int) -> None:
    """NDCG@10 of the profile alone against popularity, all likes alike and faded as validation likes best; time split."""
    split = time_split(dataset)
    days = 0.0
    for name, fit, cases in (("validation", split.fit, split.valid), ("test", split.test_fit, split.test)):
        cases = cases.sample(min(most, len(cases)), 0)
        queries = [cases.query(row) for row in range(len(cases))]
        if name == "validation":
            days = max(HALF_LIVES, key=lambda one: _worth(Popular(half_life=one).fit(fit), queries, cases).mean())
        parts = {
            "popularity": Popular(), f"popularity, half-life {days:g}": Popular(half_life=days),
            "profile alone": Interests(), "profile alone, topics only": Interests(known=0.0),
            "profile alone, all likes alike": Interests(known=0.75, recent=0.0),
        }  # fmt: skip
        values = {label: _worth(part.fit(fit), queries, cases) for label, part in parts.items()}
        for label, of_people in values.items():
            print(f"{name} ({len(cases):,} people): {label}: NDCG@10 {of_people.mean():.4f}", end="")
            for other in list(values)[:2] if label.startswith("profile") else ():
                one = Resamples(np.stack([of_people, values[other]], 1)).difference(0, 1)
                print(f"; against {other} {one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}]", end="")
            print()


def _worth(part: Scorer, queries: list[Query], cases: Cases) -> np.ndarray:
    """NDCG@10 of every person, with what they had met masked."""
    lists = np.full((len(queries), SHOWN), -1, np.int32)
    for row, query in enumerate(queries):
        scores = part.scores([query])[0]
        scores[np.unique(query.profile.history.items)] = NEVER
        best = top_n(scores, SHOWN)
        lists[row, : len(best)] = best
    return per_user(lists, Targets.of(cases.targets), ks=(SHOWN,))["ndcg@10"]


def latent(dataset: Dataset, users: list[int]) -> None:
    """Five latent topics against the five commonest topics not met, on the topics first met in the last fifth."""
    items = dataset.items
    common = np.argsort(-np.asarray(items.tags.matrix[dataset.liked.items].sum(0)).ravel(), kind="stable")
    hits = prior = cases = 0
    for user in users:
        history = dataset.history(user).liked
        cut = int(len(history) * 0.8)
        if len(history) < 10:
            continue
        early = history.where(np.arange(len(history)) < cut)
        met = set(items.tags.matrix[early.items].indices.tolist())
        later = set(items.tags.matrix[history.items[cut:]].indices.tolist()) - met
        known = frozenset(items.tags.names[at] for at in met)
        found = latent_interests(interests_of(early, items)[0], items, known)
        if not later or not found:
            continue
        cases += 1
        hits += any(items.tags.positions[one.topic] in later for one in found)
        prior += bool(set([at for at in common.tolist() if at not in met][:5]) & later)
    if cases:
        print(
            f"latent: one of five is met later in {hits / cases:.1%} of {cases} cases; of the five commonest unmet topics {prior / cases:.1%}"
        )
    else:
        print("latent: no cases")


def main() -> None:
    """Every measurement on the built-in data sets that have attributes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["wines", "movies"])
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--speed", action="store_true", help="measure only how long a profile takes")
    given = parser.parse_args()
    for name in given.data:
        print(f"== {name}")
        store = MemoryStore()
        ingest_demo(name, store)
        dataset = dataset_from_store(store, EventWeights(), None)
        chosen = np.random.default_rng(0).permutation(len(dataset.users))[: given.users].tolist()
        names = [dataset.users[user] for user in chosen[: given.users // 4]]
        speed(store, dataset, names)
        if given.speed:
            continue
        citations(store, dataset, names)
        edits(dataset, chosen[: given.users // 4])
        alone(dataset, given.users)
        latent(dataset, chosen)


if __name__ == "__main__":
    main()
