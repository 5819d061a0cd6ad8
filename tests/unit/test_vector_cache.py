"""The vector cache: an unchanged catalogue costs nothing, a changed title is encoded again."""

import numpy as np
import pytest

from zhiyin.arrays import Floats
from zhiyin.encoders.cache import encode_items
from zhiyin.encoders.hashing import Hashing
from zhiyin.errors import ModelError
from zhiyin.item import Item, Items


class Counting:
    """Hashing that notes which texts it was asked for."""

    def __init__(self, width: int = 32, identity: str = "counting") -> None:
        self.inner = Hashing(width=width)
        self.width = width
        self.identity = identity
        self.asked: list[str] = []

    def encode(self, texts) -> Floats:
        self.asked.extend(texts)
        return self.inner.encode(texts)

    def encode_query(self, text: str) -> Floats:
        return self.inner.encode_query(text)


def catalogue() -> Items:
    return Items([Item("a", "Chianti"), Item("b", "Merlot"), Item("c", "Merlot")])


def test_only_what_changed_is_encoded_again(tmp_path):
    items, encoder, file = catalogue(), Counting(), tmp_path / "vectors.db"
    assert encode_items(items, "text", encoder, file) == 2, "two items with one content are one text"
    before = items.vectors["text"].copy()
    assert encode_items(items, "text", encoder, file) == 0
    np.testing.assert_array_equal(items.vectors["text"], before)
    items.put(Item("b", "Merlot Reserva"))
    assert encode_items(items, "text", encoder, file) == 1
    assert encoder.asked[-1] == "Merlot Reserva"
    assert len(encoder.asked) == 3
    np.testing.assert_array_equal(items.vectors["text"][1], encoder.inner.encode(["Merlot Reserva"])[0])
    np.testing.assert_array_equal(items.vectors["text"][[0, 2]], before[[0, 2]])


def test_another_encoder_never_reuses_the_vectors(tmp_path):
    file = tmp_path / "vectors.db"
    encode_items(catalogue(), "text", Counting(), file)
    other = Counting(identity="another")
    assert encode_items(catalogue(), "text", other, file) == 2
    wider = Counting(width=64)
    assert encode_items(catalogue(), "text", wider, file) == 2, "a stored row of another width is not used"


def test_without_a_file_everything_is_encoded_and_progress_is_told():
    told = []
    assert encode_items(catalogue(), "text", Counting(), progress=lambda done, all_: told.append((done, all_))) == 2
    assert told == [(2, 2)]
    assert encode_items(Items(), "text", Counting()) == 0


def test_a_damaged_file_is_moved_aside_and_said_so(tmp_path):
    items, file = catalogue(), tmp_path / "vectors.db"
    file.write_bytes(b"this is no database at all" * 100)
    with pytest.warns(UserWarning, match=r"cannot be read .* encoding again"):
        assert encode_items(items, "text", Counting(), file) == 2
    assert (tmp_path / "vectors.db.damaged").is_file()
    assert encode_items(items, "text", Counting(), file) == 0


def test_an_encoder_that_breaks_its_word_is_refused():
    class Broken(Counting):
        def encode(self, texts) -> Floats:
            return np.full((len(texts), self.width), np.nan, np.float32)

    with pytest.raises(ModelError, match="not finite"):
        encode_items(catalogue(), "text", Broken())
