"""A version: everything a fitted Recommender is, in one folder that a person can read.

manifest.json        what it was made of, when, and the SHA-256 of every file
recipe.toml          the recipe it was built from
items.parquet        the catalogue as of the fit; vectors.safetensors its vectors by space
users.json           the users known to it
parts/<stage>-<n>-<name>/   settings.json and state.safetensors of each part
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

import zhiyin
from zhiyin.data.tables import items_from_frame, items_to_frame
from zhiyin.errors import DataError, SavedVersionError
from zhiyin.item import Items
from zhiyin.recipe import Recipe, read_recipe
from zhiyin.saving import FORMAT, load_part, read_json, save_part
from zhiyin.vocabulary import Vocabulary


@dataclass(frozen=True)
class Manifest:
    """What a version was made of. created: seconds since 1970. fingerprint: of the data and the recipe together."""

    recipe: str
    created: float
    fingerprint: str
    data: dict[str, Any] = field(default_factory=dict)
    zhiyin: str = zhiyin.__version__
    files: dict[str, str] = field(default_factory=dict)


def save_version(recipe: Recipe, folder: Path, *, created: float, fingerprint: str, data: dict[str, Any]) -> Manifest:
    """Write a fitted recipe to a folder. It appears under its name only when it is complete.

    Raises SavedVersionError when the folder is there already: versions never change.
    """
    if folder.exists():
        raise SavedVersionError(f"{folder} exists already: a version never changes, choose another name")
    draft = folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    recommender = recipe.recommender
    (draft / "recipe.toml").write_text(recipe.text)
    items_to_frame(recommender.items.rows).write_parquet(draft / "items.parquet")
    if recommender.items.vectors:
        save_file(dict(recommender.items.vectors), draft / "vectors.safetensors")
    (draft / "users.json").write_text(json.dumps(recommender.users.ids, ensure_ascii=False))
    for name, part in _parts(recipe):
        save_part(part, draft / "parts" / name)
    files = {str(path.relative_to(draft)): _sha256(path) for path in sorted(draft.rglob("*")) if path.is_file()}
    manifest = Manifest(recipe.name, created, fingerprint, data, files=files)
    document = {"format": FORMAT, **manifest.__dict__}
    (draft / "manifest.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    draft.rename(folder)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version. Raises SavedVersionError."""
    document = read_json(folder / "manifest.json")
    if document.pop("format", None) != FORMAT:
        raise SavedVersionError(f"{folder}: not a version of this Zhiyin (format {FORMAT}); fit again")
    try:
        return Manifest(**document)
    except TypeError as error:
        raise SavedVersionError(f"{folder}/manifest.json: {error}; fit again or roll back") from error


def tombstone(position: int) -> str:
    """What stands in the place of a forgotten user: no id from outside can hold its first sign, and nothing links back."""
    return f"\x00{position}"


def forget_user(folder: Path, user_id: str) -> bool:
    """Put a tombstone in the place of a user's id in a saved version. Returns whether the id was there.

    What was learned keeps its rows, which are found by position alone. Raises SavedVersionError.
    """
    path = folder / "users.json"
    try:
        users = json.loads(path.read_text())
        place = users.index(user_id)
    except ValueError:
        return False
    except OSError as error:
        raise SavedVersionError(f"{path}: cannot be read ({error})") from error
    users[place] = tombstone(place)
    document = read_json(folder / "manifest.json")
    _replace(path, json.dumps(users, ensure_ascii=False))
    document["files"]["users.json"] = _sha256(path)
    _replace(folder / "manifest.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return True


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".draft")
    draft.write_text(text)
    draft.replace(path)


def load_version(folder: Path) -> Recipe:
    """The fitted recipe saved in a folder, every file checked against the manifest. Raises SavedVersionError."""
    manifest = read_manifest(folder)
    for name, wanted in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SavedVersionError(f"{folder}/manifest.json names '{name}', which lies outside the version")
        if not path.is_file() or _sha256(path) != wanted:
            raise SavedVersionError(f"{path}: missing or changed since it was saved; roll back or fit again")
    recipe = read_recipe((folder / "recipe.toml").read_text(), str(folder / "recipe.toml"))
    recommender = recipe.recommender
    recommender.items, recommender.users = _tables(folder)
    loaded = {name: load_part(folder / "parts" / name) for name, _ in _parts(recipe)}
    recommender.retrievers = {name: loaded[f"retrieve-{name}"] for name in recommender.retrievers}
    recommender.rankers = tuple(loaded[f"rank-{number}"] for number in range(len(recommender.rankers)))
    recommender.rerankers = tuple(loaded[f"rerank-{number}"] for number in range(len(recommender.rerankers)))
    recommender.explainers = tuple(loaded[f"explain-{number}"] for number in range(len(recommender.explainers)))
    recommender.shelves = {
        name: shelf
        if shelf.rerank is None
        else type(shelf)(
            shelf.sources,
            shelf.rank,
            tuple(loaded[f"shelf-{name}-{number}"] for number in range(len(shelf.rerank))),
        )
        for name, shelf in recommender.shelves.items()
    }
    return recipe


def _parts(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Every part that is saved, by the name of its folder."""
    recommender = recipe.recommender
    yield from ((f"retrieve-{name}", part) for name, part in recommender.retrievers.items())
    for stage, parts in (
        ("rank", recommender.rankers),
        ("rerank", recommender.rerankers),
        ("explain", recommender.explainers),
    ):
        yield from ((f"{stage}-{number}", part) for number, part in enumerate(parts))
    for name, shelf in recommender.shelves.items():
        yield from ((f"shelf-{name}-{number}", part) for number, part in enumerate(shelf.rerank or ()))


def _tables(folder: Path) -> tuple[Items, Vocabulary]:
    try:
        rows = items_from_frame(pl.read_parquet(folder / "items.parquet"))
        vectors = load_file(folder / "vectors.safetensors") if (folder / "vectors.safetensors").is_file() else {}
        users = json.loads((folder / "users.json").read_text())
        return Items(rows, vectors), Vocabulary(users, "user")
    except (OSError, ValueError, PolarsError, SafetensorError, DataError) as error:
        raise SavedVersionError(f"{folder}: damaged ({error}); roll back or fit again") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
