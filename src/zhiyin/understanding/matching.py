"""Matching: how many of the things a text asks for an item has, in any language the lexicon reads."""

from __future__ import annotations

import numpy as np

from zhiyin.arrays import NEVER, Floats
from zhiyin.item import Items
from zhiyin.understanding.conversation import Ask, heard, meeting
from zhiyin.understanding.reading import read


def choices_met(text: str, items: Items) -> Floats:
    """For each item the number of choices and ranges of a text that it meets; NEVER for none, or for what is unwanted. [items]"""
    ask = heard(Ask(), read(text, items), items)
    scores = np.zeros(items.tags.matrix.shape[0], np.float32)
    for choice in ask.wanted:
        scores += meeting(Ask(wanted=(choice,)), items)
    for name, limits in ask.ranges.items():
        scores += meeting(Ask(ranges={name: limits}), items)
    scores[~meeting(Ask(unwanted=ask.unwanted), items)] = 0
    return np.where(scores > 0, scores, NEVER).astype(np.float32)
