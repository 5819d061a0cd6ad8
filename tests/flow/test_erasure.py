"""Erasure reaches every byte of a workspace, whatever was killed, answered or fitted meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest

from zhiyin import durable
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.llm.database import Database
from zhiyin.ports import StoredProfile
from zhiyin.serving.engine import Engine
from zhiyin.serving.opening import open_engine
from zhiyin.stores.erasures import SqlErasures
from zhiyin.workspace import erasure
from zhiyin.workspace.workspace import Workspace

WHO = "quintessence-42"
MAIL = "zyzzyva@example.com"
SAID = "a sentence that nobody else writes"
TITLE = "Xylophonic Quixotry"
NOTE = "mellifluous"

RECIPE = """
name = "{name}"
[encode.text]
use = "hashing"
[[retrieve]]
use = "user_knn"
[[retrieve]]
use = "social"
[[retrieve]]
use = "bm25"
[[retrieve]]
use = "content"
[[retrieve]]
use = "interests"
[[retrieve]]
use = "bridge"
[[retrieve]]
use = "dense"
[[retrieve]]
use = "popular"
"""


def filled(folder: Path) -> Workspace:
    workspace = Workspace(folder, clock=lambda: 5000.0, sync="normal")
    store = workspace.store
    items = [Item(f"i{n}", f"Plain thing {n}", attributes={"kind": f"k{n % 3}"}) for n in range(12)]
    store.catalog.put([*items, Item("gone", TITLE, f"{NOTE} {TITLE}", {"note": NOTE})])
    users = [*(f"other-{n}" for n in range(9)), WHO]
    for number, user in enumerate(users):
        text = {"text": SAID if user == WHO else "words"}
        liked = [Event(user, f"i{(number + n) % 12}", "like", 100.0 * n + number, context=text) for n in range(6)]
        store.log.append([*liked, Event(user, "gone", "click", 50.0)])
    for age in range(3):
        store.profiles.put(StoredProfile(WHO, {"mail": MAIL, "age": str(age)}, friends=("other-1",)))
        store.profiles.put(StoredProfile("other-1", {"age": str(age)}, friends=(WHO, "other-2")))
        store.profiles.put(StoredProfile("other-2", {"age": str(age)}, friends=("other-1",)))
    return workspace


def fitted(folder: Path, parts: int = 8) -> Workspace:
    """A workspace that has met a user in every way there is, with so many parts in its two versions."""
    workspace = filled(folder)
    recipe = "[[retrieve]]".join(RECIPE.split("[[retrieve]]")[: parts + 1])
    for name in ("first", "second"):
        (folder.parent / f"{name}.toml").write_text(recipe.format(name=name))
        workspace.fit(str(folder.parent / f"{name}.toml"))
    (workspace.versions_folder / "0009").mkdir()
    (workspace.versions_folder / "0009" / "users.json").write_text(json.dumps(["a", WHO]))
    (folder / ".incoming-dead").mkdir()
    (folder / ".incoming-dead" / "incoming.db").write_text(WHO)
    bad = folder.parent / "bad.csv"
    bad.write_text(f"user_id,item_id,timestamp\n{WHO},i1,yesterday\nother-1,i1,never\n{WHO},i1,5,9\nother-3,i1,77\n")
    workspace.ingest([bad])
    (folder / "reports").mkdir()
    (folder / "reports" / "one.json").write_text(json.dumps({"example": {"user": WHO}}))
    database = Database(folder / "llm.db")
    rows = [("k1", f'["{SAID}"]', database.pseudonym(WHO)), ("k2", f'["{TITLE}"]', ""), ("k3", '["fine"]', "")]
    database.write("INSERT INTO replies VALUES (?, ?, ?)", rows)
    return workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return fitted(tmp_path / "ws")


def bytes_that_hold(folder: Path, *words: str) -> list[str]:
    """Every file of a folder in which a word stands, however it is written."""
    needles = [word.encode(code) for word in words for code in ("utf-8", "utf-16-le")]
    needles += [word.casefold().encode() for word in words]
    files = (one for one in folder.rglob("*") if one.is_file())
    return sorted(str(one.relative_to(folder)) for one in files if any(n in one.read_bytes() for n in needles))


def test_no_byte_of_an_erased_user_is_left(workspace: Workspace) -> None:
    there = bytes_that_hold(workspace.folder, WHO, MAIL, SAID)
    assert len(there) >= 7, there
    receipt = workspace.erase("user", WHO)
    assert bytes_that_hold(workspace.folder, WHO, MAIL, SAID) == []
    assert receipt.finished == 5000.0
    found = receipt.found
    assert found["store"] == {"events": 7, "profiles": 3, "friends": 3}
    assert found["versions"]["versions"] == 2
    assert "0009" in found["versions"]["damaged"][0]
    assert found["files"]["quarantine"] == 1
    assert found["files"]["reports"] == found["caches"]["replies"] == 1
    assert WHO not in json.dumps([erasure.receipt_json(one) for one in workspace.store.erasures.all()])
    for version in ("0001", "0002"):
        assert WHO not in workspace.load(version).recommender.users


def test_the_rows_that_parts_keep_of_an_erased_user_are_empty(workspace: Workspace) -> None:
    before = workspace.load("0001").recommender
    place = before.users.position(WHO)
    assert before.retrievers["user_knn"].users[place].nnz
    assert before.retrievers["social"].histories[place].nnz
    workspace.erase("user", WHO)
    after = workspace.load("0001").recommender
    assert not after.retrievers["user_knn"].users[place].nnz
    assert not after.retrievers["user_knn"].items[:, [place]].nnz
    assert not after.retrievers["social"].histories[place].nnz
    assert not after.retrievers["social"].ties[:, [place]].nnz


def test_friends_keep_every_version_of_their_profile_and_its_number(workspace: Workspace) -> None:
    profiles = workspace.store.profiles
    workspace.erase("user", WHO)
    kept = [profiles.get("other-1", version) for version in (1, 2, 3)]
    assert [(one.attributes["age"], one.friends, one.version) for one in kept if one] == [
        (str(age), ("other-2",), age + 1) for age in range(3)
    ]
    assert profiles.put(StoredProfile("other-1")).version == 4


def test_no_byte_of_an_erased_item_s_content_is_left(workspace: Workspace) -> None:
    assert len(bytes_that_hold(workspace.folder, TITLE, NOTE)) >= 5
    vectors = workspace.load("0001").recommender.items.vectors["text"]
    assert vectors[workspace.load("0001").recommender.items.vocabulary.position("gone")].any()
    receipt = workspace.erase("item", "gone")
    assert bytes_that_hold(workspace.folder, TITLE, NOTE, *TITLE.split()) == []
    assert receipt.found["versions"] == {"versions": 2, "vectors": 1}
    assert workspace.store.catalog.get("gone") == Item("gone", hidden=True)
    for version in ("0001", "0002"):
        items = workspace.load(version).recommender.items
        assert items[items.vocabulary.position("gone")] == Item("gone", hidden=True)
        assert not items.vectors["text"][items.vocabulary.position("gone")].any()
    assert len(workspace.store.log.of_user("other-4")) == 7, "its events stay events of something"


class Killed(BaseException):
    """The process ends here."""


def steps_of_an_erasure(counter: list[int], patch: pytest.MonkeyPatch) -> None:
    """Count down at everything an erasure does for good, and end where the count does."""

    def counted(real: Callable[..., Any], before: bool) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if before and counter[0] <= 0:
                raise Killed
            made = real(*given, **named)
            counter[0] -= 1
            if not before and counter[0] <= 0:
                raise Killed
            return made

        return call

    for owner, name in ((durable, "replace_file"), (Path, "replace"), (SqlErasures, "finish"), (Database, "forget")):
        patch.setattr(owner, name, counted(getattr(owner, name), before=True))
    for name in ("begin", "sweep", "note"):
        patch.setattr(SqlErasures, name, counted(getattr(SqlErasures, name), before=False))


@pytest.mark.parametrize("kind", ["user", "item"])
def test_an_erasure_killed_anywhere_is_ended_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import shutil

    made = fitted(tmp_path / "made", parts=3)
    made.store.close()
    words = (WHO, MAIL, SAID) if kind == "user" else (TITLE, NOTE)
    subject = WHO if kind == "user" else "gone"
    for step in range(1, 200):
        folder = tmp_path / "ws"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made.folder, folder)
        opened = Workspace(folder, clock=lambda: 5000.0, sync="normal")
        ended = False
        with monkeypatch.context() as patch:
            steps_of_an_erasure([step], patch)
            with suppress(Killed):
                opened.erase(kind, subject)
                ended = True
        opened.store.close()
        again = Workspace(folder, clock=lambda: 6000.0, sync="normal")
        assert {"0001", "0002"} <= set(again.versions())
        assert again.load("0001").recommender.retrievers
        assert again.load("0002").recommender.retrievers
        assert again.store.erasures.running() == []
        assert bytes_that_hold(folder, *words) == [], f"killed at step {step}"
        again.store.close()
        if ended:
            break
    assert step > 12


def test_what_was_erased_while_a_version_was_fitted_is_not_in_it(workspace: Workspace) -> None:
    other = Workspace(workspace.folder, clock=lambda: 6000.0, sync="normal")
    done: list[str] = []

    def progress(text: str, *_: object) -> None:
        if "encode" in text and not done:  # the data are read, nothing is learned yet
            done.append(text)
            other.erase("user", WHO)
            other.erase("item", "gone")

    (workspace.folder.parent / "third.toml").write_text(RECIPE.format(name="third"))
    version = workspace.fit(str(workspace.folder.parent / "third.toml"), progress)
    assert done
    assert bytes_that_hold(workspace.folder, WHO, MAIL, SAID, TITLE, NOTE) == []
    recommender = workspace.load(version).recommender
    assert "other-1" in recommender.users
    assert WHO not in recommender.users
    assert recommender.items[recommender.items.vocabulary.position("gone")] == Item("gone", hidden=True)


@pytest.fixture
def engine(workspace: Workspace) -> Iterator[Engine]:
    opened = open_engine(workspace)
    yield opened
    opened.close()


def test_no_answer_under_way_writes_of_an_erased_user(engine: Engine) -> None:
    stop = Flag()

    def ask() -> None:
        while not stop.is_set():
            engine.recommend(WHO, 5)

    threads = [Thread(target=ask) for _ in range(3)]
    for one in threads:
        one.start()
    while not engine.impressions.written:
        engine.impressions.flush()
    deleted = engine.delete_user(WHO)
    for _ in range(50):
        engine.recommend("other-1", 5)
    stop.set()
    for one in threads:
        one.join()
    engine.impressions.flush()
    assert deleted["events"] >= 7
    assert deleted["receipt"]["finished"]
    assert engine.store.log.of_user(WHO) == []
    assert engine.people.find(WHO, 5)["total"] == 0
    engine.record([Event(WHO, "i1", "click", 9000.0)])
    engine.recommend(WHO, 5)
    engine.impressions.flush()
    kinds = [one.event_type for one in engine.store.log.of_user(WHO)]
    assert kinds.count("click") == 1, "who acts again is somebody new"
    assert kinds.count("impression") == 5


def test_an_erased_user_is_a_stranger_now_and_after_a_restart(engine: Engine, workspace: Workspace) -> None:
    def ids(of: Engine, user: str) -> list[str]:
        return [one["item_id"] for one in of.recommend(user, 8, seed=1)["items"]]

    engine.delete_user(WHO)
    engine.delete_item("gone")
    again = open_engine(Workspace(workspace.folder, clock=lambda: 5000.0))
    for user in ("other-1", "other-5", WHO, "nobody"):
        assert ids(engine, user) == ids(again, user)
    assert ids(engine, WHO) == ids(engine, "nobody")
    again.close()


def test_a_deleted_item_put_again_is_there(engine: Engine, workspace: Workspace) -> None:
    engine.delete_item("gone")
    engine.put_items([Item("gone", "Back again")])
    assert engine.item("gone").title == "Back again"
    again = Workspace(workspace.folder)
    assert again.store.catalog.get("gone").title == "Back again"


def test_an_erasure_waits_in_the_journal_while_somebody_reads_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "TRIES", 1)
    with workspace.store.engine.connect() as reader:
        reading = reader.exec_driver_sql("SELECT * FROM events")
        reading.fetchone()
        assert workspace.erase("user", WHO).finished is None
        reading.close()
    assert workspace.store.log.of_user(WHO) == []
    again = Workspace(workspace.folder, clock=lambda: 6000.0)
    assert [one.finished for one in again.store.erasures.all()] == [6000.0]
    assert bytes_that_hold(workspace.folder, WHO, MAIL, SAID) == []
