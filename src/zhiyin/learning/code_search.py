"""Beam search over the ids that exist, in numpy: every beam ends at an item of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Floats, Ints, Longs
from zhiyin.learning.semantic_ids import Trie

Weights = Mapping[str, Array]
"""As `learning.code_decoder.CodeDecoder` names them."""


@dataclass(frozen=True)
class CodeSearch:
    """Walks the tree of ids with a decoder's weights. The softmax at a node is over its children alone, so the chances of
    all items sum to 1, and an item without a twin pays nothing for its extra token."""

    weights: Weights
    trie: Trie

    def best(self, state: Floats, beam: int) -> tuple[Ints, Doubles]:
        """The items that a beam of that width ends at, and the log of their chances, best first. state: [width]"""
        return self._walk(state, beam, None)

    def of(self, state: Floats, items: Ints) -> Doubles:
        """The log of the chances of some items; nan where an item has no id. [items]"""
        place = np.full(int(max(np.max(items, initial=-1), np.max(self.trie.leaves, initial=-1))) + 1, -1, np.int64)
        place[self.trie.leaves] = np.arange(len(self.trie.leaves))
        wanted = place[items]
        found, chances = self._walk(state, 0, np.unique(wanted[wanted >= 0]))
        result = np.full(len(place) + 1, np.nan)
        result[found] = chances
        return np.asarray(result[items], np.float64)

    def _walk(self, state: Floats, beam: int, leaves: Longs | None) -> tuple[Ints, Doubles]:
        keep = self._ancestors(leaves) if leaves is not None else None
        nodes, chances = np.zeros(1, np.int64), np.zeros(1)
        states = np.asarray(state, np.float32)[None]
        for level in range(len(self.trie.codes)):
            if not len(nodes) or not len(self.trie.leaves):
                return np.empty(0, np.int32), np.empty(0)
            below, place = self.trie.children(level, nodes)
            codes = self.trie.codes[level][below]
            table = self.weights[f"write.{level}"]
            if len(place) > len(table):  # one product for all codes is faster than one row for each child
                fit = (states @ table.T)[place, codes]
            else:
                fit = np.einsum("nw,nw->n", states[place], table[codes])
            fit = fit + self.weights[f"bias.{level}"][codes]
            chances = chances[place] + _log_softmax(np.asarray(fit, np.float64), place, len(nodes))
            chosen = self._best_of(chances, below, beam) if keep is None else np.flatnonzero(keep[level][below])
            nodes, chances, place, codes = below[chosen], chances[chosen], place[chosen], codes[chosen]
            if level + 1 < len(self.trie.codes):
                states = self._next(level, states[place], codes)
        items = self.trie.leaves[nodes]
        order = np.lexsort((items, -chances))
        return items[order], chances[order]

    @staticmethod
    def _best_of(chances: Doubles, nodes: Longs, beam: int) -> Longs:
        return np.sort(np.lexsort((nodes, -chances))[:beam])

    def _next(self, level: int, states: Floats, codes: Ints) -> Floats:
        told = np.concatenate([states, self.weights[f"read.{level}"][codes]], 1)
        hidden = np.maximum(_linear(self.weights, f"inside.{level}", told), 0)
        return np.asarray(states + _linear(self.weights, f"outside.{level}", hidden), np.float32)

    def _ancestors(self, leaves: Longs) -> list[Bools]:
        """Which nodes of each level lie above some leaves."""
        found: list[Bools] = []
        nodes = leaves
        for level in range(len(self.trie.codes) - 1, -1, -1):
            mask = np.zeros(len(self.trie.codes[level]), np.bool_)
            mask[nodes] = True
            found.append(mask)
            nodes = np.unique(self.trie.parents[level][nodes])
        return found[::-1]


def _log_softmax(fit: Doubles, place: Longs, count: int) -> Doubles:
    """The log softmax of numbers within each group. place: the group of each, rising."""
    highest = np.full(count, -np.inf)
    np.maximum.at(highest, place, fit)
    raised = np.exp(fit - highest[place])
    return np.asarray(fit - highest[place] - np.log(np.bincount(place, raised, minlength=count))[place], np.float64)


def _linear(weights: Weights, name: str, x: Floats) -> Floats:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float32)
