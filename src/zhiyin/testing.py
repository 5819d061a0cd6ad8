"""The laws every part obeys, as functions to run on your own parts, and made data to run them on.

    from zhiyin.testing import check_retriever, small_dataset

    def test_my_part() -> None:
        check_retriever(MyPart(), small_dataset(seed=0))

Each check raises AssertionError, naming the law that broke. Parts are given with settings and without what they learned;
the checks fit copies and leave the part itself alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Floats, Ints, unit_rows
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.data.split import last_event_cases
from zhiyin.errors import SavedVersionError, SettingError
from zhiyin.evaluation.toml_text import to_toml
from zhiyin.item import Item, Items
from zhiyin.part import settings
from zhiyin.parts import name_of, stage_of
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.recipe import read_recipe
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.saving import load_part, save_part
from zhiyin.stages import Contributing, Encoder, Explainer, Fittable, RankingRows, Reranker, Retriever
from zhiyin.training import ranking_rows
from zhiyin.vocabulary import Vocabulary

Part = TypeVar("Part")

WORDS = ("red", "dry", "sweet", "old", "young", "river", "stone", "green", "红", "甜酒", "山谷", "light")


def small_dataset(
    seed: int = 0, users: int = 40, items: int = 60, events: int = 12, *, clock: bool = True, friends: bool = True
) -> Dataset:
    """Made data with all that real data has: tastes, titles, tags, vectors, dislikes, repeats, times and friends.

    Every user has 1 to 2 · events - 1 events, mostly with items of a taste of their own; a sixth of the events are dislikes.
    """
    rng = np.random.default_rng(seed)
    catalogue = _catalogue(rng, items)
    counts = rng.integers(1, 2 * events, users)
    who = np.repeat(np.arange(users), counts)
    own = rng.random(len(who)) < 0.7
    what = np.where(own, rng.integers(0, items, len(who)) // 4 * 4 + who % 4, rng.integers(0, items, len(who)))
    what = np.minimum(what, items - 1)
    times = rng.integers(0, 90 * 86_400, len(who)) + 1.7e9 if clock else _places(counts)
    weights = np.where(rng.random(len(who)) < 1 / 6, -1, 1).astype(np.float32)
    table = Interactions.sort(who, what, np.asarray(times, np.float64), weights)
    names = Vocabulary([f"user {number}" for number in range(users)], "user")
    tied = sparse.random(users, users, 0.1, format="csr", random_state=rng, dtype=np.float32)
    return Dataset(names, catalogue, table, float(table.times.max()), clock, tied + tied.T if friends else None)


def _places(counts: Array) -> Array:
    return np.concatenate([np.arange(count) for count in counts])


def _catalogue(rng: np.random.Generator, count: int) -> Items:
    rows = [
        Item(
            f"item {number}",
            " ".join(rng.choice(WORDS, 3)),
            attributes={
                "kind": f"kind {number % 4}",
                "notes": tuple(rng.choice(WORDS, 2).tolist()),
                "price": float(number),
            },
            available_from=1.69e9 + 86_400.0 * number if number % 2 else None,
        )
        for number in range(count)
    ]
    vectors = rng.normal(size=(count, 8)) + 2 * np.eye(8)[np.arange(count) % 4]
    vectors[count // 2] = 0  # an item that has no vector yet
    return Items(rows, {"text": unit_rows(vectors)})


def odd_queries(dataset: Dataset) -> list[Query]:
    """Requests that break careless parts: a guest, an unknown user, later items, dislikes only, one event, a wish, many."""
    size = len(dataset.items)
    later = History.of_items(np.array([0, size, size + 7], np.int32))
    only_later = History.of_items(np.array([size + 3], np.int32))
    one = History.of_items(np.array([0, 0], np.int32))
    disliked = replace(one, weights=np.full(2, -1, np.float32))
    profiles = [Profile(), *(Profile("nobody", history=h) for h in (later, only_later, one, disliked))]
    profiles += [dataset.profile(user) for user in range(min(6, len(dataset.users)))]
    now = dataset.as_of + 1
    wish = {space: matrix[0] for space, matrix in dataset.items.vectors.items()}
    return [
        *(Query(profile, now=now, seed=place) for place, profile in enumerate(profiles)),
        Query(now=now, text="red 甜酒", text_vectors=wish),
        Query(now=now, text="a word nobody wrote"),
    ]


def copy_of(part: Part) -> Part:
    """A part with the same settings that has learned nothing."""
    return type(part)(**settings(part))


# -- retrievers --------------------------------------------------------------------------------------------------------


def check_retriever(part: Retriever, dataset: Dataset) -> None:
    """At most n, no repeats, best first, only known items; everyone is answered; a batch answers as singles do; score
    agrees with retrieve; two fits agree; nothing given is changed; contributions have their shape."""
    before = _bytes_of(dataset)
    fitted = copy_of(part).fit(dataset)
    queries = odd_queries(dataset)
    for n in (1, 5, len(dataset.items) + 10):
        found = fitted.retrieve(queries, n)
        assert len(found) == len(queries), "retrieve gives one Candidates per query"
        for one in found:
            _check_candidates(one, n, len(dataset.items))
        for query, one in zip(queries, found, strict=True):
            _same_candidates(fitted.retrieve([query], n)[0], one, "a batch answers as singles do")
    _check_score(fitted, queries, dataset)
    again = copy_of(part).fit(dataset)
    for one, other in zip(fitted.retrieve(queries, 10), again.retrieve(queries, 10), strict=True):
        _same_candidates(one, other, "two fits of one part agree")
    if isinstance(fitted, Contributing):
        _check_contributions(fitted, queries, len(dataset.items))
    assert _bytes_of(dataset) == before, "a part changes nothing it is given"


def _check_candidates(one: Candidates, n: int, size: int) -> None:
    assert len(one) <= n, f"at most n: {len(one)} > {n}"
    assert len(one.scores) == len(one.items), "one score per item"
    assert len(np.unique(one.items)) == len(one), "no item comes twice"
    assert np.isfinite(one.scores).all(), "scores of retrieved items are finite"
    assert (np.diff(one.scores) <= 0).all(), "best first"
    assert ((one.items >= 0) & (one.items < size)).all(), "only known items"


def _same_candidates(one: Candidates, other: Candidates, law: str) -> None:
    assert np.array_equal(one.items, other.items), f"{law}: {one.items[:5]} is not {other.items[:5]}"
    assert np.allclose(one.scores, other.scores, rtol=1e-4, atol=1e-5), law


def _check_score(fitted: Retriever, queries: Sequence[Query], dataset: Dataset) -> None:
    found = fitted.retrieve(queries, 10)
    for one, values in zip(found, fitted.score(queries, [one.items for one in found]), strict=True):
        assert np.allclose(one.scores, values, rtol=1e-4, atol=1e-5), "score agrees with retrieve"
    size = len(dataset.items)
    for values in fitted.score(queries, [np.array([0, size + 5], np.int32)] * len(queries)):
        assert values.shape == (2,), "score gives one number per item"
        assert np.isnan(values[1]), "an item that came after fit has no score"
    assert all(len(values) == 0 for values in fitted.score(queries, [np.empty(0, np.int32)] * len(queries)))


def _check_contributions(fitted: Contributing, queries: Sequence[Query], size: int) -> None:
    items = np.array([0, min(3, size - 1), size + 2], np.int32)
    for query in queries:
        shares = fitted.contributions(query, items)
        assert shares.shape == (3, len(query.profile.history)), "contributions are [items, events]"
        assert np.isfinite(shares).all(), "contributions are finite"
        assert not shares[2].any(), "nothing carried an item that came after fit"


# -- rankers, rerankers, explainers, encoders ------------------------------------------------------------------------------


def made_candidates(dataset: Dataset) -> tuple[Recommender, list[Query], list[Candidates]]:
    """A fitted recommender of two sources, and its candidates for odd queries: something to rank and rerank."""
    recommender = Recommender(retrieve=[Popular(), Transition()]).fit(dataset)
    queries = odd_queries(dataset)
    return recommender, queries, recommender.candidates(queries)


def fitted_ranker(part: Any, dataset: Dataset) -> tuple[Any, Recommender]:
    """A copy of a ranker that learned from candidates of the past, and the recommender that found them."""
    past = dataset.without_last(1)
    recommender = Recommender(retrieve=[Popular(), Transition()]).fit(past)
    rows, valid = ranking_rows(recommender, [last_event_cases(dataset)])
    return copy_of(part).fit(past, RankingRows(rows.queries, rows.candidates, rows.labels), valid), recommender


def check_ranker(part: Any, dataset: Dataset) -> None:
    """One finite number per candidate and action; the order of candidates does not matter, nor, unless the part is
    `listwise`, which others are there; a batch answers as singles do; two fits agree."""
    ranker, recommender = fitted_ranker(part, dataset)
    queries = odd_queries(dataset)
    shown = recommender.candidates(queries)
    items = recommender.items
    numbers = ranker.predict(queries, shown, items)
    again = fitted_ranker(part, dataset)[0].predict(queries, shown, items)
    for query, one, values, other in zip(queries, shown, numbers, again, strict=True):
        assert values.shape == (len(one), len(ranker.actions)), "predict gives [candidates, actions]"
        assert np.isfinite(values).all(), "predictions are finite"
        assert np.allclose(values, other, atol=1e-5), "two fits of one part agree"
        back = np.arange(len(one))[::-1].astype(np.int32)
        turned = ranker.predict([query], [one.take(back)], items)[0]
        assert np.allclose(turned, values[back], atol=1e-5), "the order of candidates does not matter"
        if not getattr(ranker, "listwise", False) and len(one) > 1:
            alone = ranker.predict([query], [one.take(back[:1])], items)[0]
            assert np.allclose(alone, values[back[:1]], atol=1e-5), "a score does not depend on the other candidates"
    none = ranker.predict(queries[:1], [shown[0].take(np.empty(0, np.int32))], items)[0]
    assert none.shape == (0, len(ranker.actions)), "no candidates, no numbers"


def check_reranker(part: Reranker, dataset: Dataset) -> None:
    """Rows are kept at most once and all exist, every row left out at a place that has room has its why, and the
    candidates stay as they are."""
    recommender, queries, shown = made_candidates(dataset)
    fitted = copy_of(part)
    if isinstance(fitted, Fittable):
        fitted.fit(dataset)
    for query, one in zip(queries, shown, strict=True):
        for n in (1, 5, 1000):
            scores = one.scores.copy()
            selection = fitted.select(query, one, recommender.items, n)
            kept = np.asarray(selection.kept, np.int64)
            assert len(np.unique(kept)) == len(kept), "no row is kept twice"
            assert ((kept >= 0) & (kept < len(one))).all(), "nothing is invented"
            dropped = [row for row, _ in selection.dropped]
            assert not set(dropped) & set(kept.tolist()), "no row is both kept and dropped"
            assert all(0 <= row < len(one) and why for row, why in selection.dropped), "every drop has its why"
            assert np.array_equal(scores, one.scores), "scores are untouched"
            same = fitted.select(query, one, recommender.items, n)
            assert np.array_equal(same.kept, selection.kept), "the same request gives the same order"


def check_explainer(part: Explainer, dataset: Dataset) -> None:
    """One tuple of reasons per candidate; every item, event and topic cited exists; shares lie in 0 to 1."""
    fitted = copy_of(part)
    if isinstance(fitted, Fittable):
        fitted.fit(dataset)
    recommender = Recommender(retrieve=[Popular(), Transition()]).fit(dataset)
    recommender.explainers = (fitted,)
    for query in odd_queries(dataset):
        answer = recommender.recommend(query)
        reasons = answer.candidates.reasons
        assert len(reasons) in (0, len(answer.candidates)), "one tuple of reasons per candidate"
        topics = set(recommender.items.tags.names)
        for reason in (reason for one in reasons for reason in one):
            assert all(item in recommender.items.vocabulary for item in reason.items), "every cited item exists"
            assert set(reason.events) <= set(query.profile.history.events), "every cited event exists"
            assert reason.topic is None or reason.topic in topics, "every cited topic exists"
            assert 0 <= reason.share <= 1 + 1e-6, "shares lie in 0 to 1"


def check_encoder(part: Encoder) -> None:
    """Finite float32 rows of the declared width and of length 1; a text alone gives what it gives in a batch."""
    texts = ["red wine", "", "a much longer text about a river and a stone " * 5, "山谷 甜酒", "red wine"]
    vectors = part.encode(texts)
    assert vectors.shape == (len(texts), part.width), "encode gives [texts, width]"
    assert vectors.dtype == np.float32, "vectors are float32"
    assert np.isfinite(vectors).all(), "vectors are finite"
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.allclose(lengths[lengths > 0], 1, atol=1e-3), "rows have length 1, or are zeros where a text says nothing"
    assert part.encode([]).shape == (0, part.width), "no texts, no rows"
    for text, vector in zip(texts, vectors, strict=True):
        assert np.allclose(part.encode([text])[0], vector, atol=1e-5), "a text alone equals the text in a batch"
    asked = part.encode_query("red wine")
    assert asked.shape == (part.width,), "encode_query gives [width]"
    assert np.isfinite(asked).all(), "the query vector is finite"
    assert isinstance(part.identity, str), "identity is a text"
    assert part.identity, "identity names the model"


# -- saving and recipes --------------------------------------------------------------------------------------------------


def check_saving(fitted: Any, ask: Callable[[Any], Sequence[Floats | Ints]]) -> None:
    """load(save(x)) answers as x; a damaged folder is refused as SavedVersionError, never answered from.

    ask: puts a question to a part and gives its answer as arrays.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "part"
        save_part(fitted, folder)
        loaded = load_part(folder)
        assert settings(loaded) == settings(fitted), "settings come back"
        for one, other in zip(ask(fitted), ask(loaded), strict=True):
            assert np.allclose(one, other, atol=1e-6, equal_nan=True), "load(save(x)) answers as x"
        for file in sorted(folder.iterdir()):
            whole = file.read_bytes()
            for damaged in (whole[: len(whole) // 2], b"", b"\x00" * len(whole)):
                file.write_bytes(damaged)
                _refused(folder, file.name)
            file.unlink()
            _refused(folder, f"{file.name} (missing)")
            file.write_bytes(whole)


def _refused(folder: Path, what: str) -> None:
    try:
        load_part(folder)
    except SavedVersionError:
        return
    except Exception as error:
        raise AssertionError(f"damaged {what}: must raise SavedVersionError, raised {error!r}") from error
    raise AssertionError(f"damaged {what} was loaded as if it were whole")


def check_toml(part: Any, stage: str = "") -> None:
    """A recipe that names the part with all of its settings builds an equal part, and a wrong key is refused by name.

    stage: the recipe's table, for parts that are not in parts.py.
    """
    use = name_of(type(part))
    stage = stage or stage_of(use) or "retrieve"
    table = {"use": use, **{name: value for name, value in settings(part).items() if value is not None}}
    built = _from_recipe(stage, table)
    assert type(built) is type(part), "the recipe builds the part it names"
    assert settings(built) == settings(part), "a recipe gives back every setting"
    said = ""
    try:
        _from_recipe(stage, {**table, "no_such_setting": 1})
    except SettingError as error:
        said = str(error)
    assert "no_such_setting" in said, f"a wrong key is refused by name, got: {said or 'it was accepted'}"


def _from_recipe(stage: str, table: dict[str, Any]) -> Any:
    given: Any = {"encode": {"text": table}, "filter": table}.get(stage, [table])
    recommender = read_recipe(to_toml({stage: given})).recommender
    stages = (recommender.rankers, recommender.rerankers, recommender.explainers)
    if stage == "encode":
        return recommender.encoders["text"]
    if stage == "filter":
        return recommender.filter
    return {
        "retrieve": tuple(recommender.retrievers.values()),
        **dict(zip(("rank", "rerank", "explain"), stages, strict=True)),
    }[stage][0]


def _bytes_of(dataset: Dataset) -> bytes:
    table = dataset.interactions
    columns: list[Array] = [table.users, table.items, table.times, table.weights, table.kinds, table.values]
    columns += dataset.items.vectors.values()
    return b"".join(column.tobytes() for column in columns)
