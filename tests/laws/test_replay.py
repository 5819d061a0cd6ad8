"""Replay: what is wanted, when things appear, popularity by hand, what is said of odd input, and the command."""

import json

import numpy as np
import polars as pl
import pytest
from made_story import made_story, recipe_file
from typer.testing import CliRunner

from zhiyin.cli.app import app
from zhiyin.cli.demonstration import lived_through, measured
from zhiyin.data.weights import EventWeights
from zhiyin.errors import DataError, SettingError
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.progress import silent
from zhiyin.replay.facts import Facts
from zhiyin.replay.page import page
from zhiyin.replay.rivals import WEEK, WeekPopularity
from zhiyin.replay.run import Options, replay_folder, replay_workspace
from zhiyin.replay.story import story_of
from zhiyin.replay.world import Arrivals
from zhiyin.stores.memory import MemoryStore
from zhiyin.workspace.workspace import Workspace


def story(*events, items=(), has_clock=True):
    store = MemoryStore()
    store.meta.put("has_clock", has_clock)
    store.catalog.put(items)
    store.log.append(
        [Event(user, item, kind, float(when), event_id=f"{at}") for at, (user, item, kind, when) in enumerate(events)]
    )
    return story_of(store, "told")


def folder_of(path, rows, header="user_id,item_id,timestamp"):
    path.mkdir(exist_ok=True)
    (path / "events.csv").write_text("\n".join([header, *rows]) + "\n")
    return path


def test_wanted_is_liked_and_new_to_the_person():
    told = story(
        ("a", "x", "view", 1), ("a", "x", "purchase", 2), ("a", "y", "dislike", 3), ("a", "y", "like", 4),
        ("a", "z", "impression", 5), ("a", "z", "like", 6), ("b", "x", "like", 6), ("a", "", "search", 7), ("a", "z", "like", 8),
    )  # fmt: skip
    facts = Facts.of(told, EventWeights(), 6.0)
    assert np.flatnonzero(facts.wanted(0.0)).tolist() == [0, 5, 6]
    assert np.flatnonzero(facts.wanted(6.0)).tolist() == [5, 6]
    assert facts.before(np.array([0, 5, 6])).tolist() == [0, 4, 0]


def test_items_appear_when_they_say_but_no_later_than_they_are_named():
    items = [Item("dated", available_from=50.0), Item("named"), Item("both", available_from=80.0), Item("always")]
    told = story(("a", "named", "like", 10), ("a", "both", "like", 20), ("a", "unlisted", "like", 30), items=items)
    assert told.appears == {"dated": 50.0, "named": 10.0, "both": 20.0, "always": -np.inf, "unlisted": 30.0}
    arrivals = Arrivals(told.appears, 20.0)
    assert arrivals.before == ["always", "named"]
    assert [arrivals.until(moment) for moment in (20.0, 49.0, 50.0, 99.0)] == [["both"], ["unlisted"], ["dated"], []]


@pytest.mark.parametrize("seed", range(5))
def test_popularity_of_the_week_is_what_counting_by_hand_gives(seed):
    told = made_story(seed)
    facts = Facts.of(told, EventWeights(rating_scale=(1.0, 5.0)), 0.0)
    shown = np.arange(len(facts.item_names)) % 7 != 0
    week = WeekPopularity(facts, shown)
    frame = pl.DataFrame({"t": facts.times, "u": facts.users, "i": facts.items, "w": facts.signed})
    for row in range(0, len(frame), 9):
        now, user = facts.times[row], int(facts.users[row])
        past = frame.filter((pl.col("t") < now) & (pl.col("w") != 0))
        met = set(past.filter(pl.col("u") == user)["i"])
        liked = past.filter(pl.col("w") > 0)
        ever = dict(liked.unique(["u", "i"]).group_by("i").len().iter_rows())
        lately = dict(liked.filter(pl.col("t") >= now - WEEK).unique(["u", "i"]).group_by("i").len().iter_rows())
        right = sorted((i for i in ever if shown[i] and i not in met), key=lambda i: (-lately.get(i, 0), -ever[i], i))
        assert week.top(now, user, 10).tolist() == right[:10]


def test_means_over_people_drawn_with_all_their_questions():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(200), rng.integers(1, 9, 200))
    taste = rng.random(200)
    values = (rng.random(len(people)) < taste[people]).astype(float)[:, None]
    together, apart = Resamples.by_group(values, people), Resamples(values)
    assert together.observed[0] == pytest.approx(values.mean())
    assert together.means.mean() == pytest.approx(values.mean(), abs=0.01)
    wide, narrow = together.interval(0), apart.interval(0)
    assert wide.high - wide.low > narrow.high - narrow.low


def test_where_it_begins(tmp_path):
    told = story(*(("a", f"{n}", "like", 1.7e9 + n) for n in range(10)))
    assert told.cut(None) == told.cut(".9") == 1.7e9 + 9
    assert told.cut("0.5") == 1.7e9 + 5
    assert told.cut("1700000003") == told.cut("1700000003000") == told.cut("2023-11-14T22:13:23Z") == 1.7e9 + 3
    assert told.cut("2023-11-14T22:13:22.5") == 1.7e9 + 2.5
    for outside in ("2031-01-01", "1999-01-01", "1700000000", "0", "1", "-3"):
        with pytest.raises(SettingError, match="nothing is known before it, or nothing happened afterwards"):
            told.cut(outside)
    for wrong in ("soon", "", "nan", "inf"):
        with pytest.raises(
            SettingError, match=r"must be a share of the events between 0 and 1, like 0\.9, or a moment"
        ):
            told.cut(wrong)


def test_what_is_said_of_odd_input(tmp_path):
    with pytest.raises(DataError, match="order but no times"):
        story(("a", "x", "like", 0), has_clock=False)
    rows = [f"u{n % 3},i{n},{1_700_000_000 + n}" for n in range(20)]
    with pytest.raises(SettingError, match="--refit 0: must be 1 or more"):
        replay_folder(folder_of(tmp_path / "a", rows), Options("popular", refit=0))
    with pytest.raises(SettingError, match="--questions 0: must be 1 or more"):
        Options(questions=0)
    with pytest.raises(DataError, match="order but no times"):
        replay_folder(
            folder_of(tmp_path / "b", [f"u{n},i{n}" for n in range(9)], "user_id,item_id"), Options("popular")
        )
    repeated = [*rows, *(f"u0,i0,{1_700_000_100 + n}" for n in range(9))]
    with pytest.raises(DataError, match=r"none of the 9 events from .* had not met before; take an earlier --from"):
        replay_folder(folder_of(tmp_path / "c", repeated), Options("popular", "1700000100"))
    with pytest.raises(DataError, match="no such folder"):
        replay_folder(tmp_path / "nowhere", Options("popular"))
    with pytest.raises(DataError, match="no events file"):
        replay_folder(tmp_path, Options("popular"))


def test_the_command(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"u{rng.integers(20)},i{rng.integers(30)},{1_700_000_000 + 3600 * n}" for n in range(400)]
    data, out = folder_of(tmp_path / "data", rows), tmp_path / "found.json"
    told = [
        "replay",
        "--data",
        str(data),
        "-r",
        recipe_file(tmp_path),
        "--from",
        ".7",
        "--json",
        str(out),
        "--refit",
        "5",
    ]
    told += ["--html", str(html := tmp_path / "found.html")]
    result = CliRunner().invoke(app, told, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "HR@10 over time" in result.output
    found = json.loads(out.read_text())
    assert [line["name"] for line in found["lines"]] == [
        "live",
        "frozen",
        "popular, 7 days",
        "transition",
        "popular",
        "fresh",
    ]
    assert found["questions"] == found["wanted"] == sum(part["questions"] for part in found["parts"])
    assert found["events"] == sum(part["events"] for part in found["parts"]) == 120
    assert found["refits"] == 1
    assert found["met"] == 0
    shown = html.read_text()
    assert shown.count("<svg") == 2
    assert "<script" not in shown
    assert "http" not in shown.replace("http://www.w3.org", "")


def test_names_from_data_are_escaped_on_the_page(tmp_path):
    rows = [f"u{n % 9},i{n % 17}<b>,{1_700_000_000 + 3600 * n}" for n in range(200)]
    found = replay_folder(folder_of(tmp_path / "<i>", rows), Options("popular", 0.5))
    assert "<i>" not in page(found)
    assert "&lt;i&gt;" in page(found)


def test_a_workspace_is_only_read(tmp_path):
    rng = np.random.default_rng(1)
    rows = [f"u{rng.integers(9)},i{rng.integers(30)},{1_700_000_000 + 3600 * n}" for n in range(200)]
    workspace = Workspace(tmp_path / "w")
    workspace.ingest([folder_of(tmp_path / "data", rows) / "events.csv"])
    before = workspace.store.fingerprint(), workspace.store.log.count()
    found = replay_workspace(workspace, Options(recipe_file(tmp_path), 0.5))
    assert found.document() | {"answers": 0, "puts": 0, "data": ""} == replay_folder(
        tmp_path / "data", Options(recipe_file(tmp_path), 0.5)
    ).document() | {"answers": 0, "puts": 0, "data": ""}
    assert (workspace.store.fingerprint(), workspace.store.log.count()) == before
    assert not workspace.versions()


def test_the_demonstration_lives_through_a_little_with_what_it_fitted(tmp_path):
    rng = np.random.default_rng(2)
    rows = [f"u{rng.integers(20)},i{rng.integers(30)},{1_700_000_000 + 3600 * n}" for n in range(600)]
    workspace = Workspace(tmp_path / "w")
    workspace.ingest([folder_of(tmp_path / "data", rows) / "events.csv"])
    report = measured(workspace, recipe_file(tmp_path), silent)
    assert "Replay of small on w" in report.with_suffix(".html").read_text()
    said = lived_through(report)
    assert said.startswith("lived through the next 60 events, ")
    assert "HR@10 live 0." in said
    assert "frozen 0." in said
    assert not workspace.versions()
    assert lived_through(tmp_path / "gone.json") == "no replay lies beside the report"
