"""From ingest to answer to feedback over HTTP: the real application over a real store and a fitted version."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from serving_world import NOW, Folder, fill, fitted

from zhiyin.errors import SavedVersionError
from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.serving.opening import open_engine
from zhiyin.serving.settings import Settings
from zhiyin.stores.sql import SqlStore
from zhiyin.workspace.version import save_version
from zhiyin.workspace.workspace import Workspace

JSON = {"content-type": "application/json"}


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    store = SqlStore(f"sqlite:///{tmp_path / 'world.db'}")
    fill(store)
    recipe = fitted(store)
    versions = Folder(tmp_path / "versions")
    versions.add(recipe, "0001")
    versions.add(recipe, "0002")
    versions.promote("0001")
    engine = Engine(versions.load(), store, version="0001", versions=versions, clock=Clock())
    yield engine
    engine.close()
    store.close()


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    with TestClient(create_app(engine), raise_server_exceptions=False) as client:
        yield client


def ids(answer: Any) -> list[str]:
    return [one["item_id"] for one in answer.json()["items"]]


def test_an_answer_has_the_documented_form_and_hides_what_was_seen(client: TestClient, engine: Engine) -> None:
    answer = client.get("/users/ann-3/recommendations", params={"n": 5, "trace": True})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"request_id", "model_version", "items", "trace"}
    assert body["model_version"] == "0001"
    assert [one["rank"] for one in body["items"]] == [1, 2, 3, 4, 5]
    assert set(body["items"][0]) == {
        "item_id", "score", "rank", "source", "reasons", "explanation", "propensity", "metadata",
    }  # fmt: skip
    assert body["items"][0]["metadata"]["title"]
    assert {step["stage"] for step in body["trace"]} >= {"retrieve", "merge", "filter"}
    seen = {event.item_id for event in engine.store.log.of_user("ann-3")}
    assert seen.isdisjoint(ids(answer))


def test_a_new_user_and_a_guest_get_items_at_once(client: TestClient) -> None:
    assert len(ids(client.get("/users/nobody-yet/recommendations"))) == 10
    assert len(ids(client.post("/recommendations", json={}))) == 10


def test_one_event_changes_the_next_answer(client: TestClient) -> None:
    before = ids(client.get("/users/new/recommendations"))
    liked = before[3]
    sent = client.post("/events", json={"user_id": "new", "item_id": liked, "event_type": "like"})
    assert (sent.status_code, sent.json()) == (200, {"accepted": 1, "duplicates": 0, "rejected": []})
    after = ids(client.get("/users/new/recommendations"))
    assert after != before
    assert liked not in after


def test_the_same_event_sent_twice_is_one(client: TestClient, engine: Engine) -> None:
    event = {"user_id": "new", "item_id": "w01", "event_type": "click", "event_id": "e-1"}
    assert client.post("/events", json=event).json()["accepted"] == 1
    assert client.post("/events", json=event).json() == {"accepted": 0, "duplicates": 1, "rejected": []}
    timed = {"user_id": "new", "item_id": "w02", "event_type": "click", "timestamp": "2023-11-01T10:00:00Z"}
    assert client.post("/events", json=[timed, timed]).json()["accepted"] == 1
    untimed = {"user_id": "new", "item_id": "w03", "event_type": "click"}
    assert client.post("/events", json=[untimed, untimed]).json()["accepted"] == 2
    assert len(engine.store.log.of_user("new")) == 4


@pytest.mark.parametrize(
    "end", ["similar", "picture", "recommendations", "profile", "export", "profile/rollback", "日 本"]
)
def test_an_id_that_ends_like_a_route_is_nobody_s_shadow(client: TestClient, end: str) -> None:
    item, user = f"w01/{end}", f"ann-1/{end}"
    path, person = f"/items/{quote(item, safe='')}", f"/users/{quote(user, safe='')}"
    assert client.put(path, json={"title": f"Odd {end}"}).json()["item_id"] == item
    assert client.get(path).json()["title"] == f"Odd {end}"
    assert client.get(f"{path}/similar").status_code == 200
    assert client.delete(path).json()["item_id"] == item
    assert client.get("/items/w01/similar").json()["items"], "a plain slash parts the path"
    assert client.put(person, json={"attributes": {"a": "b"}}).json()["user_id"] == user
    assert client.get(person).json()["attributes"] == {"a": "b"}
    assert client.get(f"{person}/profile").json()["user_id"] == user
    assert client.delete(person).json()["user_id"] == user


def test_a_person_is_opened_without_an_object_for_every_event(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("every event was read as an object: 1.6 s for a person of 60,000")

    monkeypatch.setattr(engine.store.log, "of_user", read)
    assert client.get("/users/ann-5").json()["events"] == 8
    for path in ("/users/ann-5/profile", "/users/ann-5/recommendations", "/users?q=ann-5"):
        assert client.get(path).status_code == 200


def test_an_edit_that_changes_nothing_is_no_new_version(client: TestClient, engine: Engine) -> None:
    edit = {"refuse": [["country", "Chile"]], "wish": [["grapes", "Malbec"]]}
    for _ in range(3):
        client.patch("/users/ann-3/profile", json=edit)
        client.put("/users/ann-3", json={"attributes": {"age": "30"}, "friends": ["ann-4"]})
    assert engine.store.profiles.get("ann-3").version == 2
    client.patch("/users/ann-3/profile", json={"refuse": [["country", "Italy"]]})
    assert engine.store.profiles.get("ann-3").version == 3


def test_an_id_that_somebody_else_used_drops_nothing(client: TestClient, engine: Engine) -> None:
    order = {"item_id": "w01", "event_type": "purchase", "event_id": "order-7", "timestamp": 1_690_000_000}
    for user in ("first", "second"):
        assert client.post("/events", json={"user_id": user, **order}).json()["accepted"] == 1
    lines = [{"user_id": "first", **order, "item_id": f"w0{number}"} for number in (1, 2, 3)]
    sent = client.post("/events", json=lines)
    assert (sent.status_code, sent.json()["accepted"], sent.json()["duplicates"]) == (200, 2, 1)
    assert [(one["index"], one["event_id"]) for one in sent.json()["kept_apart"]] == [(1, "order-7"), (2, "order-7")]
    assert client.post("/events", json=lines).json()["duplicates"] == 3, "said again it is still one"
    assert {one.item_id for one in engine.store.log.of_user("first")} == {"w01", "w02", "w03"}


def test_counts_do_not_drift_when_events_are_sent_again(client: TestClient, engine: Engine) -> None:
    def events() -> int:
        return int(client.get("/users?q=ann-7").json()["users"][0]["events"])

    before = events()
    event = {"user_id": "ann-7", "item_id": "w01", "event_type": "click", "event_id": "once"}
    other = {"user_id": "ann-7", "item_id": "w02", "event_type": "click", "event_id": "other"}
    for _ in range(3):
        client.post("/events", json=[event, event, other])
    client.get("/users/ann-7/recommendations")
    engine.impressions.flush()
    assert events() == before + 2
    client.delete("/users/ann-7")
    assert client.get("/users?q=ann-7").json()["total"] == 0


def test_bad_events_are_listed_and_the_good_ones_kept(client: TestClient, engine: Engine) -> None:
    good = {"user_id": "new", "item_id": "w01", "event_type": "click"}
    bad = [
        {**good, "item_id": "no-such"},
        {**good, "event_type": "teleported"},
        {**good, "value": "much"},
        {**good, "timestamp": NOW + 1e7},
        {**good, "colour": "red"},
        7,
    ]
    answer = client.post("/events", json=[good, *bad, good])
    assert answer.status_code == 207
    body = answer.json()
    assert body["accepted"] == 2
    assert [one["index"] for one in body["rejected"]] == [1, 2, 3, 4, 5, 6]
    assert [one["code"] for one in body["rejected"]][::3] == ["unknown_item", "in_the_future"]
    assert all(one["detail"] for one in body["rejected"])
    assert len(engine.store.log.of_user("new")) == 2
    assert client.post("/events", json=bad[:1]).json()["code"] == "unknown_item"
    assert client.post("/events", json=bad[:1]).status_code == 422


def test_a_new_item_is_recommendable_after_its_put_with_text_only(client: TestClient) -> None:
    client.post("/events", json={"user_id": "new", "item_id": "w01", "event_type": "like"})  # Riesling Italy 1
    put = client.put("/items/fresh one/2024", json={"title": "Riesling Italy 1 reserve", "text": "Italy Riesling"})
    assert put.json() == {"item_id": "fresh one/2024", "changed": True}
    assert "fresh one/2024" in ids(client.get("/users/new/recommendations", params={"n": 60}))
    assert "fresh one/2024" in ids(client.get("/items/w01/similar", params={"n": 20}))
    assert ids(client.get("/search", params={"q": "reserve"}))[0] == "fresh one/2024"
    assert client.get("/items/fresh%20one%2F2024").json()["title"] == "Riesling Italy 1 reserve"


def test_a_catalogue_that_no_longer_serves_is_let_go(client: TestClient, engine: Engine) -> None:
    gone = []
    for number in range(3):
        assert client.get("/users/ann-1/recommendations").json()["items"]
        assert client.get("/search", params={"q": "something from France like Merlot"}).json()["items"]
        assert client.post("/chat", json={"message": "something like Riesling Italy 1", "user_id": "ann-2"}).json()
        gone += [weakref.ref(engine.live.snapshot.items.tags), weakref.ref(engine.live.snapshot.items)]
        client.put(f"/items/more-{number}", json={"title": "Malbec Chile", "attributes": {"country": "Chile"}})
    gc.collect()
    # The catalogue of the fit stays as long as its version serves: how rare a tag is stays what it was there.
    assert gone[0]() is engine.live.snapshot.items.tags.fitted
    assert [one() for one in gone[2:]] == [None] * 4


def test_a_hidden_and_a_deleted_item_never_leave(client: TestClient, engine: Engine) -> None:
    first, second = ids(client.get("/users/new/recommendations"))[:2]
    item = client.get(f"/items/{first}").json()
    client.put(f"/items/{first}", json={"title": item["title"], "attributes": item["attributes"], "hidden": True})
    assert client.delete(f"/items/{second}").status_code == 200
    assert client.get(f"/items/{second}").status_code == 404
    for path in (
        "/users/new/recommendations?n=100",
        "/items/w09/similar?n=100",
        "/search?q=Merlot Riesling Malbec&n=100",
    ):
        assert not {first, second} & set(ids(client.get(path)))
    again = Engine(fitted(engine.store), engine.store, clock=engine.clock)
    assert not {first, second} & {one["item_id"] for one in again.recommend("new", 100)["items"]}
    again.close()


def test_a_deleted_user_leaves_nothing(client: TestClient, engine: Engine) -> None:
    client.put("/users/ann-5", json={"attributes": {"city": "Wien"}, "friends": ["ann-6"]})
    client.put("/users/ann-6", json={"friends": ["ann-5", "ann-7"]})
    client.get("/users/ann-5/recommendations")
    export = client.get("/users/ann-5/export").json()
    assert len([one for one in export["events"] if one["event_type"] == "impression"]) == 10
    assert export["profiles"][0]["attributes"] == {"city": "Wien"}
    client.get("/users/ann-5/recommendations")
    assert client.delete("/users/ann-5").json()["events"] >= 18
    engine.impressions.flush()
    assert client.get("/users/ann-5").status_code == 404
    assert client.get("/users/ann-6").json()["friends"] == ["ann-7"]
    assert client.get("/users", params={"q": "ann-5"}).json()["users"][0]["user_id"] != "ann-5"
    engine.store.engine.dispose()  # the last connection writes the WAL back
    kept = b"".join(path.read_bytes() for path in Path(str(engine.store.engine.url.database)).parent.glob("world.db*"))
    assert b'"ann-5"' not in kept
    assert "ann-5" not in engine.store.log.table()["user_id"].to_list()
    assert engine.live.recommender.users.get("ann-5") == -1
    assert isinstance(engine.versions, Folder)
    for version in engine.versions.versions():
        files = [path for path in (engine.versions.folder / version).rglob("*") if path.is_file()]
        assert not any(b'"ann-5"' in path.read_bytes() for path in files)
        users = engine.versions.load(version).recommender.users  # still whole, by its manifest
        assert users.get("ann-5") == -1
        assert users.get("ann-6") >= 0
    assert client.get("/users/ann-5/profile").json()["events"] == 0
    stranger = ids(client.get("/users/somebody-else/recommendations"))
    assert ids(client.get("/users/ann-5/recommendations")) == stranger


def test_edits_of_the_profile_win(client: TestClient) -> None:
    client.post("/events", json={"user_id": "new", "item_id": "w00", "event_type": "like"})  # Merlot France 0
    profile = client.get("/users/new/profile").json()
    topics = {tuple(one["topic"]): one for one in profile["interests"]}
    assert topics["country", "France"]["evidence"] == ["w00"]
    edited = client.patch(
        "/users/new/profile", json={"refuse": [["country", "France"]], "wish": [["grapes", "Malbec"]]}
    )
    assert edited.json()["refusals"] == [["country", "France"]]
    assert ["country", "France"] not in [one["topic"] for one in edited.json()["interests"]]
    answer = client.get("/users/new/recommendations", params={"n": 30}).json()
    assert all(one["metadata"]["attributes"]["country"] != "France" for one in answer["items"])
    stale = client.patch("/users/new/profile", json={"allow": [["country", "France"]], "version": 0})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    back = client.patch("/users/new/profile", json={"allow": [["country", "France"]], "version": 1}).json()
    assert (back["refusals"], back["version"]) == ([], 2)


def test_conditions_seeds_exclusions_and_a_guests_history(client: TestClient) -> None:
    conditions = [
        {"attribute": "country", "values": ["Chile", "Spain"]},
        {"attribute": "alcohol", "least": 10, "most": 12},
    ]
    answer = client.post("/recommendations", json={"n": 50, "conditions": conditions, "exclude": ["w02"]}).json()
    attributes = [one["metadata"]["attributes"] for one in answer["items"]]
    assert attributes
    assert all(one["country"] in ("Chile", "Spain") and 10 <= one["alcohol"] <= 12 for one in attributes)
    got = client.get("/users/new/recommendations?filter=country:Chile|Spain&filter=alcohol:10..12&exclude=w02&n=50")
    assert set(ids(got)) == {one["item_id"] for one in answer["items"]}
    plain = ids(client.post("/recommendations", json={"seed": 1}))
    told = ids(client.post("/recommendations", json={"seed": 1, "history": [{"item_id": plain[0]}]}))
    assert plain[0] not in told
    related = client.post("/recommendations", json={"shelf": "related", "seeds": ["w01"]})
    assert related.status_code == 200
    assert "w01" not in ids(related)
    assert client.post("/recommendations", json={"seeds": ["no-such"]}).status_code == 404


def test_impressions_are_logged_with_place_and_propensity(client: TestClient, engine: Engine) -> None:
    answer = client.get("/users/new/recommendations", params={"n": 3}).json()
    engine.impressions.flush()
    logged = engine.store.log.of_user("new")
    assert [(one.event_type, one.item_id, one.position, one.propensity) for one in logged] == [
        ("impression", item["item_id"], item["rank"], 1.0) for item in answer["items"]
    ]
    assert {one.request_id for one in logged} == {answer["request_id"]}


def test_promote_and_rollback_while_requests_run(client: TestClient, engine: Engine) -> None:
    done, versions, failures = threading.Event(), set(), []

    def ask() -> None:
        while not done.is_set():
            try:
                answer = engine.recommend("ann-1")
                versions.add(answer["model_version"])
                if len(answer["items"]) != 10:
                    failures.append(answer)
                engine.put_items([engine.item("w05")])
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert client.post("/models/0002/promote").json() == {"current": "0002"}
        time.sleep(0.05)
        assert client.post("/models/0002/rollback").json() == {"current": "0001"}
        time.sleep(0.05)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert versions == {"0001", "0002"}
    assert client.post("/models/0009/promote").status_code == 404
    assert client.post("/models/0002/rollback").json()["code"] == "not_serving"


def test_a_damaged_version_is_refused_and_the_good_one_serves_on(client: TestClient, engine: Engine) -> None:
    (engine.versions.folder / "0002" / "users.json").write_text("[]")
    answer = client.post("/models/0002/promote")
    assert (answer.status_code, answer.json()["code"]) == (409, "unusable_version")
    assert client.get("/health/ready").json() == {"ready": True, "model_version": "0001"}


def test_a_bad_version_is_passed_over_at_start_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    workspace = Workspace(tmp_path)
    fill(workspace.store)
    recipe = fitted(workspace.store)
    for version in ("0001", "0002"):
        save_version(recipe, workspace.versions_folder / version, created=NOW, fingerprint=version, data={})
    workspace.promote("0002")
    part = workspace.versions_folder / "0002" / "parts" / "retrieve-popular" / "state.safetensors"
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    engine = open_engine(workspace)
    assert engine.live.version == "0001"
    assert "version 0002 cannot serve" in caplog.text
    engine.close()
    (workspace.versions_folder / "0001" / "users.json").unlink()
    with pytest.raises(SavedVersionError, match=r"no version can serve: version 0002: .*; version 0001: "):
        open_engine(workspace)


def test_an_answer_is_at_hand_only_when_nothing_is_waited_for(client: TestClient, engine: Engine) -> None:
    live = engine.live
    assert not live.at_hand("ann-4"), "her profile must be read from the log first"
    first = ids(client.get("/users/ann-4/recommendations"))
    live._pace = 0.001
    assert live.at_hand("ann-4")
    assert live.at_hand("")
    assert ids(client.get("/users/ann-4/recommendations")) == first  # beside no thread, the same
    live._pace = 1.0
    assert not live.at_hand("")


def test_operations_answer(client: TestClient) -> None:
    client.get("/users/ann-1/recommendations")
    assert client.get("/health/live").json() == {"live": True}
    text = client.get("/metrics").text
    assert 'zhiyin_requests_total{method="GET",route="/users/{user_id}/recommendations",status="200"} 1.0' in text
    assert "zhiyin_stage_seconds_bucket" in text
    assert client.get("/models").json()["shelves"] == ["for_you", "related", "trending"]
    assert "POST /events" in client.get("/docs").text
    assert client.get("/facets").json()["facets"][0]["attribute"] == "country"
    page = client.get("/")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert client.get("/web/js/app.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/nothing").json() == {"detail": "Not Found", "code": "not_found"}


def test_a_key_is_asked_for_bodies_are_bounded_and_rates_limited(engine: Engine) -> None:
    import hashlib

    engine.settings = Settings(
        keys=frozenset({hashlib.sha256(b"open").hexdigest()}), rate=0.001, burst=3, most_bytes=1000
    )
    with TestClient(create_app(engine)) as client:
        assert client.get("/models").json()["code"] == "key_needed"
        assert client.get("/health/live").status_code == 200
        key = {"X-API-Key": "open"}
        assert client.get("/models", headers=key).status_code == 200
        assert client.post("/events", headers=key, content=b"x" * 2000).status_code == 413
        pieces = client.post("/events", headers={**key, **JSON}, content=iter([b"x" * 600, b"x" * 600]))
        assert pieces.status_code == 413
        assert client.get("/models", headers=key).status_code == 200
        assert client.get("/models", headers=key).json()["code"] == "too_many_requests"


def test_a_patch_changes_what_it_gives_and_nothing_else(client: TestClient, engine: Engine) -> None:
    before = client.get("/items/w03").json()
    assert (
        client.patch("/items/w03", json={"attributes": {"price": 12.5, "country": None}, "text": "Good."}).status_code
        == 200
    )
    after = client.get("/items/w03").json()
    assert (after["title"], after["text"]) == (before["title"], "Good.")
    assert after["attributes"] == {**{k: v for k, v in before["attributes"].items() if k != "country"}, "price": 12.5}
    assert engine.store.catalog.get("w03") == engine.item("w03"), "and so it is kept"
    assert not client.patch("/items/w03", json={"text": "Good."}).json()["changed"]
    asked = {"n": 40, "conditions": [{"attribute": "price", "values": ["12.50"]}]}
    assert ids(client.post("/recommendations", json=asked)) == ["w03"]
    client.patch("/items/w03", json={"attributes": {"stock": 0}})
    assert ids(client.post("/recommendations", json=asked)) == []
    asked["conditions"].append({"attribute": "stock", "most": 0})  # type: ignore[attr-defined]
    assert ids(client.post("/recommendations", json=asked)) == ["w03"], "asked for, it is shown"
    client.patch("/items/w03", json={"attributes": {"stock": None}, "available_until": 5})
    assert ids(client.post("/recommendations", json=asked)) == []
    client.patch("/items/w03", json={"available_until": None})
    del asked["conditions"][1]  # type: ignore[attr-defined]
    assert ids(client.post("/recommendations", json=asked)) == ["w03"]
    assert client.patch("/items/nothing", json={"text": "x"}).status_code == 404
    assert client.patch("/items/w03", json={"colour": "red"}).status_code == 422


def test_what_is_registered_is_read_only_with_a_yes(client: TestClient) -> None:
    about = {"about": "I love Malbec"}
    path = "/users/somebody-new/recommendations"
    stranger = ids(client.get(path))
    client.put("/users/somebody-new", json={"attributes": about})
    assert ids(client.get(path)) == stranger
    shown = client.get("/users/somebody-new/profile").json()
    assert (shown["attributes"], shown["personalise"], shown["interests"]) == (about, False, [])
    client.patch("/users/somebody-new/profile", json={"personalise": True})
    assert client.get("/users/somebody-new/profile").json()["interests"]
    client.put("/users/somebody-new", json={"attributes": about})
    assert client.get("/users/somebody-new").json()["personalise"], "registering anew leaves it as it was said"
    client.put("/users/somebody-new", json={"attributes": about, "personalise": False})
    assert ids(client.get(path)) == stranger
    assert [one["personalise"] for one in client.get("/users/somebody-new/export").json()["profiles"]] == [
        False,
        True,
        False,
    ]
    assert client.put("/users/x", json={"personalise": "yes"}).status_code == 422
