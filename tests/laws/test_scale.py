"""The laws of scale, for every ranker and every shipped recipe, and parts that break them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from quick_settings import QUICK

import zhiyin
from zhiyin.errors import MissingExtra
from zhiyin.evaluation.toml_text import with_settings
from zhiyin.part import part, setting
from zhiyin.parts import PARTS, class_of
from zhiyin.ranking.blend import Blend, source_opinions
from zhiyin.recipe import load_recipe, read_recipe
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.testing import check_scale, check_scale_of_recipe, small_dataset

FEW = tries(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),  # each example fits a ranker several times: a failing one is told as it is
)
FACTORS = st.sampled_from([1e-9, 0.37, 3.0, 1e9])
SHIFTS = st.sampled_from([0.0, -600.0, 1000.0])
RECIPES = sorted(path.stem for path in (Path(zhiyin.__file__).parent / "recipes").glob("*.toml"))


def made(use):
    """A ranker that learns the made data in a moment."""
    try:
        return class_of(use)(**QUICK.get(use, {}))
    except MissingExtra as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("use", sorted(PARTS["rank"]))
@FEW
@given(factor=FACTORS, shift=SHIFTS, seed=st.integers(0, 100))
def test_rankers_obey_the_laws_of_scale(use, factor, shift, seed):
    check_scale(made(use), small_dataset(seed, users=60), factor, shift)


def recommender_of(name):
    """A shipped recipe's recommender, with parts that train in a moment."""
    recipe = load_recipe(name)
    quick = {}
    for source, own in recipe.recommender.retrievers.items():
        use = next(short for short, where in PARTS["retrieve"].items() if where.endswith(f":{type(own).__name__}"))
        if use in QUICK:
            quick[source] = QUICK[use]
    recommender = read_recipe(with_settings(recipe.text, quick) if quick else recipe.text).recommender
    recommender.encoders = {}  # the made items have vectors of their own
    return recommender


@pytest.mark.parametrize("name", RECIPES)
@tries(FEW, max_examples=2)
@given(factor=FACTORS, shift=SHIFTS, place=st.integers(0, 6))
def test_shipped_recipes_obey_the_laws_of_scale(name, factor, shift, place):
    sources = list(recommender_of(name).retrievers)
    data = small_dataset(3, users=60)
    check_scale_of_recipe(lambda: recommender_of(name), data, sources[place % len(sources)], factor, shift)


@part
class Broken(Blend):
    """Breaks one law of scale, by name."""

    fault: str = setting("")
    """What is wrong with it."""

    def predict(self, queries, candidates, items):
        if self.fault == "divides by the best":
            return [one.source_scores[:, :1] / np.nanmax(one.source_scores[:, :1], initial=1e-9) for one in candidates]
        found = super().predict(queries, candidates, items)
        if self.fault == "reads raw scores":
            raw = [np.nan_to_num(one.source_scores, nan=0, posinf=9, neginf=-9) for one in candidates]
            return [np.clip(a + b.sum(1, keepdims=True), -20, 20) for a, b in zip(found, raw, strict=True)]
        if self.fault == "has no bound":
            return [np.exp(one * 3) for one in found]
        if self.fault == "takes more than its share":
            return [3 * source_opinions(one, one.sources[:1]) * 0.9 for one in candidates]
        return found


@pytest.mark.parametrize(
    ("fault", "law"),
    [
        ("divides by the best", "learned share"),
        ("reads raw scores", "change no order"),
        ("has no bound", "lie between|learned share"),
        ("takes more than its share", "learned share"),
    ],
)
def test_a_ranker_that_breaks_a_law_of_scale_is_noticed(fault, law):
    dataset = small_dataset(3, users=60)
    check_scale(Broken(), dataset, 3.0, 1000.0)
    with pytest.raises(AssertionError, match=law):
        check_scale(Broken(fault=fault), dataset, 3.0, 1000.0)


def test_a_recipe_that_breaks_a_law_of_scale_is_noticed():
    def whole(fault):
        return lambda: Recommender(retrieve=[Popular(), Transition()], rank=[Broken(fault=fault)])

    data = small_dataset(3, users=60)
    check_scale_of_recipe(whole(""), data, "popular", 3.0, 1000.0)
    with pytest.raises(AssertionError, match=r"change no answer|left the list"):
        check_scale_of_recipe(whole("reads raw scores"), data, "popular", 3.0, 1000.0)
