"""Live items get their vectors beside the answers: few at once, many as they come, none twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from zhiyin.arrays import Floats
from zhiyin.errors import ModelError
from zhiyin.item import Item
from zhiyin.serving import encoding
from zhiyin.serving.encoding import Encoding


class Counting:
    """An encoder that counts the texts it was given, and may be told to wait or to fail."""

    width, identity = 3, "counting"

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def encode(self, texts: Sequence[str]) -> Floats:
        assert self.go.wait(60)
        if any("odd" in one for one in texts):
            raise ModelError("odd")
        self.texts += texts
        return np.array([[len(one), 1, 0] for one in texts], np.float32)

    def encode_query(self, text: str) -> Floats:
        return self.encode([text])[0]


class Taken:
    """What was handed over: the vectors' first numbers by position."""

    def __init__(self) -> None:
        self.first: dict[int, float] = {}
        self.times = 0

    def __call__(self, space: str, positions: Sequence[int], items: Sequence[Item], vectors: Floats) -> None:
        self.times += 1
        self.first |= dict(zip(positions, vectors[:, 0].tolist(), strict=True))


def many(count: int, word: str = "x") -> dict[int, Item]:
    return {at: Item(f"i{at}", f"{word}{at}") for at in range(count)}


@pytest.fixture
def made(tmp_path: Path) -> tuple[Counting, Taken, Callable[[], Encoding]]:
    encoder, taken = Counting(), Taken()
    return encoder, taken, lambda: Encoding({"text": encoder}, tmp_path / "vectors.db", taken)


def test_many_items_are_handed_over_some_at_a_time_and_encoded_once(
    made: tuple[Counting, Taken, Callable[[], Encoding]],
) -> None:
    encoder, taken, begin = made
    one = begin()
    items = many(600)
    assert one.known(list(items.values())) == [{}] * 600
    one.add(items)
    assert one.waiting == 600
    one.settle()
    one.close()
    assert taken.first == {at: float(len(item.title)) for at, item in items.items()}
    assert taken.times == -(-600 // encoding.AT_ONCE)
    assert len(encoder.texts) == 600
    after_a_restart = begin()
    found = after_a_restart.known(list(items.values()))
    assert [float(each["text"][0]) for each in found] == list(taken.first.values())
    assert len(encoder.texts) == 600


@pytest.mark.parametrize("started", [False, True])
def test_a_few_items_are_known_when_the_write_returns(
    started: bool, made: tuple[Counting, Taken, Callable[[], Encoding]]
) -> None:
    one = made[2]()
    if started:
        one.start()
    assert [float(each["text"][0]) for each in one.known([Item("a", "abc"), Item("b", "ab")])] == [3, 2]
    one.close()


def test_a_write_does_not_wait_for_an_encoder_that_hangs(
    made: tuple[Counting, Taken, Callable[[], Encoding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, taken, begin = made
    monkeypatch.setattr(encoding, "SOON", 0.01)
    one = begin()
    one.start()
    encoder.go.clear()
    assert one.known([Item("a", "abc")]) == [{}]
    one.add({0: Item("a", "abc")})
    encoder.go.set()
    one.settle()
    one.close()
    assert taken.first == {0: 3.0}


def test_an_encoder_that_fails_costs_vectors_and_nothing_else(
    made: tuple[Counting, Taken, Callable[[], Encoding]],
) -> None:
    _, taken, begin = made
    one = begin()
    assert one.known([Item("a", "odd")]) == [{}]
    one.add({0: Item("a", "odd")})
    one.settle()
    one.add({1: Item("b", "abc")})
    one.settle()
    one.close()
    assert taken.first == {1: 3.0}
