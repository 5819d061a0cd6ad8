"""The distill job: what was taught becomes the version that serves, alone; what was refused changes nothing."""

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from zhiyin.cli.app import app
from zhiyin.query import Query
from zhiyin.workspace.workspace import Workspace

STUDENT = """
name = "light"
[[retrieve]]
use = "two_tower"
width = 16
buckets = 16
space = ""
hide = 0.0
epochs = 1
validated = 0
batch = 64
learning_rate = 0.01
taught = 5.0
"""


@pytest.fixture
def workspace(tmp_path):
    """After item a always comes item a + 1: one table of what follows what knows it all; a student of one epoch does not."""
    rng, rows = np.random.default_rng(0), []
    for user in range(150):
        start = rng.integers(0, 40)
        rows += [
            (f"u{user}", f"i{(start + step) % 40}", 1_700_000_000 + 86_400 * (10 * step + user % 10))
            for step in range(5)
        ]
    pl.DataFrame(rows, ["user_id", "item_id", "timestamp"], orient="row").write_csv(tmp_path / "events.csv")
    (tmp_path / "student.toml").write_text(STUDENT)
    made = Workspace(tmp_path / "shop", clock=lambda: 0.0)
    made.ingest([tmp_path / "events.csv"])
    return made


def test_what_was_taught_serves_alone_and_a_worse_teacher_changes_nothing(workspace, tmp_path):
    student = str(tmp_path / "student.toml")
    outcome, version = workspace.distill("popular", student)
    assert outcome.refused
    assert not version
    assert not workspace.versions()
    outcome, version = workspace.distill("transition", student)
    assert outcome.taught, outcome.lines()
    assert workspace.current() == version == "0001"
    recommender = workspace.load().recommender
    assert list(recommender.retrievers) == ["two_tower"]
    assert not recommender.rankers
    assert len(recommender.recommend(Query()).candidates) == 10


def test_the_command_says_why_it_refuses(workspace, tmp_path):
    asked = ["distill", "-t", "popular", "-s", str(tmp_path / "student.toml"), "-w", str(workspace.folder)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert "refused: the teacher is not better than the student" in done.output
