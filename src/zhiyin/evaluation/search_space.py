"""The space of settings that a study searches: every setting's choices or range, by "stage.part.setting"."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from zhiyin.errors import SettingError
from zhiyin.part import checked, settings_of
from zhiyin.recipe import Recipe


@dataclass(frozen=True)
class Axis:
    """One setting that is searched. values: to choose from; or low and high of a range, log where it spans a lot.

    key: "stage.part.setting", as in the study and on the command line. own: the recipe's value, tried first.
    """

    key: str
    own: Any
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False

    def suggest(self, trial: Any) -> Any:
        """The value of a trial."""
        if self.values:
            return plain(self.values[trial.suggest_int(self.key, 0, len(self.values) - 1)])
        if isinstance(self.own, int):
            return trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)

    def said(self, value: Any) -> Any:
        """A value as the study stores it: a choice by its place, so that texts and lists can be choices too."""
        return self.values.index(value) if self.values else value


def axes_of(recipe: Recipe, part: str, ranges: Mapping[str, str], wide: bool) -> list[Axis]:
    """What is searched. Raises SettingError for a part, setting or range that makes no sense, naming what there is."""
    given, axes = dict(ranges), []
    found = {f"retrieve.{name}": one for name, one in recipe.recommender.retrievers.items()}
    if part and f"retrieve.{part}" not in found:
        raise SettingError(f"tune: no source is called '{part}'; there are {', '.join(recipe.recommender.retrievers)}")
    if part:
        found = {f"retrieve.{part}": found[f"retrieve.{part}"]}
    else:
        document = tomllib.loads(recipe.text)
        for stage, parts in (("rank", recipe.recommender.rankers), ("rerank", recipe.recommender.rerankers)):
            tables = document.get(stage, [])
            found |= {f"{stage}.{table['use']}": one for table, one in zip(tables, parts, strict=False)}
    for name, one in found.items():
        for setting in settings_of(type(one)):
            key = f"{name}.{setting.name}"
            own, grid = getattr(one, setting.name), setting.metadata.get("tune") or ()
            if key in given:
                axes.append(_range(key, given.pop(key), own, partial(checked, type(one).__name__, setting)))
            elif grid:
                axes.append(_of_grid(key, own, grid, wide))
    if given:
        raise SettingError(f"tune: no setting is called {sorted(given)}; settings are named like {_names(found)}")
    return axes


def _names(found: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}.{settings_of(type(one))[0].name}" for name, one in found.items() if settings_of(type(one))
    )


def _of_grid(key: str, own: Any, grid: Sequence[Any], wide: bool) -> Axis:
    numbers = [one for one in (*grid, own) if isinstance(one, int | float) and not isinstance(one, bool)]
    if wide and len(numbers) == len(grid) + 1:
        low, high = min(numbers), max(numbers)
        return Axis(key, own, low=low, high=high, log=low > 0 and high / low >= 10)
    return Axis(key, own, tuple(dict.fromkeys([*grid, own])))


def _range(key: str, text: str, own: Any, check: Callable[[Any], Any]) -> Axis:
    """A range or choices as written on the command line."""
    try:
        if ":" in text:
            low, high, *rest = text.split(":")
            if rest not in ([], ["log"]) or not isinstance(own, int | float) or isinstance(own, bool):
                raise ValueError(text)
            ends = [check(type(own)(one)) for one in (low, high)]
            if not ends[0] < ends[1] or (rest and ends[0] <= 0):
                raise ValueError(text)
            inside = min(ends[0], own), max(ends[1], own)
            return Axis(key, own, low=inside[0], high=inside[1], log=bool(rest))
        values = [check(_read(one)) for one in text.split(",")]
    except ValueError as error:
        if isinstance(error, SettingError):
            raise
        raise SettingError(
            f"tune: {key} = {text!r}: write low:high, low:high:log (numbers, low above 0) or a,b,c"
        ) from error
    return Axis(key, own, tuple(dict.fromkeys([*values, own])))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def plain(value: Any) -> Any:
    """A value as TOML and the study have it."""
    return list(value) if isinstance(value, tuple) else value
