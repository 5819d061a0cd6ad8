"""Every part in the table obeys the laws of its stage: a new line in parts.py is covered without a change here."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from quick_settings import QUICK

from zhiyin.errors import MissingExtra, NotFitted
from zhiyin.item import Item
from zhiyin.part import learned_of
from zhiyin.parts import PARTS, class_of
from zhiyin.query import Query
from zhiyin.stages import Extendable, Fittable
from zhiyin.testing import (
    check_encoder,
    check_erasure,
    check_explainer,
    check_extending,
    check_ranker,
    check_reranker,
    check_retriever,
    check_saving,
    check_toml,
    dataset_to_erase_from,
    fitted_ranker,
    made_candidates,
    odd_queries,
    small_dataset,
)

RETRIEVERS = sorted(PARTS["retrieve"])
FEW = tries(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SHAPES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 1000),
        "users": st.integers(1, 30),
        "items": st.integers(1, 40),
        "events": st.integers(1, 12),
        "clock": st.booleans(),
        "friends": st.booleans(),
    }
)

NEEDED = {use: {"model": "a/folder"} for use in ("huggingface", "clip", "vit")}
"""Settings without which a part cannot be made."""


def made(use):
    """A part with its default settings, or quick ones where it trains; a skip that says which library is absent."""
    try:
        return class_of(use)(**NEEDED.get(use, {}), **QUICK.get(use, {}))
    except MissingExtra as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("use", [use for table in PARTS.values() for use in table])
def test_a_recipe_gives_back_every_setting(use):
    check_toml(made(use))


@pytest.mark.parametrize("use", RETRIEVERS)
@FEW
@given(shape=SHAPES)
def test_retrievers_obey_on_data_of_any_shape(use, shape):
    check_retriever(made(use), small_dataset(**shape))


@pytest.mark.parametrize("use", RETRIEVERS)
@pytest.mark.parametrize(("users", "items"), [(1, 1), (1, 20), (20, 1)])
def test_retrievers_answer_with_one_user_or_one_item(use, users, items):
    check_retriever(made(use), small_dataset(0, users, items))


@pytest.mark.parametrize("use", RETRIEVERS)
def test_retrievers_answer_the_same_after_a_load(use):
    dataset = small_dataset(1)
    queries = odd_queries(dataset)

    def ask(part):
        found = part.retrieve(queries, 10)
        return [column for one in found for column in (one.items, one.scores)]

    check_saving(made(use).fit(dataset), ask)


@pytest.mark.parametrize("use", RETRIEVERS)
def test_retrievers_that_learned_nothing_say_so(use):
    part = made(use)
    if learned_of(type(part)):
        with pytest.raises(NotFitted):
            part.retrieve([Query()], 3)


@pytest.mark.parametrize("use", RETRIEVERS)
def test_extending_keeps_what_was_and_survives_a_load(use):
    dataset = small_dataset(2)
    part = made(use).fit(dataset)
    if not isinstance(part, Extendable):
        pytest.skip(f"{use} takes no items after fit")
    live = dataset.items.copy()
    vector = live.vectors["text"][0]
    added = live.put(Item("newcomer", "unheard of", attributes={"kind": "kind 0"}), {"text": vector})
    part.extend(live, [added])
    asked = Query(now=dataset.as_of + 1, text="unheard", text_vectors={"text": vector})
    # Whoever is asked for: what one person likes decides whether they like this kind.
    people = [Query(dataset.profile(user), now=dataset.as_of + 1) for user in range(len(dataset.users))]
    found = [part.retrieve([asked], 5)[0], *part.retrieve(people, len(live))]
    assert any(added in one.items for one in found)
    check_saving(part, lambda one: [one.retrieve([asked], 10)[0].items])


@pytest.mark.parametrize("use", RETRIEVERS)
@pytest.mark.parametrize("clock", [True, False])
def test_a_copy_that_is_extended_leaves_the_original(use, clock):
    part = made(use)
    if not isinstance(part, Extendable):
        pytest.skip(f"{use} takes no items after fit")
    check_extending(part, small_dataset(2, clock=clock))


@pytest.mark.parametrize("use", sorted(PARTS["rank"]))
@pytest.mark.parametrize("clock", [True, False])
def test_rankers_obey(use, clock):
    check_ranker(made(use), small_dataset(3, users=60, clock=clock))


@pytest.mark.parametrize("use", sorted(PARTS["rank"]))
def test_rankers_answer_the_same_after_a_load(use):
    dataset = small_dataset(4, users=60)
    ranker, recommender = fitted_ranker(made(use), dataset)
    queries = odd_queries(dataset)
    shown = recommender.candidates(queries)
    check_saving(ranker, lambda one: one.predict(queries, shown, recommender.items))


@pytest.mark.parametrize("use", sorted([*PARTS["rerank"], *PARTS["filter"]]))
@pytest.mark.parametrize("seed", [5, 6])
def test_rerankers_obey(use, seed):
    check_reranker(made(use), small_dataset(seed))


@pytest.mark.parametrize("use", sorted([*PARTS["rerank"], *PARTS["filter"]]))
def test_rerankers_answer_the_same_after_a_load(use):
    dataset = small_dataset(7)
    recommender, queries, shown = made_candidates(dataset)
    part = made(use)
    if isinstance(part, Fittable):
        part.fit(dataset)

    def ask(one):
        return [one.select(*row, recommender.items, 5).kept for row in zip(queries, shown, strict=True)]

    check_saving(part, ask)


@pytest.mark.parametrize("use", sorted(PARTS["explain"]))
@pytest.mark.parametrize("seed", [8, 9])
def test_explainers_cite_only_what_exists(use, seed):
    check_explainer(made(use), small_dataset(seed))


# Loading a pretrained model takes longer than all other laws together.
LIGHT = {"hashing"}
BLIND_TO_WORDS = {"efficientnet"}
ENCODERS = [use if use in LIGHT else pytest.param(use, marks=pytest.mark.slow) for use in sorted(PARTS["encode"])]


@pytest.mark.parametrize("use", ENCODERS)
def test_encoders_obey(use):
    if use in NEEDED:
        pytest.skip(f"{use} reads a model from a hub or folder: its own tests make one")
    part = made(use)
    check_encoder(part)
    if use in BLIND_TO_WORDS:
        return
    assert not np.allclose(part.encode(["red wine"]), part.encode(["a green river"]))


@pytest.mark.parametrize("use", [*RETRIEVERS, *sorted(PARTS["rank"]), *sorted(PARTS["rerank"])])
def test_parts_can_be_made_to_forget(use):
    dataset = dataset_to_erase_from()
    part = made(use)
    if use in PARTS["rank"]:
        part, _ = fitted_ranker(part, dataset)
    elif isinstance(part, Fittable):
        part.fit(dataset)
    check_erasure(part, dataset)
