"""Function words and repeated words: what only holds sentences together finds nothing."""

import numpy as np

from zhiyin.encoders.hashing import Hashing
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.retrieval.bm25 import BM25
from zhiyin.retrieval.terms import asked_words


def test_words_that_only_hold_sentences_together_are_not_searched_for():
    items = Items([Item("a", "Riesling Mosel"), Item("b", "Malbec", "the best of the world for the people")])
    found = BM25().read(items).scores([Query(text="a riesling from the Mosel")])[0]
    assert np.isfinite(found).tolist() == [True, False]
    assert asked_words("清淡的红酒") == ["清淡", "红酒"]
    assert asked_words("The Who") == ["the", "who"]
    encoder = Hashing()
    assert np.allclose(encoder.encode(["the riesling of the Mosel"]), encoder.encode(["Riesling Mosel"]))
    assert np.abs(encoder.encode(["The Who"])).sum() > 0


def test_a_word_said_ten_times_counts_as_one_said_three_times():
    text = "merlot " * 3
    rows = [Item("a", text + "cherry " * 7), Item("b", "merlot " * 10), Item("c", "cherry")]
    scores = BM25(b=0.0).read(Items(rows)).scores([Query(text="merlot")])[0]
    assert scores[0] == scores[1]
