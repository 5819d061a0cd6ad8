"""A part's fields <-> a folder a person can read: settings.json and state.safetensors. Never pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse

from zhiyin.arrays import Array
from zhiyin.errors import SavedVersionError, ZhiyinError
from zhiyin.part import learned_of, settings, settings_of
from zhiyin.parts import class_of, name_of

FORMAT = 2
"""Counts up when the layout changes so that old folders are refused by name, not misread."""


@runtime_checkable
class Verifying(Protocol):
    """A part that can tell whether what it learned still fits the code that reads it."""

    def verify(self) -> None:
        """Raises SavedVersionError when it does not."""


def save_part(part: Any, folder: Path) -> None:
    """Write a part's settings and learned fields to a folder, made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Array] = {}
    state = {field.name: _pack(field.name, getattr(part, field.name), arrays) for field in learned_of(type(part))}
    document = {"format": FORMAT, "use": name_of(type(part)), "settings": settings(part), "state": state}
    (folder / "settings.json").write_text(json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    if arrays:
        save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, folder / "state.safetensors")


def load_part(folder: Path, allowed: Sequence[str] | None = None) -> Any:
    """The part saved in a folder. allowed: what may be imported beside our parts, see parts.class_of.

    Raises SavedVersionError when it is damaged, of another format, or not allowed.
    """
    document = read_json(folder / "settings.json")
    if document.get("format") != FORMAT:
        raise SavedVersionError(
            f"{folder}: format {document.get('format')!r}, this Zhiyin reads {FORMAT}: run `zhiyin fit`"
        )
    try:
        cls = class_of(document["use"], allowed)
        known = {field.name for field in settings_of(cls)}
        part = cls(**{name: value for name, value in document["settings"].items() if name in known})
        arrays = load_file(folder / "state.safetensors") if (folder / "state.safetensors").is_file() else {}
        for field in learned_of(cls):
            if field.name in document["state"] or not field.metadata["added"]:
                setattr(part, field.name, _unpack(field.name, document["state"][field.name], arrays))
        if isinstance(part, Verifying):
            part.verify()
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        if isinstance(error, ZhiyinError) and not isinstance(error, KeyError):
            raise SavedVersionError(f"{folder}: {error}") from error
        raise SavedVersionError(
            f"{folder}: damaged ({type(error).__name__}: {error}); fit again or roll back"
        ) from error
    return part


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises SavedVersionError."""
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SavedVersionError(f"{path}: cannot be read ({error})") from error
    if not isinstance(document, dict):
        raise SavedVersionError(f"{path}: must hold a JSON object, got {type(document).__name__}")
    return document


def _pack(name: str, value: Any, arrays: dict[str, Array]) -> dict[str, Any]:
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"kind": "array"}
    if sparse.issparse(value):
        matrix = value.tocsr()
        arrays.update({f"{name}.data": matrix.data, f"{name}.indices": matrix.indices, f"{name}.indptr": matrix.indptr})
        return {"kind": "csr", "shape": [int(side) for side in matrix.shape]}
    if isinstance(value, dict) and value and all(isinstance(one, np.ndarray) for one in value.values()):
        arrays.update({f"{name}.{key}": array for key, array in value.items()})
        return {"kind": "arrays", "keys": list(value)}
    return {"kind": "json", "value": value}


def _unpack(name: str, entry: dict[str, Any], arrays: dict[str, Array]) -> Any:
    if entry["kind"] == "array":
        return arrays[name]
    if entry["kind"] == "csr":
        parts = (arrays[f"{name}.data"], arrays[f"{name}.indices"], arrays[f"{name}.indptr"])
        return sparse.csr_matrix(parts, shape=tuple(entry["shape"]))
    if entry["kind"] == "arrays":
        return {key: arrays[f"{name}.{key}"] for key in entry["keys"]}
    return entry["value"]
