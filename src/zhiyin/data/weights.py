"""EventWeights: how much one event says about its user's taste. Training rows and live profiles use the same numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Bools, Floats
from zhiyin.errors import SettingError
from zhiyin.event import CODES, KINDS

SCALES = ((0.0, 1.0), (1.0, 5.0), (0.5, 5.0), (0.0, 5.0), (1.0, 10.0), (0.0, 10.0), (0.0, 100.0))
"""Rating scales in use, narrowest first."""


@dataclass(frozen=True)
class EventWeights:
    """The weight of each kind of event: positive for interest, negative for refusal, 0 for no interaction at all.

    Built from a recipe's [events] table, where every field is a key. Weights of one event end in [-3, 3] times the
    weight of its kind. Raises SettingError.
    """

    impression: float = 0.0
    view: float = 0.5
    click: float = 1.0
    like: float = 1.0
    dislike: float = -1.0
    favourite: float = 1.5
    rating: float = 1.0
    """Times 0.5 to 1 for a good rating, -0.5 to -1 for a low one."""
    comment: float = 0.8
    purchase: float = 1.5
    """Times 1 + log10(quantity), at most 3; a quantity of 0 or less (a return) is no interaction."""
    dwell: float = 1.0
    """Times seconds / (seconds + dwell_half): saturating."""
    skip: float = -0.5
    search: float = 0.0
    message: float = 0.0
    listen: float = 1.0
    """Times 1 + log10(plays), at most 3."""

    rating_scale: tuple[float, float] | None = None
    """Lowest and highest rating possible; None until it was taken from data, see with_scale_of."""
    rating_low: float = 0.4
    """Ratings in this low part of the scale are evidence against, 0 to 1: with 0.4, below 2.6 of 1-5 and below 4 of 0-10."""
    dwell_half: float = 30.0
    """Seconds of dwell that count half."""

    def __post_init__(self) -> None:
        for kind in KINDS:
            _check(math.isfinite(getattr(self, kind)), kind, getattr(self, kind), "a finite number")
        _check(0 <= self.rating_low <= 1, "rating_low", self.rating_low, "from 0 to 1")
        _check(self.dwell_half > 0, "dwell_half", self.dwell_half, "above 0 seconds")
        if self.rating_scale is not None:
            low, high = self.rating_scale
            _check(low < high, "rating_scale", self.rating_scale, "[lowest, highest]")

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> EventWeights:
        """From a recipe's [events] table. Raises SettingError that names a wrong key and what is allowed."""
        allowed = {field.name for field in fields(cls)}
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in allowed:
                others = ", ".join(sorted(allowed - set(KINDS)))
                raise SettingError(
                    f"[events]: unknown key '{key}'. Kinds of events: {', '.join(KINDS)}. Other keys: {others}."
                )
            values[key] = _scale(value) if key == "rating_scale" else _number(key, value)
        return cls(**values)

    def table(self) -> dict[str, Any]:
        """As an [events] table, every value written out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        scale = values.pop("rating_scale")
        return values if scale is None else {**values, "rating_scale": list(scale)}

    def with_scale_of(self, kinds: Array, values: Array) -> EventWeights:
        """The same weights with the rating scale taken from data, unless it is set already.

        The narrowest usual scale that holds every rating; failing that, their lowest and highest.
        """
        ratings = np.asarray(values, np.float64)[np.asarray(kinds) == CODES["rating"]]
        ratings = ratings[np.isfinite(ratings)]
        if self.rating_scale is not None or not len(ratings):
            return self
        low, high = float(ratings.min()), float(ratings.max())
        usual = next((scale for scale in SCALES if scale[0] <= low and high <= scale[1]), None)
        return replace(self, rating_scale=usual or (low, high if high > low else low + 1))

    def weigh(self, kinds: Array, values: Array) -> Floats:
        """The signed weight of every event, 0 where it is no interaction. [events]

        kinds: codes of event.KINDS. values: nan for none. Raises SettingError for ratings without a known scale.
        """
        kinds = np.asarray(kinds, np.uint8)
        values = np.asarray(values, np.float64)
        weights = np.array([getattr(self, kind) for kind in KINDS], np.float64)[kinds]
        for kind, factor in (
            ("rating", self._of_rating),
            ("dwell", self._of_dwell),
            ("purchase", _of_count),
            ("listen", _of_count),
        ):
            rows = kinds == CODES[kind]
            if rows.any():
                weights[rows] *= factor(values[rows])
        return weights.astype(np.float32)

    def counted_kinds(self) -> tuple[str, ...]:
        """The kinds that can be interactions at all: what is learned does not depend on the others."""
        return tuple(kind for kind in KINDS if getattr(self, kind))

    def positive_kinds(self) -> Bools:
        """Which kinds can be positive evidence, by code. [kinds]"""
        return np.array([getattr(self, kind) > 0 for kind in KINDS], np.bool_)

    def _of_rating(self, values: Array) -> Array:
        if self.rating_scale is None:
            raise SettingError("[events] rating_scale is not known: set it, e.g. [1, 5], or call with_scale_of first")
        low, high = self.rating_scale
        part = np.clip((values - low) / (high - low), 0, 1)
        # A rating without a number only says that the item was met.
        part = np.where(np.isnan(part), self.rating_low, part)
        good = 0.5 + 0.5 * (part - self.rating_low) / max(1 - self.rating_low, 1e-9)
        bad = -0.5 - 0.5 * (self.rating_low - part) / max(self.rating_low, 1e-9)
        return np.where(part < self.rating_low, bad, good)

    def _of_dwell(self, values: Array) -> Array:
        seconds = np.maximum(np.nan_to_num(values, nan=0.0, posinf=1e9), 0)
        return np.asarray(seconds / (seconds + self.dwell_half))


def _of_count(values: Array) -> Array:
    count = np.nan_to_num(values, nan=1.0, posinf=1e9)
    return np.where(count <= 0, 0.0, np.minimum(1 + np.log10(np.maximum(count, 1.0)), 3.0))


def _check(holds: bool, key: str, value: Any, allowed: str) -> None:
    if not holds:
        raise SettingError(f"[events] {key} = {value!r}: must be {allowed}")


def _number(key: str, value: Any) -> float:
    _check(isinstance(value, int | float) and not isinstance(value, bool), key, value, "a number")
    return float(value)


def _scale(value: Any) -> tuple[float, float]:
    right = isinstance(value, list | tuple) and len(value) == 2
    _check(right, "rating_scale", value, "[lowest, highest], e.g. [1, 5]")
    return _number("rating_scale", value[0]), _number("rating_scale", value[1])
