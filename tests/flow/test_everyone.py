"""Everybody's lists in one file: what each would be answered alone, and what a stop leaves is gone on with."""

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from zhiyin.cli.app import app
from zhiyin.errors import DataError, SettingError
from zhiyin.serving import everyone
from zhiyin.serving.answers import seed_of
from zhiyin.serving.opening import open_engine
from zhiyin.workspace.workspace import Workspace

RECIPE = """
name = "small"
[[retrieve]]
use = "transition"
[[retrieve]]
use = "item_knn"
[[retrieve]]
use = "popular"
[[rank]]
use = "blend"
[[rerank]]
use = "explore"
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("everyone")
    rng = np.random.default_rng(0)
    rows = [f"u{rng.integers(40)},i{rng.integers(60)},{1_700_000_000 + 3600 * n}" for n in range(600)]
    (folder / "events.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]))
    (folder / "users.csv").write_text("user_id,town\nnew,here\nu1,there\n")
    (folder / "small.toml").write_text(RECIPE)
    made = Workspace(folder / "w", clock=lambda: 1.8e9)
    made.ingest([folder / "events.csv", folder / "users.csv"])
    made.fit(str(folder / "small.toml"))
    return made


@pytest.fixture
def engine(workspace):
    opened = open_engine(workspace)
    opened.settle()
    yield opened
    opened.close()


class Stopped(Exception):
    pass


def stop_after(pieces):
    def progress(text, done=None, total=None):
        if done == pieces * everyone.PIECE:
            raise Stopped

    return progress


def test_everybody_gets_what_they_would_be_answered_alone(engine, tmp_path):
    assert everyone.recommend_everyone(engine, tmp_path / "lists.parquet", n=7) == 41
    lists = pl.read_parquet(tmp_path / "lists.parquet")
    assert lists["user_id"].unique(maintain_order=True).to_list() == sorted({f"u{n}" for n in range(40)} | {"new"})
    for (user,), one in lists.group_by(["user_id"], maintain_order=True):
        alone = engine.recommend(user, 7, explain=False, seed=seed_of(user))["items"]
        assert one["item_id"].to_list() == [shown["item_id"] for shown in alone]
        assert one["rank"].to_list() == [shown["rank"] for shown in alone]
        assert one["score"].to_list() == [np.float32(shown["score"]) for shown in alone]


def test_what_was_stopped_goes_on_and_ends_the_same(workspace, engine, tmp_path, monkeypatch):
    monkeypatch.setattr(everyone, "PIECE", 9)
    everyone.recommend_everyone(engine, tmp_path / "whole.parquet")
    out = tmp_path / "stopped.parquet"
    with pytest.raises(Stopped):
        everyone.recommend_everyone(engine, out, progress=stop_after(2))
    assert not out.exists()
    done = sorted(path.name for path in (tmp_path / "stopped.parquet.pieces").glob("*.parquet"))
    assert len(done) == 2
    later = open_engine(Workspace(workspace.folder, clock=lambda: 1.9e9))
    asked = []
    everyone.recommend_everyone(later, out, progress=lambda text, done, total: asked.append(done))
    assert pl.read_parquet(out).equals(pl.read_parquet(tmp_path / "whole.parquet"))
    assert asked == [9, 18, 27, 36, 41]
    assert [path.name for path in tmp_path.iterdir() if "stopped" in path.name] == ["stopped.parquet"]


def test_what_is_said_before_any_work(engine, tmp_path, monkeypatch):
    out = tmp_path / "lists.parquet"
    out.touch()
    with pytest.raises(DataError, match="is there already; move it away"):
        everyone.recommend_everyone(engine, out)
    with pytest.raises(DataError, match=r"ends in \.parquet"):
        everyone.recommend_everyone(engine, tmp_path / "lists.csv")
    with pytest.raises(DataError, match="no such folder"):
        everyone.recommend_everyone(engine, tmp_path / "nowhere" / "lists.parquet")
    monkeypatch.setattr(everyone, "PIECE", 9)
    with pytest.raises(Stopped):
        everyone.recommend_everyone(engine, tmp_path / "other.parquet", progress=stop_after(1))
    with pytest.raises(DataError, match=r"another job \(n differ\); delete it to begin anew"):
        everyone.recommend_everyone(engine, tmp_path / "other.parquet", n=3)
    monkeypatch.setattr(everyone, "ROW_BYTES", 10**15)
    with pytest.raises(DataError, match="MB are free"):
        everyone.recommend_everyone(engine, tmp_path / "large.parquet")
    assert not (tmp_path / "large.parquet.pieces").exists()


def test_the_command(workspace, tmp_path):
    out = tmp_path / "lists.parquet"
    where = ["-w", str(workspace.folder)]
    result = CliRunner().invoke(
        app, ["recommend", "--all", "--out", str(out), "-n", "3", *where], catch_exceptions=False
    )
    assert f"41 lists in {out}" in result.output
    assert pl.read_parquet(out)["rank"].max() == 3
    for wrong in ([], ["u1", "--all"], ["--all"], ["u1", "--out", str(out)], ["u1", "--all", "--out", str(out)]):
        with pytest.raises(SettingError, match="give a USER, or --all with --out"):
            CliRunner().invoke(app, ["recommend", *wrong, *where], catch_exceptions=False)
