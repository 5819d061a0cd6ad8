"""The search of settings: within its budget, on validation alone, resumed from its journal, and the recipe it writes reads."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from zhiyin.cli.app import app
from zhiyin.data.split import leave_one_out
from zhiyin.errors import SettingError, TrainingError
from zhiyin.evaluation.search_space import axes_of
from zhiyin.evaluation.study import study
from zhiyin.part import learned, part, setting
from zhiyin.recipe import read_recipe
from zhiyin.stages import Scorer
from zhiyin.testing import small_dataset

RECIPE = """
name = "two"
[[retrieve]]
use = "transition"
decay = 0.9
[[retrieve]]
use = "item_knn"
name = "near"
shrinkage = 3
[[rank]]
use = "blend"
[[rerank]]
use = "mmr"
"""


@pytest.fixture(scope="module")
def split():
    found = leave_one_out(small_dataset(0, users=60, clock=False))
    return dataclasses.replace(found, test=None, test_fit=None)  # whoever reads test here fails


@part
class Tuned(Scorer):
    """Knows the answers of validation, and says them the louder the nearer `at` is to .7."""

    at: float = setting(0.0, least=0, most=1, tune=(0.0, 0.5, 1.0), at_request=True)
    kind: str = setting("good", options=("good", "broken"))
    size: int = learned()

    answers = None

    def fit(self, dataset):
        if self.kind == "broken":
            raise TrainingError("the loss is nan")
        self.size = len(dataset.items)
        return self

    def scores(self, queries):
        rows = np.random.default_rng(0).random((len(queries), self.size)).astype(np.float32)
        for row, query in enumerate(queries):
            rows[row, Tuned.answers[query.profile.user_id]] = 1.2 - 2 * abs(self.at - 0.7)
        return rows


@pytest.fixture
def known(split):
    Tuned.answers = {
        split.valid.known.users[user]: one[0] for user, one in zip(split.valid.users, split.valid.targets, strict=True)
    }
    return read_recipe(f'[[retrieve]]\nuse = "{__name__}:Tuned"\nname = "it"')


def test_a_range_is_searched_and_its_best_place_is_found(known, split):
    found = study(known, split, part="it", trials=25, ranges={"retrieve.it.at": "0:1"}, seed=1)
    assert found.best > found.own + 0.2
    assert abs(found.chosen["retrieve.it.at"] - 0.7) < 0.15
    assert found.recipe.recommender.retrievers["it"].at == found.chosen["retrieve.it.at"]


def test_few_choices_are_tried_once_each_and_then_it_stops(known, split):
    found = study(known, split, trials=500)
    assert found.trials < 100
    assert found.chosen == {"retrieve.it.at": 0.5}


def test_settings_that_cannot_be_fitted_cost_a_trial_and_no_more(known, split):
    found = study(known, split, trials=12, ranges={"retrieve.it.kind": "good,broken"})
    assert found.failed > 0
    assert "retrieve.it.kind" not in found.chosen
    broken = read_recipe(known.text + '\nkind = "broken"')
    with pytest.raises(SettingError, match="no trial could be fitted: the loss is nan"):
        study(broken, split, part="it", trials=2)


def test_a_whole_recipe_keeps_what_is_best_and_its_text_reads(split):
    recipe = read_recipe(RECIPE)
    found = study(recipe, split, trials=3)
    assert found.trials == 3
    assert found.best >= found.own
    again = read_recipe(found.recipe.text).recommender
    assert list(again.retrievers) == ["transition", "near"]
    for key, value in found.chosen.items():
        stage, name, setting_name = key.split(".")
        if stage == "retrieve":
            assert getattr(again.retrievers[name], setting_name) == value
    assert {axis.key.split(".")[0] for axis in axes_of(recipe, "", {}, False)} == {"retrieve", "rerank"}


def test_the_recipes_own_settings_come_first_and_stay_when_nothing_is_better(split):
    recipe = read_recipe(RECIPE)
    found = study(recipe, split, part="near", trials=1)
    assert found.own == found.best
    assert not found.chosen
    assert found.recipe is recipe


def test_a_journal_is_gone_on_with_and_no_other_search_may_use_it(split, tmp_path):
    recipe, file = read_recipe(RECIPE), tmp_path / "a" / "study.log"
    first = study(recipe, split, part="near", trials=2, file=file)
    second = study(recipe, split, part="near", trials=2, file=file)
    assert (first.trials, second.trials) == (2, 4)
    assert second.own == first.own
    assert second.best >= first.best
    with pytest.raises(SettingError, match="a study of another recipe, data or search"):
        study(recipe, split, part="transition", trials=2, file=file)
    file.write_text('{"no": "journal"}\n')
    with pytest.raises(SettingError, match="not a study that can be read"):
        study(recipe, split, part="near", trials=2, file=file)


def test_seconds_bound_a_call_without_a_number_of_trials(split):
    assert study(read_recipe(RECIPE), split, part="transition", seconds=0.01, wide=True).trials == 1


WRONG = [
    ({}, "give a budget"),
    ({"trials": 1, "part": "absent"}, "no source is called 'absent'; there are transition, near"),
    (
        {"trials": 1, "ranges": {"retrieve.near.warmth": "1:2"}},
        "no setting is called .'retrieve.near.warmth'.; settings are",
    ),
    ({"trials": 1, "ranges": {"retrieve.near.decay": "0.5:7"}}, "must be at most 1"),
    ({"trials": 1, "ranges": {"retrieve.near.decay": "0.9:0.5"}}, "write low:high"),
    ({"trials": 1, "ranges": {"retrieve.near.shrinkage": "0:5:log"}}, "low above 0"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_what_makes_no_sense_is_refused(split, given, said):
    with pytest.raises(SettingError, match=said):
        study(read_recipe(RECIPE), split, **given)


def test_the_command_writes_a_recipe(tmp_path):
    dataset = small_dataset(1, users=50, clock=False)
    table = dataset.interactions
    rows = {
        "user_id": [dataset.users[u] for u in table.users],
        "item_id": [dataset.items[i].item_id for i in table.items],
    }
    pl.DataFrame({**rows, "position": np.arange(len(table))}).write_csv(tmp_path / "events.csv")
    out = tmp_path / "tuned.toml"
    asked = ["tune", "-d", str(tmp_path), "-o", str(out), "-r", "item_knn", "--split", "leave-one-out", "--trials", "4"]
    done = CliRunner().invoke(app, [*asked, "--set", "retrieve.item_knn.neighbours=5:40"])
    assert done.exit_code == 0, done.output
    assert "4 trials in" in done.output
    assert "item_knn" in read_recipe(out.read_text()).recommender.retrievers
