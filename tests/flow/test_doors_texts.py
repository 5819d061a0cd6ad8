"""Texts that JSON can write and nothing can hold, in every field of an event: told, and no loss for those beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors import ask, served, world

from zhiyin.serving.engine import Engine
from zhiyin.serving.wire import EventIn

CLICK = {"user_id": "new", "item_id": "w01", "event_type": "click"}
HALVES = ("\ud800", "x\udfffy")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with world(tmp_path) as engine:
        yield engine


def test_half_a_surrogate_pair_is_refused_wherever_it_stands(engine: Engine) -> None:
    with served(engine) as port:
        for field in (*EventIn.model_fields, "no such field"):
            for half in HALVES:
                for value in (half, [half], {half: 1}, {"a": half}):
                    body = json.dumps([{**CLICK, field: value}, {**CLICK, "user_id": "beside"}]).encode()
                    status, said, _ = ask(port, "POST", "/events", body)
                    assert (status, said["accepted"], len(said["rejected"])) == (207, 1, 1), (field, ascii(value))
                    assert said["rejected"][0]["code"] == "invalid_event"
    assert engine.store.log.of_user("new") == []
