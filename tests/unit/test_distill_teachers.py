"""A cross-encoder teaches what no event tells to each student that has a vector for everything; it does not serve."""

from itertools import product

import numpy as np
import polars as pl
import pytest

from zhiyin.query import Query
from zhiyin.workspace.workspace import Workspace

pytest.importorskip("transformers")
from tiny_judge import COLOURS, THINGS, fits, tiny_judge

LIGHT = {
    "two_tower": """
use = "two_tower"
width = 16
buckets = 16
hide = 0.0
epochs = 5
batch = 16
""",
    "next_item": """
use = "next_item"
width = 16
blocks = 1
length = 8
epochs = 5
batch = 16
""",
}


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return tiny_judge(tmp_path_factory.mktemp("judge") / "model", 1)


@pytest.fixture
def workspace(tmp_path):
    """Everyone meets any thing, then a colour; held out is a thing that goes with the colour, which no event before tells."""
    rng = np.random.default_rng(0)
    things = [f"{colour} {thing}" for colour, thing in product(COLOURS, THINGS)]
    items = [(f"t{n}", title) for n, title in enumerate(things)]
    items += [(f"c{n}", COLOURS[n % len(COLOURS)]) for n in range(18)]
    events = []
    for user in range(360):
        colour = user % len(COLOURS)
        right = [item for item, title in items[: len(things)] if fits(COLOURS[colour], title)]
        met = [f"t{rng.integers(len(things))}", f"c{colour + 6 * rng.integers(3)}", str(rng.choice(right))]
        events += [(f"u{user}", item) for item in met]
    pl.DataFrame(events, ["user_id", "item_id"], orient="row").write_csv(tmp_path / "events.csv")
    pl.DataFrame(items, ["item_id", "title"], orient="row").write_csv(tmp_path / "items.csv")
    made = Workspace(tmp_path / "shop", clock=lambda: 0.0)
    made.ingest([tmp_path / "items.csv", tmp_path / "events.csv"])
    return made


def written(folder, name, *tables):
    (folder / f"{name}.toml").write_text(f'name = "{name}"\n' + "\n".join(tables))
    return str(folder / f"{name}.toml")


def light(folder, kind):
    return written(
        folder, "light", f'[[retrieve]]\nspace = ""\nvalidated = 0\nlearning_rate = 0.01\ntaught = 5.0\n{LIGHT[kind]}'
    )


@pytest.mark.parametrize("kind", LIGHT)
def test_a_cross_encoder_teaches_and_the_student_serves_without_it(workspace, tmp_path, judge, kind):
    teacher = written(
        tmp_path, "slow", '[[retrieve]]\nuse = "popular"',
        f'[[rank]]\nuse = "cross_encoder"\nmodel = "{judge}"\nweight = 1.0\nrecommend = true\nhistory = 1\ncandidates = 100',
    )  # fmt: skip
    outcome, version = workspace.distill(teacher, light(tmp_path, kind))
    assert not outcome.refused, outcome.lines()
    assert outcome.gain[1] > 0, outcome.lines()
    assert version
    recommender = workspace.load().recommender
    assert not recommender.rankers
    liked = recommender.items.vocabulary.position("c0")
    assert len(recommender.recommend(Query(seeds=np.array([liked], np.int32))).candidates) == 10
