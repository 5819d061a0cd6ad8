"""Models named by hub id or folder, read as untrusted: safetensors only, code and pickles in a folder never run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from zhiyin.errors import ModelError, first_line, require


def load_model(name: str, readers: Sequence[str], needs: str) -> list[Any]:
    """What prepares inputs, and last the model, in evaluation mode and float32.

    readers: transformers' classes that prepare, such as AutoTokenizer. needs: what a folder must hold beside weights, for
    the message when it fails. Raises ModelError, MissingExtra.
    """
    torch, transformers = require("torch", "hf"), require("transformers", "hf")
    folder = Path(name)
    if folder.is_dir():
        _check_weights(folder)
    elif "/" in name and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ModelError(f"encoder '{name}': no such folder")
    safe = {"trust_remote_code": False, "local_files_only": folder.is_dir()}
    try:
        found = [getattr(transformers, one).from_pretrained(name, **safe, **_OPTIONS.get(one, {})) for one in readers]
        model = transformers.AutoModel.from_pretrained(name, use_safetensors=True, dtype=torch.float32, **safe)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, TypeError) as error:
        why = first_line(error)
        raise ModelError(
            f"encoder '{name}' cannot be loaded: {why}. Give a folder with config.json, {needs} and *.safetensors, "
            "or a hub id while the hub can be reached"
        ) from error
    return [*found, model.eval()]


_OPTIONS = {"AutoImageProcessor": {"backend": "pil"}}
"""Pictures are prepared by Pillow: the other backend needs a library that does not fit every torch."""


def name_with_version(name: str, loaded: Callable[[], Any]) -> str:
    """A name for cache keys: a folder by its content, a hub model by its commit. loaded: gives the model."""
    folder = Path(name)
    version = content_of(folder) if folder.is_dir() else getattr(loaded().config, "_commit_hash", None)
    return f"hf:{folder.name if folder.is_dir() else name}@{version}"


def content_of(folder: Path) -> str:
    """Changes when the weights or settings in a model folder do."""
    digest = blake2b(digest_size=8)
    for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.json"), *folder.glob("1_Pooling/*.json")]):
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> Any:
    """A JSON file of a model folder. Raises ModelError."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error


def _check_weights(folder: Path) -> None:
    if not any(folder.glob("*.safetensors")):
        found = ", ".join(sorted(one.name for one in folder.iterdir())[:8]) or "nothing"
        raise ModelError(
            f"encoder folder {folder}: holds no *.safetensors (found {found}); other weights may carry code"
        )
