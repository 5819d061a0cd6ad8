"""A version: everything a fitted Recommender is, in one folder that a person can read.

manifest.json        what it was made of, when, and the SHA-256 of every file
recipe.toml          the recipe it was built from
items.parquet        the catalogue as of the fit; vectors.safetensors its vectors by space
users.json           the users known to it
parts/<stage>-<n>-<name>/   settings.json and state.safetensors of each part

It appears under its name only when it is complete and on disk. Afterwards it changes in one way alone: what is erased is
taken out of it, see erased.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

import zhiyin
from zhiyin import durable
from zhiyin.data.tables import items_from_frame, items_to_frame
from zhiyin.errors import DataError, SavedVersionError, SettingError
from zhiyin.item import Items
from zhiyin.parts import allowed_parts
from zhiyin.recipe import Recipe, read_recipe
from zhiyin.vocabulary import Vocabulary
from zhiyin.workspace.saving import FORMAT, load_part, read_json, save_part


@dataclass(frozen=True)
class Manifest:
    """What a version was made of. created: seconds since 1970. fingerprint: of the data and the recipe together.

    files: the SHA-256 of each. rewriting: what those being replaced will have, see rewrite; a kill may leave either.
    """

    recipe: str
    created: float
    fingerprint: str
    data: dict[str, Any] = field(default_factory=dict)
    zhiyin: str = zhiyin.__version__
    files: dict[str, str] = field(default_factory=dict)
    rewriting: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The document on disk; "rewriting" is left out where nothing is."""
        document = {"format": FORMAT, **{key: value for key, value in self.__dict__.items() if key != "rewriting"}}
        if self.rewriting:
            document["rewriting"] = self.rewriting
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def save_version(recipe: Recipe, folder: Path, *, created: float, fingerprint: str, data: dict[str, Any]) -> Manifest:
    """Write a fitted recipe to a folder. It appears under its name only when it is complete and on disk.

    Raises SavedVersionError when the name is taken: versions never change.
    """
    if folder.exists():
        raise taken(folder)
    with durable.draft_folder(folder.parent) as draft:
        manifest = write_version(recipe, draft, created=created, fingerprint=fingerprint, data=data)
        publish(draft, folder)
    return manifest


def write_version(recipe: Recipe, draft: Path, *, created: float, fingerprint: str, data: dict[str, Any]) -> Manifest:
    """Write a fitted recipe into an empty folder that nobody else writes to."""
    recommender = recipe.recommender
    (draft / "recipe.toml").write_text(recipe.text)
    items_to_frame(recommender.items.rows).write_parquet(draft / "items.parquet")
    if recommender.items.vectors:
        save_file(dict(recommender.items.vectors), draft / "vectors.safetensors")
    (draft / "users.json").write_text(json.dumps(recommender.users.ids, ensure_ascii=False))
    for name, part in _parts(recipe):
        save_part(part, draft / "parts" / name)
    files = {str(path.relative_to(draft)): sha256(path) for path in sorted(draft.rglob("*")) if path.is_file()}
    manifest = Manifest(recipe.name, created, fingerprint, data, files=files)
    (draft / "manifest.json").write_bytes(manifest.to_json())
    durable.sync_tree(draft)
    return manifest


def publish(draft: Path, folder: Path) -> None:
    """Give a complete version its name. Raises SavedVersionError when another has taken it: the system lets one have it."""
    try:
        draft.rename(folder)
    except OSError as error:
        if folder.exists():
            raise taken(folder) from error
        raise
    durable.sync(folder.parent)


def taken(folder: Path) -> SavedVersionError:
    """That a version's name is taken."""
    return SavedVersionError(f"{folder} exists already: a version never changes, choose another name")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version. Raises SavedVersionError."""
    if not folder.is_dir():
        raise SavedVersionError(f"{folder}: not a folder; delete it")
    document = read_json(folder / "manifest.json")
    if document.pop("format", None) != FORMAT:
        raise SavedVersionError(f"{folder}: not a version of this Zhiyin (format {FORMAT}); run `zhiyin fit`")
    try:
        manifest = Manifest(**document)
    except TypeError as error:
        raise SavedVersionError(f"{folder}/manifest.json: {error}; fit again or roll back") from error
    for name, kind in _SHAPE.items():
        if not isinstance(getattr(manifest, name), kind):
            raise SavedVersionError(f"{folder}/manifest.json: '{name}' is not what was written; fit again or roll back")
    return manifest


_SHAPE: dict[str, Any] = {
    "recipe": str,
    "created": (int, float),
    "fingerprint": str,
    "data": dict,
    "files": dict,
    "rewriting": dict,
}


def check_version(folder: Path) -> Manifest:
    """The manifest of a version all of whose files are as they were saved. Raises SavedVersionError."""
    manifest = read_manifest(folder)
    while wrong := _changed(folder, manifest):
        again = read_manifest(folder)
        if again == manifest:  # nobody has rewritten it while it was read
            raise SavedVersionError(f"{wrong}: missing or changed since it was saved; roll back or fit again")
        manifest = again
    return manifest


def _changed(folder: Path, manifest: Manifest) -> Path | None:
    """The first file that is not as it was saved. Raises SavedVersionError for one outside the version."""
    for name, wanted in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SavedVersionError(f"{folder}/manifest.json names '{name}', which lies outside the version")
        if not path.is_file() or sha256(path) not in (wanted, manifest.rewriting.get(name)):
            return path
    return None


def rewrite(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replace files of a version so that it loads at every moment, whatever is killed. Nobody else may rewrite it then.

    The manifest first allows for each file what it is and what it will be; then they are replaced one by one, in the order
    given; then it allows the new ones alone. What a killed rewriting left is settled first. Raises SavedVersionError for a file that is not
    as it was saved: rewriting would declare it sound.
    """
    manifest = _settled(folder)
    if not contents:
        return
    for name in contents:
        if name not in manifest.files or not (folder / name).is_file() or sha256(folder / name) != manifest.files[name]:
            raise SavedVersionError(f"{folder}/{name}: changed since it was saved; delete the version")
    drafts = {name: durable.write_draft(folder / name, data) for name, data in contents.items()}
    new = {name: sha256(draft) for name, draft in drafts.items()}
    durable.replace_file(folder / "manifest.json", replace(manifest, rewriting=new).to_json())
    for name, draft in drafts.items():
        draft.replace(folder / name)
        durable.sync((folder / name).parent)
    done = replace(manifest, files={**manifest.files, **new})
    durable.replace_file(folder / "manifest.json", done.to_json())


def _settled(folder: Path) -> Manifest:
    """The manifest of a version without unfinished rewriting: each file counts as what a kill left it."""
    for draft in folder.rglob(f"{durable.DRAFT}*"):
        draft.unlink()
    manifest = read_manifest(folder)
    if not manifest.rewriting:
        return manifest
    found = {name: sha256(folder / name) for name in manifest.rewriting if (folder / name).is_file()}
    replaced = {name: one for name, one in found.items() if one == manifest.rewriting[name]}
    manifest = replace(manifest, files={**manifest.files, **replaced}, rewriting={})
    durable.replace_file(folder / "manifest.json", manifest.to_json())
    return manifest


def load_version(folder: Path, allowed: Sequence[str] = ()) -> Recipe:
    """The fitted recipe saved in a folder, every file checked against the manifest.

    Its parts are ours, or of modules that `allowed` or ZHIYIN_ALLOW_PARTS names: a folder alone must not decide what is
    imported. Raises SavedVersionError.
    """
    check_version(folder)
    permitted = (*allowed, *allowed_parts())
    try:
        recipe = read_recipe((folder / "recipe.toml").read_text(), str(folder / "recipe.toml"), permitted)
    except (SettingError, UnicodeDecodeError) as error:
        raise SavedVersionError(f"{folder}: its recipe cannot be built: {error}") from error
    recommender = recipe.recommender
    recommender.serve(*_tables(folder))
    loaded = {name: load_part(folder / "parts" / name, permitted) for name, _ in _parts(recipe)}
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


def sha256(path: Path) -> str:
    """Of a file's bytes, as the manifest keeps it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
