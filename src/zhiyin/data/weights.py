"""EventWeights: how much one event says about its user's taste. Training rows and live profiles use the same numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.behaviour.kinds import CODES, KINDS, TABLE, own_names
from zhiyin.data.scales import RatingScale, are_money, scale_of
from zhiyin.errors import SettingError

DEFAULTS: Mapping[str, float] = {kind.name: kind.weight for kind in TABLE}
"""The weight of each kind, see kinds.toml."""

MEANINGS = ("rating_scale", "unrated", "rating_counts", "purchase_money")
"""What is taken from data where the recipe does not say it."""

OTHERS = (*MEANINGS, "rating_low", "dwell_half")

MET = 0.5
"""The factor of a rating or comment that says no more than that the item was met."""

QUANTITIES = ("purchase", "cart")
"""Kinds whose value may be money."""


@dataclass(frozen=True)
class EventWeights:
    """The weight of each kind of event: positive for interest, negative for refusal, 0 for no interaction at all.

    Built from a recipe's [events] table, where every kind and every field is a key. kinds: where they are not those of
    kinds.toml. By value, the weight of a kind is multiplied: a rating or a comment with one by 0.5 to 1, or by -0.5 to -1
    where it is low; a quantity of purchases, plays or carts by 1 + log10(quantity), at most 3, and by 0 where it is 0 or
    less (a return); money by 1; a share by itself; seconds by seconds / (seconds + dwell_half). Raises SettingError.
    """

    kinds: Mapping[str, float] = field(default_factory=dict)
    rating_scale: tuple[float, float] | None = None
    """Lowest and highest rating possible; None until it was taken from data, see with_scale_of."""
    unrated: tuple[float, ...] = ()
    """Numbers under "rating" that are none, such as 0 or -1."""
    rating_counts: bool | None = None
    """Whether what stands under "rating" counts plays or purchases; None until it was taken from data."""
    purchase_money: bool | None = None
    """Whether the value of a purchase is its price, not how many; None until it was taken from data."""
    rating_low: float = 0.4
    """Ratings in this low part of the scale are evidence against, 0 to 1: with 0.4, below 2.6 of 1-5 and below 4 of 0-10."""
    dwell_half: float = 30.0
    """Seconds of dwell that count half."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of one's own for kinds, folded: trial_started = "cart" in [events]."""

    def __post_init__(self) -> None:
        for kind, weight in self.kinds.items():
            _check(kind in CODES, kind, weight, f"one of the kinds {', '.join(KINDS)}")
            _check(math.isfinite(weight), kind, weight, "a finite number")
        # Written out or left out, the same weights are equal.
        object.__setattr__(self, "kinds", {kind: one for kind, one in self.kinds.items() if one != DEFAULTS[kind]})
        _check(0 <= self.rating_low <= 1, "rating_low", self.rating_low, "from 0 to 1")
        _check(self.dwell_half > 0, "dwell_half", self.dwell_half, "above 0 seconds")
        if self.rating_scale is not None:
            low, high = self.rating_scale
            _check(low < high, "rating_scale", self.rating_scale, "[lowest, highest]")

    def of(self, kind: str) -> float:
        """The weight of a kind before its value counts."""
        return self.kinds.get(kind, DEFAULTS[kind])

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> EventWeights:
        """From a recipe's [events] table. Raises SettingError that names a wrong key and what is allowed."""
        kinds: dict[str, float] = {}
        values: dict[str, Any] = {}
        names: dict[str, str] = {}
        for key, value in table.items():
            if key in CODES:
                kinds[key] = _number(key, value)
            elif key in OTHERS:
                values[key] = _READ[key](key, value)
            elif isinstance(value, str):
                names |= _own_name(key, value)
            else:
                raise SettingError(
                    f"[events]: unknown key '{key}'. Kinds of events: {', '.join(KINDS)}. "
                    f"Other keys: {', '.join(sorted(OTHERS))}. "
                    f'A name of your own stands for one of the kinds: {key} = "cart".'
                )
        return cls(kinds, **values, names=names)

    def table(self) -> dict[str, Any]:
        """As an [events] table, every value written out."""
        return {
            **{kind: self.of(kind) for kind in KINDS},
            "rating_low": self.rating_low,
            "dwell_half": self.dwell_half,
            **self.names,
            **self.meanings(),
        }

    def meanings(self) -> dict[str, Any]:
        """What numbers mean, as far as it is known: part of an [events] table."""
        known = {name: getattr(self, name) for name in MEANINGS}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in known.items()
            if value is not None and value != ()
        }

    def with_scale_of(self, kinds: Array, values: Array) -> EventWeights:
        """The same weights with what the numbers mean taken from data, as far as it is not set already. See scales.py."""
        kinds, values = np.asarray(kinds), np.asarray(values, np.float64)
        found = self
        if self.rating_scale is None and self.rating_counts is None:
            scale = scale_of(values[np.isin(kinds, [CODES[kind.name] for kind in TABLE if kind.value == "rating"])])
            if scale is not None:
                ends = (scale.low, scale.high)
                found = replace(found, rating_scale=ends, unrated=scale.unrated, rating_counts=scale.counts)
        if self.purchase_money is None:
            costs = values[np.isin(kinds, [CODES[kind] for kind in QUANTITIES])]
            if np.isfinite(costs).any():
                found = replace(found, purchase_money=are_money(costs))
        return found

    def weigh(self, kinds: Array, values: Array, sentiments: Array | None = None) -> Floats:
        """The signed weight of every event, 0 where it is no interaction. [events]

        kinds: codes of kinds.KINDS. values: nan for none. sentiments: what the texts of comments say, from -1 to 1, nan for
        none; they count where there is no rating. Raises SettingError for ratings without a known scale.
        """
        kinds = np.asarray(kinds, np.uint8)
        values = np.asarray(values, np.float64)
        weights = np.array([self.of(kind) for kind in KINDS], np.float64)[kinds]
        for code, kind in enumerate(TABLE):
            rows = kinds == code
            if kind.value != "none" and rows.any():
                weights[rows] *= self._factor(kind.name, kind.value, values[rows])
        if sentiments is not None:
            read = (kinds == CODES["comment"]) & np.isnan(values) & (np.nan_to_num(sentiments) != 0)
            weights[read] = self.of("comment") * (np.sign(sentiments[read]) * 0.5 + sentiments[read] * 0.5)
        return weights.astype(np.float32)

    def counted_kinds(self) -> tuple[str, ...]:
        """The kinds that can be interactions at all: what is learned does not depend on the others."""
        return tuple(kind.name for kind in TABLE if self.of(kind.name) or kind.cancels)

    def _factor(self, kind: str, meaning: str, values: Array) -> Array:
        if meaning == "rating":
            return _of_count(values) if self.rating_counts else self._of_rating(values)
        if meaning == "seconds":
            seconds = np.maximum(np.nan_to_num(values, nan=0.0, posinf=1e9), 0)
            return np.asarray(seconds / (seconds + self.dwell_half))
        if meaning == "share":
            return _of_share(values)
        counted = _of_count(values)
        return np.sign(counted) if self.purchase_money and kind in QUANTITIES else counted

    def _of_rating(self, values: Array) -> Array:
        if self.rating_scale is None:
            if np.isnan(values).all():
                return np.full(len(values), MET)
            raise SettingError("[events] rating_scale is not known: set it, e.g. [1, 5], or call with_scale_of first")
        low, high = self.rating_scale
        part = np.clip((values - low) / (high - low), 0, 1)
        good = 0.5 + 0.5 * (part - self.rating_low) / max(1 - self.rating_low, 1e-9)
        bad = -0.5 - 0.5 * (self.rating_low - part) / max(self.rating_low, 1e-9)
        # A rating without a number, or with one outside the scale, only says that the item was met.
        outside = RatingScale(low, high, self.unrated).outside(values)
        return np.where(outside, MET, np.where(part < self.rating_low, bad, good))


def _of_count(values: Array) -> Array:
    count = np.nan_to_num(values, nan=1.0, posinf=1e9)
    return np.where(count <= 0, 0.0, np.minimum(1 + np.log10(np.maximum(count, 1.0)), 3.0))


def _of_share(values: Array) -> Array:
    """Shares of a whole, or percentages: 1 where there is none."""
    share = np.nan_to_num(values, nan=1.0, posinf=1.0, neginf=0.0)
    return np.asarray(np.clip(np.where(share > 1, share / 100, share), 0, 1))


def _check(holds: bool, key: str, value: Any, allowed: str) -> None:
    if not holds:
        raise SettingError(f"[events] {key} = {value!r}: must be {allowed}")


def _own_name(key: str, kind: str) -> dict[str, str]:
    try:
        return own_names({key: kind})
    except ValueError as error:
        raise SettingError(f"[events] {key}: {error}") from error


def _number(key: str, value: Any) -> float:
    _check(isinstance(value, int | float) and not isinstance(value, bool), key, value, "a number")
    return float(value)


def _truth(key: str, value: Any) -> bool:
    _check(isinstance(value, bool), key, value, "true or false")
    return bool(value)


def _numbers(key: str, value: Any) -> tuple[float, ...]:
    _check(isinstance(value, list | tuple), key, value, "a list of numbers, e.g. [0, -1]")
    return tuple(_number(key, one) for one in value)


def _scale(key: str, value: Any) -> tuple[float, float]:
    right = isinstance(value, list | tuple) and len(value) == 2
    _check(right, key, value, "[lowest, highest], e.g. [1, 5]")
    return _number(key, value[0]), _number(key, value[1])


_READ = {
    "rating_scale": _scale,
    "unrated": _numbers,
    "rating_counts": _truth,
    "purchase_money": _truth,
    "rating_low": _number,
    "dwell_half": _number,
}
