"""Query: one request for recommendations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from zhiyin.arrays import Floats, Ints
from zhiyin.behaviour.lately import NOTHING, Lately
from zhiyin.errors import DataError
from zhiyin.profile import Profile


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter of the request on one attribute: equal to, in, or within a range (both ends included).

    values: what is allowed, for equality and "in"; least, most: the range of a number. Raises DataError when empty.
    """

    attribute: str
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        if not self.values and self.least is None and self.most is None:
            raise DataError(f"condition on '{self.attribute}': give values, least or most")


@dataclass(frozen=True)
class Query:
    """One request: a profile, the context, how many, and a seed for chance.

    now: seconds since 1970, passed in so that runs repeat; 0 for no known moment, with which nothing is compared. shelf: which shelf is asked for. text: a wish in words;
    text_vectors: the same encoded, by space. seeds: items to relate to (positions); when there are any they stand in
    for the history. exclude: item positions never to return. context: device, place and the like. weights: of
    predicted actions. seed: for every draw of chance. lately: what people took up after the fit.
    """

    profile: Profile = field(default_factory=Profile)
    n: int = 10
    now: float = 0.0
    shelf: str = "for_you"
    text: str = ""
    text_vectors: Mapping[str, Floats] = field(default_factory=dict)
    seeds: Ints = field(default_factory=lambda: np.empty(0, np.int32))
    conditions: tuple[Condition, ...] = ()
    exclude: frozenset[int] = frozenset()
    weights: Mapping[str, float] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"
    seed: int = 0
    request_id: str = ""
    lately: Lately = NOTHING

    def __post_init__(self) -> None:
        if self.n < 1:
            raise DataError(f"query: n = {self.n}, must be at least 1")
