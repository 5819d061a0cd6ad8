"""Versions: what was saved answers the same; a damaged folder is refused, whatever was damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset, build
from zhiyin.errors import SavedVersionError
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.recipe import Recipe, read_recipe
from zhiyin.workspace.version import load_version, read_manifest, save_version

TEXT = 'name = "two"\n[[retrieve]]\nuse = "transition"\n[[retrieve]]\nuse = "popular"\n'


def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    rows = [Item(f"i{number}", f"Item {number}", attributes={"kind": ("a", "b"), "size": 1.5}) for number in range(12)]
    users = [f"u{number // 6}" for number in range(60)]
    return build(users, Items.of(rows), [f"i{n}" for n in rng.integers(0, 12, 60)], np.arange(60.0))


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Recipe, Path, Dataset]:
    recipe, data = read_recipe(TEXT), dataset()
    data.items.set_vectors("text", np.eye(12, 4, dtype=np.float32))
    recipe.recommender.fit(data)
    save_version(recipe, tmp_path / "0001", created=1.0, fingerprint="f", data={"users": 10})
    return recipe, tmp_path / "0001", data


def test_a_loaded_version_answers_as_the_saved_one(saved: tuple[Recipe, Path, Dataset]) -> None:
    recipe, folder, data = saved
    loaded = load_version(folder).recommender
    assert loaded.items.rows == recipe.recommender.items.rows
    np.testing.assert_array_equal(loaded.items.vectors["text"], data.items.vectors["text"])
    for user in range(len(data.users)):
        query = Query(data.profile(user), n=5, now=data.as_of)
        before, after = recipe.recommender.recommend(query), loaded.recommend(query)
        assert before.ids(data.items) == after.ids(loaded.items)
        np.testing.assert_array_equal(before.candidates.scores, after.candidates.scores)
    assert read_manifest(folder).data == {"users": 10}


def test_every_file_of_a_version_is_guarded(saved: tuple[Recipe, Path, Dataset]) -> None:
    _, folder, _ = saved
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 7
    for path in files:
        whole = path.read_bytes()
        for damage in (whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1]), b"", None):
            path.unlink()
            if damage is not None:
                path.write_bytes(damage)
            # The manifest is JSON, so a flipped last newline may still be the same document.
            if path.name != "manifest.json" or damage is None or len(damage) < len(whole):
                with pytest.raises(SavedVersionError):
                    load_version(folder)
            path.write_bytes(whole)
    assert load_version(folder).name == "two"


def test_a_version_never_changes(saved: tuple[Recipe, Path, Dataset]) -> None:
    recipe, folder, _ = saved
    with pytest.raises(SavedVersionError, match="exists already"):
        save_version(recipe, folder, created=2.0, fingerprint="g", data={})


def test_a_manifest_cannot_point_outside_its_folder(saved: tuple[Recipe, Path, Dataset]) -> None:
    _, folder, _ = saved
    (folder.parent / "secret").write_text("x")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"recipe.toml"', '"../secret"'))
    with pytest.raises(SavedVersionError, match="lies outside"):
        load_version(folder)
