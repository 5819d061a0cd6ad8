"""Texts that JSON can write and nothing can hold, in every field of an event: told, and no loss for those beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors import ask, served, world

from zhiyin.ports import StoredProfile
from zhiyin.serving.engine import Engine
from zhiyin.serving.people import MOST_TEXT
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


FILLED = {
    "friends": lambda at: ("PUT", "/users/hog", {"friends": [f"{at}-{number}-{'f' * 400}" for number in range(5000)]}),
    "refusals": lambda at: ("PATCH", "/users/hog/profile", {"refuse": _pairs(at)}),
    "wishes": lambda at: ("PATCH", "/users/hog/profile", {"wish": _pairs(at)}),
}


def _pairs(at: int) -> list[list[str]]:
    return [[f"{at}-{number}", "v" * 500] for number in range(90)]


@pytest.mark.parametrize("field", FILLED)
def test_however_it_is_edited_a_profile_stays_small(engine: Engine, field: str) -> None:
    """Each edit keeps the whole once more: what a thousand edits keep would be half a gigabyte, exported at once."""
    with served(engine) as port:
        statuses = {ask(port, *FILLED[field](at))[0] for at in range(10)}
        assert 422 in statuses
        assert statuses <= {200, 422}
        lengths = (
            [len(json.dumps(one)) for one in ask(port, "GET", "/users/hog/export")[1]["profiles"]]
            if 200 in statuses
            else []
        )
        assert max(lengths, default=0) < 2 * MOST_TEXT
        assert ask(port, "PATCH", "/users/hog/profile", {"refuse": [["colour", "red"]]})[0] == 200, (
            "there is room for more"
        )


def test_what_is_too_long_already_can_be_shortened(engine: Engine) -> None:
    long = StoredProfile("hog", refusals=tuple((f"a{number}", "v" * 500) for number in range(900)))
    engine.store.profiles.put(long)
    with served(engine) as port:
        assert ask(port, "PATCH", "/users/hog/profile", {"allow": [["a7", "v" * 500]]})[0] == 200
        assert ask(port, "PATCH", "/users/hog/profile", {"refuse": [["a7", "v" * 500]]})[0] == 422
