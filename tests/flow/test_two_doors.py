"""Two doors, one meaning: what a file may call a person, a thing, a kind and a time, HTTP may call the same."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhiyin.behaviour.kinds import TABLE
from zhiyin.errors import DataError, SettingError
from zhiyin.ingest.files import ingest_files
from zhiyin.recipe import read_recipe
from zhiyin.recommender import Recommender
from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.serving.settings import Settings
from zhiyin.stores.memory import MemoryStore
from zhiyin.text.ids import LONGEST, plain
from zhiyin.workspace.workspace import Workspace

NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def client() -> Any:
    recipe = read_recipe('[[retrieve]]\nuse = "popular"\n')
    assert isinstance(recipe.recommender, Recommender)
    engine = Engine(recipe, MemoryStore(), settings=Settings(unknown_items="accept"), clock=lambda: NOW)
    with TestClient(create_app(engine), raise_server_exceptions=False) as client:
        client.engine = engine  # type: ignore[attr-defined]
        yield client


def over_http(client: Any, **event: Any) -> tuple[str, str, str, float, float | None] | None:
    """An event as it was stored after a POST; None where it was refused."""
    log = client.engine.store.log
    for user in log.counts():
        log.delete_user(user)
    status = client.post("/events", json={"item_id": "i", "timestamp": NOW, **event}).status_code
    assert status in (200, 422)
    return stored(log)


def from_file(folder: Path, **event: Any) -> tuple[str, str, str, float, float | None] | None:
    """The same event after it was read from a file."""
    store = MemoryStore()
    row = {"item_id": "i", "timestamp": NOW, **event}
    pl.DataFrame({name: [value, value] for name, value in row.items()}).write_parquet(folder / "e.parquet")
    with suppress(DataError):  # where not one row can be read
        ingest_files([folder / "e.parquet"], store, folder / "aside")
    return stored(store.log)


def stored(log: Any) -> tuple[str, str, str, float, float | None] | None:
    rows = log.table().select("user_id", "item_id", "event_type", "timestamp", "value").unique().rows()
    return rows[0] if rows else None


ODD = st.text(st.sampled_from("ab5-+.é知 \t\u00a0\u3000\x1c\x85\x7f/"), min_size=1, max_size=6)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ODD)
def test_ids_are_the_same_in_both(client: Any, tmp_path: Path, name: str) -> None:
    # A word before it, so that no file can take the id for a gap or a number.
    name = f"{name}x{name}"
    assert over_http(client, user_id=name) == from_file(tmp_path, user_id=name)


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        (" spaced ", "spaced"), ("-5", "-5"), ("x" * LONGEST, "x" * LONGEST), (7, "7"), ("007", "007"), ("a b", "a b"),
        ("x" * (LONGEST + 1), None), ("tab\there", None), ("   ", None), ("", None),
    ],
)  # fmt: skip
def test_lengths_and_trims(client: Any, tmp_path: Path, came: Any, kept: str | None) -> None:
    for name in ("user_id", "item_id"):
        event = {"user_id": "u", name: came}
        for found in (over_http(client, **event), from_file(tmp_path, **event)):
            assert (found and found[("user_id", "item_id").index(name)]) == kept


def test_a_long_or_spaced_id_can_be_asked_for(client: Any) -> None:
    for came in ("x" * LONGEST, " spaced ", "-5", "知 音"):
        over_http(client, user_id=came)
        user = client.get(f"/users/{quote(came, safe='')}").json()
        assert (user["user_id"], user["events"]) == (plain(came), 1)


@pytest.mark.parametrize("name", [name.upper() for kind in TABLE for name in kind.names if kind.value != "rating"])
def test_kinds_have_the_same_names(client: Any, name: str) -> None:
    assert over_http(client, user_id="u", event_type=f" {name}") == ("u", "i", _kind(name), NOW, None)


def _kind(name: str) -> str:
    return next(kind.name for kind in TABLE if name.lower() in kind.names)


def test_without_a_kind_it_is_an_interaction(client: Any, tmp_path: Path) -> None:
    assert over_http(client, user_id="u") == from_file(tmp_path, user_id="u") == ("u", "i", "interaction", NOW, None)


@pytest.mark.parametrize(
    "text", ["2023-11-14T22:13:20Z", " 2023-11-14 22:13:20 ", "2023-11-14T22:13:20+00", "1700000000"]
)
def test_times_are_read_alike(client: Any, tmp_path: Path, text: str) -> None:
    assert over_http(client, user_id="u", timestamp=text) == from_file(tmp_path, user_id="u", timestamp=text)


@pytest.mark.parametrize(
    ("came", "says"),
    [
        (True, "true is no time"),
        (1_700_000_000_000, "1700000000000 is a time in milliseconds: send seconds"),
        (1_700_000_000_000_000, "microseconds"),
        (1_700_000_000_000_000_000, "nanoseconds"),
        ("yesterday", "'yesterday' is no time"),
        (10**400, "timestamp"),
        (-1, "timestamp"),
        ([1], "timestamp"),
    ],
)
def test_what_is_no_time_is_refused_with_the_reason(client: Any, came: Any, says: str) -> None:
    answer = client.post("/events", json={"user_id": "u", "item_id": "i", "timestamp": came})
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


def test_an_unknown_kind_is_refused_with_the_nearest(client: Any) -> None:
    answer = client.post("/events", json={"user_id": "u", "item_id": "i", "event_type": "purchse"})
    assert answer.status_code == 422
    assert "Did you mean 'purchase'?" in answer.json()["detail"]


def test_kinds_of_ones_own_are_known_in_both(tmp_path: Path) -> None:
    (tmp_path / "zhiyin.toml").write_text('[events]\ntrial_started = "cart"\n"收下" = "purchase"\n')
    rows = (
        "user_id,item_id,event_type,timestamp\nu,i,Trial-Started,1700000000\nu,j,收下,1700000001\nv,i,buy,1700000002\n"
    )
    (tmp_path / "events.csv").write_text(rows)
    workspace = Workspace(tmp_path)
    workspace.ingest([tmp_path / "events.csv"])
    kinds = {
        row["item_id"]: row["event_type"]
        for row in workspace.store.log.table().rows(named=True)
        if row["user_id"] == "u"
    }
    assert kinds == {"i": "cart", "j": "purchase"}
    version = workspace.fit("popular")
    engine = Engine(workspace.load(version), workspace.store, settings=Settings(unknown_items="accept"))
    with TestClient(create_app(engine)) as client:
        answer = client.post("/events", json={"user_id": "w", "item_id": "i", "event_type": "trial started"})
        assert answer.status_code == 200
        assert client.post("/events", json={"user_id": "w", "item_id": "i", "event_type": "hug"}).status_code == 422
    assert [event.event_type for event in workspace.store.log.of_user("w")] == ["cart"]
    assert workspace.fit("popular") != version  # a cart was added
    again = workspace.fit("popular")
    (tmp_path / "zhiyin.toml").write_text("[events]\ncart = 0.1\n")
    assert workspace.fit("popular") != again  # another weight is another fit
    (tmp_path / "zhiyin.toml").write_text('[events]\nx = "nonsense"\n')
    with pytest.raises(SettingError, match=r"\[events\] x: 'nonsense' is no kind"):
        workspace.fit("popular")
