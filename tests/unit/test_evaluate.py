"""Evaluation: it measures what the recommender would answer, nothing leaks, settings come from validation."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from zhiyin.arrays import NEVER
from zhiyin.data.dataset import build
from zhiyin.data.split import leave_one_out, time_split
from zhiyin.errors import DataError, SettingError, TooLarge
from zhiyin.evaluation.evaluate import evaluate, fit_each, refuse_leaks
from zhiyin.evaluation.lists import FUSED, WHOLE, alone, ranked_lists
from zhiyin.evaluation.report import of_newcomers, print_report, read_report, write_report
from zhiyin.evaluation.run import run_evaluation
from zhiyin.evaluation.tune import tune
from zhiyin.item import Item, Items
from zhiyin.part import learned, part, setting
from zhiyin.query import Query
from zhiyin.recipe import read_recipe
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.stages import Scorer


def with_newcomers(data, item, count=12):
    """The same data and people who come at its very end and all take the same item first."""
    table = data.interactions
    users = [data.users[user] for user in table.users] + [f"new{n}" for n in range(count)]
    items = [data.items[one].item_id for one in table.items] + [data.items[item].item_id] * count
    return build(users, data.items, items, np.append(table.times, np.full(count, table.times.max() + 1)))


def walks(users=80, items=30, length=9, seed=0, noise=0.2, windows=False):
    """People who walk along a ring of items, now and then jumping: the next item follows from the last."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        at = rng.integers(items)
        for step in range(length):
            rows.append((f"u{user}", f"i{at}", step * 1000.0 + rng.integers(900)))
            at = rng.integers(items) if rng.random() < noise else (at + 1) % items
    hidden = {f"i{n}" for n in range(0, items, 2)} if windows else set()
    catalogue = Items.of(
        Item(f"i{n}", f"item {n}", attributes={"kind": str(n % 3)}, hidden=f"i{n}" in hidden) for n in range(items)
    )
    users_, items_, times = zip(*rows, strict=True)
    return build(users_, catalogue, items_, np.array(times))


@part
class Memory(Scorer):
    """Returns for a known user exactly the items that follow the history in what it was fitted on: a leak detector."""

    table: sparse.csr_matrix = learned()

    def fit(self, dataset):
        self.table = dataset.binary()
        return self

    def scores(self, queries):
        rows = np.stack([self.table[query.profile.position].toarray().ravel() for query in queries])
        return np.where(rows > 0, rows, NEVER).astype(np.float32)


@pytest.mark.parametrize("windows", [False, True])
def test_a_part_alone_is_what_a_recommender_with_it_alone_answers(windows):
    split = leave_one_out(walks(windows=windows))
    both = Recommender(retrieve=[Transition(), Popular()], per_source={"transition": 3, "popular": 3}).fit(
        split.test_fit
    )
    lists = ranked_lists(both, split.test, 6)
    assert set(lists) == {WHOLE, FUSED, "transition", "popular"}
    queries = [split.test.query(row, 6) for row in range(len(split.test))]
    for name in ("transition", "popular"):
        for ranked, answer in zip(lists[name], alone(both, name).recommend_batch(queries), strict=True):
            assert ranked[ranked >= 0].tolist()[:3] == answer.candidates.items.tolist()[:3]
    for ranked, answer in zip(lists[WHOLE], both.recommend_batch(queries), strict=True):
        assert ranked[ranked >= 0].tolist() == answer.candidates.items.tolist()


@pytest.mark.parametrize("cut", [time_split, leave_one_out])
def test_a_part_that_remembers_everything_it_was_fitted_on_finds_no_target(cut):
    report = evaluate(Recommender(retrieve={"memory": Memory()}), cut(walks()), baselines={})
    assert report.whole.metrics["hr@20"] <= 0.02


def test_the_detector_detects():
    split = leave_one_out(walks())
    whole_truth = replace(split, name="leaky", test_fit=walks())
    report = evaluate(Recommender(retrieve={"memory": Memory()}), whole_truth, baselines={})
    assert report.whole.metrics["hr@20"] > 0.7


def test_a_shuffled_future_gains_nothing():
    data = walks(users=300, noise=0.1)
    split = time_split(data)
    rng = np.random.default_rng(1)
    shuffled = replace(
        split,
        test=replace(split.test, targets=tuple(split.test.targets[row] for row in rng.permutation(len(split.test)))),
    )
    real, placebo = (
        evaluate(Recommender(retrieve=[Transition()]), one, baselines={}).whole.metrics["ndcg@10"]
        for one in (split, shuffled)
    )
    assert real > 2 * placebo


def test_everything_fitted_is_earlier_than_everything_asked():
    split = time_split(walks())
    assert split.fit.interactions.times.max() < min(split.valid.now) <= split.test_fit.interactions.times.max()
    assert split.test_fit.interactions.times.max() < min(split.test.now)
    with pytest.raises(DataError, match="leak"):
        refuse_leaks(replace(split, test_fit=walks()))
    asked = leave_one_out(walks())
    with pytest.raises(DataError, match="leak"):
        refuse_leaks(replace(asked, test_fit=walks()))


def test_the_report_has_parts_baselines_intervals_and_comes_back_from_json(tmp_path, capsys):
    recipe = read_recipe('name = "both"\n[[retrieve]]\nuse = "transition"\n[[retrieve]]\nuse = "popular"\n')
    report = evaluate(recipe, time_split(walks()), data="<b>walks")
    write_report(report, tmp_path / "r.json", tmp_path / "r.html")
    document = json.loads((tmp_path / "r.json").read_text())
    assert {"data", "recipe", "split", "users", "seconds", "metrics", "parts", "baselines"} <= set(document)
    assert {"ndcg@10", "hr@10", "recall@20", "ndcg@20"} <= set(document["metrics"])
    assert set(document["parts"]) == {"transition", "popular"}
    assert {"popularity", "recent", "transition"} <= set(document["baselines"])
    assert document["parts"]["transition"] == document["baselines"]["transition"]
    again = read_report(tmp_path / "r.json")
    assert again.document() == report.document()
    row = again.whole
    assert row.intervals["ndcg@10"].low <= row.metrics["ndcg@10"] <= row.intervals["ndcg@10"].high
    print_report(again)
    assert "transition" in capsys.readouterr().out
    html = (tmp_path / "r.html").read_text()
    assert "<b>walks" not in html
    assert "&lt;b&gt;walks" in html
    assert not any(one in html for one in ("<script", "http:", "https:"))
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(DataError, match="evaluate again"):
        read_report(tmp_path / "bad.json")


@part
class Counting(Scorer):
    """Popular or not, and counts how often it is fitted."""

    good: bool = setting(False, tune=(False, True), at_request=True)
    """Whether it answers."""
    depth: int = setting(1, tune=(1, 2))
    """Read by fit, changes nothing."""
    counts: np.ndarray = learned()
    fits = 0

    def fit(self, dataset):
        Counting.fits += 1
        self.counts = dataset.popularity()
        return self

    def scores(self, queries):
        return np.tile(self.counts if self.good else np.full(len(self.counts), NEVER), (len(queries), 1))


def test_settings_are_chosen_on_validation_and_the_test_answers_change_nothing():
    split = leave_one_out(walks())
    name = f"{Counting.__module__}:Counting"
    recipe = read_recipe(f'name = "mine"\n[[retrieve]]\nname = "counting"\nuse = "{name}"\n')
    nonsense = replace(split, test=replace(split.test, targets=split.test.targets[::-1]))
    Counting.fits = 0
    found = tune(recipe, split, budget=3)
    assert Counting.fits == 2  # depth 1 and 2; "good" needs no fit
    assert found.recipe.recommender.retrievers["counting"].good is True
    assert 'use = "' in found.recipe.text
    assert "good = true" in found.recipe.text
    mine = [trial for trial in found.trials if trial.part == "counting"]
    assert len(mine) == 3
    assert [trial.chosen for trial in mine].count(True) == 1
    budgets = {
        name: sum(trial.part == name for trial in found.trials) for name in {trial.part for trial in found.trials}
    }
    assert max(budgets.values()) <= 3
    other = tune(recipe, nonsense, budget=3)
    assert [(t.part, t.settings, t.ndcg) for t in other.trials] == [(t.part, t.settings, t.ndcg) for t in found.trials]


def test_a_baseline_too_large_for_memory_is_named_and_left_out():
    class Huge(Popular):
        def fit(self, dataset):
            raise TooLarge("would need 9 TB")

    notes = []
    assert fit_each({"ease": Huge()}, walks(), notes, lambda *_: None) == {}
    assert notes == ["ease is missing: would need 9 TB"]


def test_the_job_reads_a_folder_and_writes_both_files(tmp_path):
    data = walks()
    table = data.interactions
    lines = [
        f"{data.users[u]},{data.items[int(i)].item_id},{t}"
        for u, i, t in zip(table.users, table.items, table.times, strict=True)
    ]
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(lines) + "\n")
    report = run_evaluation(
        tmp_path, "transition", "leave-one-out", tmp_path / "r.json", tmp_path / "r.html", tune_budget=3, users=40
    )
    assert report.users == 40
    assert any("picked by NDCG@10 on validation" in note for note in report.notes)
    assert report.whole.metrics["ndcg@10"] > 0.3
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert read_report(tmp_path / "r.json").document() == report.document()
    with pytest.raises(SettingError, match="leave-one-out"):
        run_evaluation(tmp_path, "transition", "random")


def test_popularity_stays_plain_when_the_recipe_tunes_its_own():
    recipe = read_recipe('name = "mine"\n[[retrieve]]\nuse = "popular"\n')
    found = tune(recipe, time_split(walks()), budget=4)
    assert found.baselines["popularity"].half_life == 0
    assert {trial.part for trial in found.trials} >= {"popular", "baseline recent", "baseline transition"}


def test_people_without_a_history_are_reported_apart(tmp_path):
    before = time_split(with_newcomers(walks(), item=0)).test_fit  # the cut does not depend on what they take
    third = int(Popular().fit(before).retrieve([Query()], 3)[0].items[2])
    split = time_split(with_newcomers(walks(), third))
    report = evaluate(Recommender(retrieve=[Popular(), Transition()]), split)
    assert {row.kind for row in report.newcomers} == {"whole", "fused", "part", "baseline"}
    whole, *_ = report.newcomers
    best = next(row for row in report.newcomers if row.name == "popularity")
    assert whole.metrics["ndcg@10"] == best.metrics["ndcg@10"] == pytest.approx(1 / np.log2(4))
    assert "people without a history" in of_newcomers(report)[0]
    assert len(report.per_user["whole:recommender"]["ndcg@10"]) == len(split.test), "and are in no other number"
    write_report(report, tmp_path / "r.json")
    assert read_report(tmp_path / "r.json").document() == report.document()
    assert of_newcomers(evaluate(Recommender(retrieve=[Popular()]), time_split(walks()))) == []


def test_a_report_from_before_newcomers_were_asked_is_still_read(tmp_path):
    document = evaluate(Recommender(retrieve=[Popular()]), time_split(walks())).document()
    del document["newcomers"]
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert read_report(tmp_path / "old.json").newcomers == []


def test_a_report_says_which_right_answers_could_not_have_been_shown():
    data = walks()
    late = Items([replace(item, available_from=data.as_of + 1) for item in data.items.rows])
    report = evaluate(Recommender(retrieve=[Popular()]), time_split(replace(data, items=late)))
    assert report.rows[0].metrics["ndcg@10"] == 0
    assert any("could not be shown" in note and "available_from is later" in note for note in report.notes)
    plain = evaluate(Recommender(retrieve=[Popular()]), time_split(data))
    assert not any("could not be shown" in note for note in plain.notes)


def test_without_a_clock_no_window_is_compared_with_a_position():
    data = walks()
    dated = Items([replace(item, available_from=1.6e9) for item in data.items.rows])
    numbers = []
    for items in (data.items, dated):
        report = evaluate(
            Recommender(retrieve=[Transition()]), leave_one_out(replace(data, items=items, has_clock=False))
        )
        numbers.append(report.rows[0].metrics["ndcg@10"])
    assert numbers[0] == numbers[1] > 0
