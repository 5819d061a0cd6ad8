"""finetuned: a text model whose upper layers were trained on the project's own interactions; see `zhiyin finetune encoder`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.encoders.pooling import vectors_of
from zhiyin.errors import ModelError, SettingError, require
from zhiyin.part import part, setting

if TYPE_CHECKING:
    from zhiyin.learning.text_model import TextModel

FORMAT = 1
WEIGHTS = "adapter.safetensors"
REPORT = "adapter.json"

_loading = Lock()


@part
class Finetuned:
    """Reads texts with a base model and the layers trained for it, which lie in a folder.

    The folder of a fine-tuning that gained nothing holds no layers and says so: then the base reads as it is. A folder
    may come from anyone: JSON and safetensors are read from it, nothing in it is run.
    """

    base: str = setting("minilm")
    """What was trained: "minilm", "tiny" (chance weights, for trying out), or the folder of a model built like BERT."""
    folder: str = setting("")
    """Where the trained layers lie; without one the base reads as it is."""
    max_tokens: int = setting(64, least=8, most=512)
    """How much of a text is read."""

    def __post_init__(self) -> None:
        self._read: TextModel | None = None
        self._digest = ""

    @property
    def width(self) -> int:
        """See Encoder."""
        return self._model().width

    @property
    def identity(self) -> str:
        """See Encoder. The folder is named by its content."""
        self._model()
        return f"finetuned:{Path(self.base).name}@{self._digest}/{self.max_tokens}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """See Encoder. A blank text gives zeros. Raises ModelError."""
        model = self._model()

        def pooled(ids: Array, mask: Array) -> Array:
            import torch

            real = torch.from_numpy(mask)
            with torch.inference_mode():
                return np.asarray(model(model.lower(torch.from_numpy(ids), real), real).numpy(), np.float32)

        def tokens(some: list[str]) -> list[list[int]]:
            with _loading:  # a fast tokenizer keeps state of its own, so threads take turns
                return model.tokens(some, self.max_tokens)

        return vectors_of(texts, model.width, tokens, pooled, model.base.pad)

    def encode_query(self, text: str) -> Floats:
        """See Encoder."""
        return np.asarray(self.encode([text])[0], np.float32)

    def _model(self) -> TextModel:
        with _loading:
            if self._read is None:
                require("torch", "hf")
                from zhiyin.learning.text_model import adapted

                weights, self._digest = read_adapter(self.folder, self.base) if self.folder else ({}, "plain")
                self._read = adapted(self.base, weights)
            return self._read


def write_adapter(folder: Path, base: str, weights: Mapping[str, Array], report: Mapping[str, Any]) -> None:
    """Trained layers, none where nothing was gained, and what was measured of them. report: JSON values."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).unlink(missing_ok=True)
    if weights:
        save_file({name: np.ascontiguousarray(array) for name, array in weights.items()}, folder / WEIGHTS)
    document = {"format": FORMAT, "base": base, "layers": bool(weights), "report": dict(report)}
    (folder / REPORT).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def read_adapter(folder: str | Path, base: str) -> tuple[dict[str, Array], str]:
    """The trained layers in a folder, none where nothing was gained, and a name made of its content.

    Raises ModelError when it is damaged or missing, SettingError when it was trained for another base.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    where = Path(folder)
    try:
        document = json.loads((where / REPORT).read_text())
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']!r}, this Zhiyin reads {FORMAT}")
        stored = (where / WEIGHTS).read_bytes() if document["layers"] else b""
        weights = load(stored) if stored else {}
        trained_for = str(document["base"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"trained layers {where}: cannot be read ({error}); run `zhiyin finetune encoder` again"
        ) from error
    if trained_for != base:
        raise SettingError(f"Finetuned.base = '{base}': the layers in {where} were trained for '{trained_for}'")
    return weights, blake2b(stored, digest_size=8).hexdigest() if stored else "plain"
