"""The laws of saving a part and of naming it in a recipe."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.arrays import Floats, Ints
from zhiyin.errors import SavedVersionError, SettingError
from zhiyin.evaluation.toml_text import to_toml
from zhiyin.part import settings
from zhiyin.parts import name_of, stage_of
from zhiyin.recipe import read_recipe
from zhiyin.workspace.saving import load_part, save_part


def check_saving(fitted: Any, ask: Callable[[Any], Sequence[Floats | Ints]]) -> None:
    """load(save(x)) answers as x; a damaged folder is refused as SavedVersionError, never answered from.

    ask: puts a question to a part and gives its answer as arrays.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "part"
        save_part(fitted, folder)
        loaded = load_part(folder)
        assert settings(loaded) == settings(fitted), "settings come back"
        for one, other in zip(ask(fitted), ask(loaded), strict=True):
            assert np.allclose(one, other, atol=1e-6, equal_nan=True), "load(save(x)) answers as x"
        for file in sorted(folder.iterdir()):
            whole = file.read_bytes()
            for damaged in (whole[: len(whole) // 2], b"", b"\x00" * len(whole)):
                file.write_bytes(damaged)
                _refused(folder, file.name)
            file.unlink()
            _refused(folder, f"{file.name} (missing)")
            file.write_bytes(whole)


def _refused(folder: Path, what: str) -> None:
    try:
        load_part(folder)
    except SavedVersionError:
        return
    except Exception as error:
        raise AssertionError(f"damaged {what}: must raise SavedVersionError, raised {error!r}") from error
    raise AssertionError(f"damaged {what} was loaded as if it were whole")


def check_toml(part: Any, stage: str = "") -> None:
    """A recipe that names the part with all of its settings builds an equal part, and a wrong key is refused by name.

    stage: the recipe's table, for parts that are not in parts.py.
    """
    use = name_of(type(part))
    stage = stage or stage_of(use) or "retrieve"
    table = {"use": use, **{name: value for name, value in settings(part).items() if value is not None}}
    built = _from_recipe(stage, table)
    assert type(built) is type(part), "the recipe builds the part it names"
    assert settings(built) == settings(part), "a recipe gives back every setting"
    said = ""
    try:
        _from_recipe(stage, {**table, "no_such_setting": 1})
    except SettingError as error:
        said = str(error)
    assert "no_such_setting" in said, f"a wrong key is refused by name, got: {said or 'it was accepted'}"


def _from_recipe(stage: str, table: dict[str, Any]) -> Any:
    given: Any = {"encode": {"text": table}, "filter": table}.get(stage, [table])
    recommender = read_recipe(to_toml({stage: given})).recommender
    stages = (recommender.rankers, recommender.rerankers, recommender.explainers)
    if stage == "encode":
        return recommender.encoders["text"]
    if stage == "filter":
        return recommender.filter
    return {
        "retrieve": tuple(recommender.retrievers.values()),
        **dict(zip(("rank", "rerank", "explain"), stages, strict=True)),
    }[stage][0]
