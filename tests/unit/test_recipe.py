"""Recipes: a wrong key is refused by name, with its line and the nearest known key."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhiyin.errors import SettingError
from zhiyin.recipe import load_recipe, read_recipe, recipe_names
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition

GOOD = """
name = "two"
requests = 300
[[retrieve]]
use = "transition"
decay = 0.5
n = 50
[[retrieve]]
use = "popular"
name = "recent"
half_life = 30
[filter]
seen = "show"
[shelf.trending]
sources = ["recent"]
rank = false
"""


def test_a_recipe_becomes_a_recommender() -> None:
    recipe = read_recipe(GOOD)
    made = recipe.recommender
    assert recipe.name == "two"
    assert made.requests == 300
    assert list(made.retrievers) == ["transition", "recent"]
    assert isinstance(made.retrievers["transition"], Transition)
    assert made.retrievers["transition"].decay == 0.5
    assert isinstance(made.retrievers["recent"], Popular)
    assert made.retrievers["recent"].half_life == 30
    assert made.per_source == {"transition": 50, "recent": 100}
    assert made.filter.seen == "show"
    assert made.shelves["trending"].sources == ("recent",)


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        (
            "decay = 0.5",
            "decai = 0.5",
            r"line 6: unknown key 'decai' in \[retrieve: transition\].*Did you mean 'decay'",
        ),
        ("decay = 0.5", "decay = 7", r"line 6: Transition\.decay = 7\.0: must be at most 1"),
        ('use = "transition"', 'use = "transitive"', r"no part is called 'transitive'"),
        ('use = "transition"', 'use = "allowed"', r"'allowed' belongs to \[filter\], not to \[retrieve\]"),
        ('use = "transition"', 'use = "os:system"', r"os:system is not a class"),
        ('sources = ["recent"]', 'sources = ["old"]', r"no source is called \['old'\]"),
        ('name = "two"', 'nome = "two"', r"line 2: unknown key 'nome'.*Did you mean 'name'"),
        ('name = "recent"', 'name = "transition"', r"two sources are called 'transition'"),
        ('name = "recent"', 'name = "../../etc"', r"name = '\.\./\.\./etc': use letters"),
        ("requests = 300", "requests = 0", r"line 3: requests = 0: must be a whole number"),
        ("n = 50", "n = 0", r"n = 0: must be a whole number of at least 1"),
        ('name = "two"', 'name = "two', r"not valid TOML"),
    ],
)
def test_a_wrong_line_is_refused_by_name(line: str, wrong: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        read_recipe(GOOD.replace(line, wrong))


def test_a_single_parts_name_is_a_recipe(tmp_path: Path) -> None:
    assert list(load_recipe("transition").recommender.retrievers) == ["transition"]
    (tmp_path / "mine.toml").write_text(GOOD)
    assert load_recipe(str(tmp_path / "mine.toml")).name == "two"
    with pytest.raises(SettingError, match="no recipe or retriever is called 'nothing'"):
        load_recipe("nothing")


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_that_ships_can_be_read(name: str) -> None:
    assert load_recipe(name).recommender.retrievers
