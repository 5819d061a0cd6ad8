"""Segments: people who registered with the same, such as a country or an age group, and what they took up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from zhiyin.arrays import Bools
from zhiyin.data.dataset import Dataset

FEWEST = 10
"""People who liked something that a value needs to be a segment: no smaller group is counted, so that nobody is told by it."""

MOST, ATTRIBUTES = 64, 8
"""Values of an attribute and attributes that are kept, those of most people."""

SEVERAL = 20
"""Values one attribute of one person has at most."""

AGES = frozenset({"age", "alter", "年龄"})
"""Names of attributes whose numbers are years of life, which are read in decades."""

APART = re.compile(r"[,;|，；、]")
"""What stands between several values of one attribute."""


def said(attributes: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What somebody registered with, by folded name: each folded value and how it is written; ages in decades."""
    found: dict[str, dict[str, str]] = {}
    for name, text in attributes.items():
        folded = name.strip().casefold()
        parts = [_value(folded, " ".join(one.split())) for one in APART.split(text)[:SEVERAL]]
        found[folded] = {one.casefold(): one for one in parts if one}
    return found


def _value(name: str, text: str) -> str:
    if name not in AGES or not re.fullmatch(r"\d{1,3}(\.0*)?", text):
        return text
    decade = int(float(text)) // 10 * 10
    return f"{decade}-{decade + 9}"


@dataclass(frozen=True)
class Segments:
    """Segments of people. names: (attribute, value), folded, those of an attribute beside each other. [segments]

    members: csr of ones, who is of which segment. [users, segments]
    """

    names: tuple[tuple[str, str], ...]
    members: sparse.csr_matrix

    @classmethod
    def of(cls, dataset: Dataset) -> Segments:
        """The segments of a dataset that have FEWEST people who liked something, of attributes that have two or more."""
        liking = np.bincount(dataset.liked.users, minlength=len(dataset.users)) > 0
        people = {user: said(told) for user, told in dataset.user_attributes.items() if told}
        counts: dict[str, Counter[str]] = {}
        for user, told in people.items():
            at = dataset.users.get(user)
            if at >= 0 and liking[at]:
                for name, values in told.items():
                    counts.setdefault(name, Counter()).update(values.keys())
        names = _kept(counts)
        return cls(names, _members(names, people, dataset))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that segments are of."""
        return tuple(dict.fromkeys(name for name, _ in self.names))

    def of_attribute(self, attribute: str) -> Bools:
        """Which segments are of an attribute. [segments]"""
        return np.array([name == attribute for name, _ in self.names], np.bool_)


def _kept(counts: Mapping[str, Counter[str]]) -> tuple[tuple[str, str], ...]:
    values = {
        name: sorted(sorted((one for one in found if found[one] >= FEWEST), key=lambda one: (-found[one], one))[:MOST])
        for name, found in counts.items()
    }
    several = [name for name in values if len(values[name]) >= 2]
    several.sort(key=lambda name: (-sum(counts[name][one] for one in values[name]), name))
    return tuple((name, value) for name in several[:ATTRIBUTES] for value in values[name])


def _members(
    names: Sequence[tuple[str, str]], people: Mapping[str, Mapping[str, Mapping[str, str]]], dataset: Dataset
) -> sparse.csr_matrix:
    place = {name: at for at, name in enumerate(names)}
    rows: list[int] = []
    columns: list[int] = []
    for user, told in people.items():
        at = dataset.users.get(user)
        own = [place[name, one] for name, values in told.items() for one in values if (name, one) in place]
        if at >= 0:
            rows += [at] * len(own)
            columns += own
    ones = np.ones(len(rows), np.float32)
    return sparse.csr_matrix((ones, (rows, columns)), shape=(len(dataset.users), len(names)), dtype=np.float32)
