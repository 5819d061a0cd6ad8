"""What strangers may not do: other origins, endless heads and bodies, guesses, scopes they lack, state they wrote themselves."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors import ask, served, world
from serving_world import fill

from zhiyin.errors import SettingError
from zhiyin.serving.callers import needs_no_key
from zhiyin.serving.connections import Bounded
from zhiyin.serving.engine import Engine
from zhiyin.serving.keys import SCOPES, KeyFile, Keyring
from zhiyin.serving.rates import Guesses, neighbourhood
from zhiyin.serving.run import settings_from
from zhiyin.serving.settings import Bounds
from zhiyin.workspace.audit import AUDIT, ERASED, Audit
from zhiyin.workspace.workspace import Workspace

CLICK = {"user_id": "new", "item_id": "w01", "event_type": "click"}
LOCAL = frozenset({"127.0.0.1", "localhost"})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with world(tmp_path) as engine:
        yield engine


def hashed(*keys: str) -> frozenset[str]:
    return frozenset(hashlib.sha256(key.encode()).hexdigest() for key in keys)


# -- other origins -----------------------------------------------------------------------------------------------------


def test_foreign_hosts_and_pages_are_refused_and_programs_are_not(engine: Engine) -> None:
    with served(engine, hosts=LOCAL, origins=frozenset({"https://shop.example"})) as port:
        own = f"http://127.0.0.1:{port}"
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1].evil"):
            assert ask(port, "GET", "/users/ann-1/profile", Host=host)[0] == 421, host
            assert ask(port, "DELETE", "/users/ann-1", Host=host)[0] == 421, host
        for origin in ("http://evil.example", "null", f"http://localhost.evil:{port}", f"http://127.0.0.1:{port + 1}"):
            assert ask(port, "POST", "/events", CLICK, Origin=origin)[0] == 403, origin
            assert ask(port, "POST", "/models/0001/promote", Origin=origin)[0] == 403, origin
        assert ask(port, "GET", "/users/ann-1/profile", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
        form = {"content-type": "text/plain"}
        assert ask(port, "POST", "/events", json.dumps(CLICK).encode(), **form)[0] == 415
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert ask(port, "POST", "/events", b"user_id=a", **form)[0] == 415
        assert engine.store.log.of_user("new") == []
        assert ask(port, "POST", "/events", CLICK)[0] == 200, "a program sends no Origin"
        assert ask(port, "POST", "/events", CLICK, Origin=own)[0] == 200, "the page sends its own"
        status, _, headers = ask(port, "POST", "/events", CLICK, Origin="https://shop.example")
        assert (status, headers["access-control-allow-origin"]) == (200, "https://shop.example")
        assert "access-control-allow-credentials" not in headers
        asked = {"Origin": "https://evil.example", "Access_Control_Request_Method": "DELETE"}
        assert "access-control-allow-origin" not in ask(port, "OPTIONS", "/users/ann-1", **asked)[2]
        assert ask(port, "GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200


# -- before the key ----------------------------------------------------------------------------------------------------


def raw(port: int, text: bytes, wait: float = 10.0) -> bytes:
    """What a server says to raw bytes, until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as stream:
        try:
            stream.sendall(text)
            said = b""
            while piece := stream.recv(65536):
                said += piece
        except (ConnectionError, TimeoutError) as error:
            return said if isinstance(error, ConnectionError) and "said" in locals() else b""
        return said


def test_heads_addresses_and_bodies_have_an_end(engine: Engine) -> None:
    bounds = Bounds(head_seconds=0.4, body_seconds=0.4, head_bytes=10_000, url_bytes=4_000)
    with served(engine, bounds=bounds, most_bytes=50_000) as port:
        head = b"GET /models HTTP/1.1\r\nHost: localhost\r\n"
        assert b" 431 " in raw(port, head + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n")
        assert b" 431 " in raw(port, head + b"X-A: " + b"a" * 20_000), "also one that never ends"
        assert b" 431 " in raw(port, head + b"".join(b"X-%d: a\r\n" % at for at in range(3000)))
        assert b" 414 " in raw(port, b"GET /models?" + b"a" * 8_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 408 " in raw(port, head), "a head that stays half"
        assert raw(port, b"") == b"", "a connection that asks nothing is closed"
        post = b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        assert b" 408 " in raw(port, post + b"Content-Length: 100\r\n\r\n{")
        assert b" 413 " in raw(port, post + b"Content-Length: 999999999\r\n\r\n{")
        chunks = b"".join(b"1\r\n{\r\n" for _ in range(60_000))
        assert b" 413 " in raw(port, post + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        assert b" 400 " in raw(port, post + b"Content-Length: 2\r\nHost: evil\r\n\r\n{}", wait=5)
        assert ask(port, "GET", "/models")[0] == 200


def test_connections_that_ask_nothing_give_way_to_those_that_do(engine: Engine) -> None:
    with served(engine, bounds=Bounds(connections=40, head_seconds=60.0)) as port:
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(120)]
        for _ in range(5):
            assert ask(port, "GET", "/users/ann-1/recommendations")[0] == 200
        for one in idle:
            one.close()


def test_who_asks_on_and_reads_nothing_is_cut_off(engine: Engine) -> None:
    """Also while what waits for it is little: a few bytes that nobody takes held a connection for good."""
    with served(engine, bounds=Bounds(write_seconds=0.5)) as port, socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.settimeout(5)
        stream.connect(("127.0.0.1", port))
        assert ask(port, "GET", "/models")[0] == 200
        here = next(one for one in open_connections() if one.client and one.client[1] == stream.getsockname()[1])
        here.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for _ in range(1_000):
            if here.transport.get_write_buffer_size():
                break
            stream.sendall(b"GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
            time.sleep(0.01)
        else:
            pytest.fail("the answers all went somewhere")
        end = time.monotonic() + 5
        while here in open_connections() and time.monotonic() < end:
            time.sleep(0.05)
        assert here not in open_connections()
        assert ask(port, "GET", "/models")[0] == 200


def open_connections() -> list[Bounded]:
    """Connections of servers of this process that have not ended."""
    return [one for one in gc.get_objects() if isinstance(one, Bounded) and one in one.connections]


def test_who_hangs_up_in_a_body_leaves_no_traceback(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with served(engine) as port, caplog.at_level(logging.WARNING):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port)) as stream:
                stream.sendall(
                    b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
                )
        assert ask(port, "GET", "/models")[0] == 200
    assert caplog.text == ""


def test_wrong_keys_are_slowed_and_right_ones_beside_them_are_not(engine: Engine) -> None:
    with served(engine, keys=hashed("right", "other")) as port:
        assert ask(port, "GET", "/models", X_API_Key="right")[0] == 200
        tried = [ask(port, "GET", "/models", X_API_Key=f"wrong-{number}") for number in range(15)]
        assert [status for status, _, _ in tried] == [401] * 10 + [429] * 5
        assert int(tried[-1][2]["retry-after"]) >= 1
        assert ask(port, "GET", "/models", X_API_Key="other")[0] == 429, "a right guess is not told from a wrong one"
        assert ask(port, "GET", "/models", X_API_Key="right")[0] == 200
        assert ask(port, "POST", "/session", {"key": "wrong-16"})[0] == 429


def test_who_forwards_is_believed_only_where_it_is_named(engine: Engine) -> None:
    for proxies, last in (((), 429), (("127.0.0.1",), 200)):
        with served(engine, rate=0.001, burst=1, proxies=proxies) as port:
            found = [ask(port, "GET", "/models", X_Forwarded_For=f"10.0.0.{number}") for number in (1, 2)]
            assert [status for status, _, _ in found] == [200, last]
            if last == 429:
                assert int(found[-1][2]["retry-after"]) > 0


@pytest.mark.parametrize(
    "wrong",
    [{"ZHIYIN_RATE": one} for one in ("nan", "inf", "-1", "many")]
    + [{"ZHIYIN_HOSTS": "a b"}, {"ZHIYIN_ORIGINS": "shop.example"}, {"ZHIYIN_PROXIES": "everybody"}, {"ZHIYIN_SESSION_SECRET": "short"}],
    ids=str,
)  # fmt: skip
def test_a_setting_that_opens_by_mistake_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        settings_from(wrong)


def test_guesses_are_kept_by_network() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("::ffff:10.0.0.1") == "10.0.0.1"
    guesses = Guesses(rate=0.5, burst=1)
    guesses.wrong("a", 0.0)
    assert (guesses.wait("a", "k", 0.0), guesses.wait("b", "k", 0.0), guesses.wait("a", "k", 2.0)) == (2.0, 0.0, 0.0)


# -- keys and scopes ---------------------------------------------------------------------------------------------------

REQUESTS = {
    "events": [("POST", "/events", CLICK)],
    "read": [("GET", "/users/ann-1/recommendations", None), ("GET", "/models", None), ("POST", "/recommendations", {}), ("GET", "/metrics", None)],
    "write": [("PUT", "/items/x", {"title": "x"}), ("PATCH", "/users/ann-1/profile", {}), ("PUT", "/users/ann-9", {})],
    "admin": [
        ("GET", "/users/ann-1/export", None), ("POST", "/models/0001/promote", None), ("POST", "/models/0002/rollback", None),
        ("DELETE", "/items/w03", None), ("DELETE", "/users/ann-2", None), ("GET", "/audit", None),
        ("POST", "/users/ann-1/profile/rollback?version=1", None),
    ],
}  # fmt: skip


def test_each_scope_opens_its_own_routes_and_no_others(engine: Engine, tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    keys = {scope: file.add(scope, [scope], time.time()) for scope in SCOPES}
    with served(engine, key_file=file.path, audit=tmp_path / "audit.jsonl") as port:
        for needed, requests in REQUESTS.items():
            for method, path, body in requests:
                assert ask(port, method, path, body)[0] == 401
                for scope, key in keys.items():
                    status, said, _ = ask(port, method, path, body, X_API_Key=key)
                    opened = scope in (needed, "admin")
                    assert (status == 403) != opened, (scope, method, path, status)
                    assert opened or said["code"] == "scope_needed"
        old = keys["read"]
        new = file.rotate("read", time.time(), overlap_days=0)
        file.remove("events", time.time())
        time.sleep(1.1)  # a running server looks again once a second
        status = {key: ask(port, "GET", "/models", X_API_Key=key)[0] for key in (old, new, keys["events"])}
        assert status == {old: 401, new: 200, keys["events"]: 401}
    text = file.path.read_text()
    assert not any(key in text for key in (*keys.values(), new))
    assert file.path.stat().st_mode & 0o077 == 0


def test_every_operation_of_the_schema_is_closed_to_a_key_without_its_scope(engine: Engine, tmp_path: Path) -> None:
    """Over HTTP and from the schema, so that a new route that forgets its scope is found."""
    file = KeyFile(tmp_path / "keys.json")
    weak = file.add("weak", ["events"], time.time())
    opened = set()
    with served(engine, key_file=file.path) as port:
        paths = ask(port, "GET", "/openapi.json", X_API_Key=weak)[1]["paths"]
        for path, table in paths.items():
            for method in table:
                filled = path.replace("{item_id}", "w01").replace("{user_id}", "ann-1").replace("{version}", "0001")
                body = {} if "requestBody" in table[method] else None
                query = "?version=1" if path.endswith("profile/rollback") else "?q=x" if path == "/search" else ""
                if needs_no_key(path):
                    continue
                assert ask(port, method.upper(), filled + query, body)[0] == 401, (method, path)
                if ask(port, method.upper(), filled + query, body, X_API_Key=weak)[0] != 403:
                    opened.add((method, path))
    assert opened == {("post", "/events")}


def test_a_file_of_keys_that_breaks_or_goes_opens_nothing(tmp_path: Path) -> None:
    file, ticks = KeyFile(tmp_path / "keys.json"), iter(range(0, 1000, 5))
    key = file.add("one", ["read"], 0.0, days=1)
    now = [0.0]
    ring = Keyring((), file.path, lambda: now[0], lambda: float(next(ticks)))
    assert ring.find(key.encode()) is not None
    now[0] = 90_000.0
    assert ring.find(key.encode()) is None, "expired"
    now[0] = 0.0
    file.path.write_text("[{]")
    assert (ring.find(key.encode()), ring.guarded) == (None, True)
    with pytest.raises(SettingError, match="no table of keys"):
        file.read()
    file.path.unlink()
    assert (ring.find(key.encode()), ring.guarded) == (None, True)


def test_the_page_logs_in_and_its_session_is_its_own(engine: Engine, tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    key = file.add("page", ["read", "write", "events"], time.time())
    with served(engine, key_file=file.path) as port:
        own = f"http://127.0.0.1:{port}"
        assert ask(port, "GET", "/")[0] == ask(port, "GET", "/web/js/app.js")[0] == 200
        assert ask(port, "GET", "/session")[1] == {"needed": True, "name": "", "scopes": []}
        assert ask(port, "POST", "/session", {"key": key}, Origin="http://evil.example")[0] == 403
        status, said, headers = ask(port, "POST", "/session", {"key": key}, Origin=own)
        assert (status, said["name"]) == (200, "page")
        cookie = headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
        assert key not in cookie
        value = cookie.partition(";")[0]
        assert ask(port, "GET", "/models", Cookie=value)[0] == 200
        assert ask(port, "POST", "/events", CLICK, Cookie=value, Origin=own)[0] == 200
        assert ask(port, "POST", "/events", CLICK, Cookie=value)[0] == 403, "a session needs the page's own Origin"
        assert ask(port, "POST", "/events", CLICK, Cookie=value, Origin="http://evil.example")[0] == 403
        assert ask(port, "DELETE", "/users/ann-1", Cookie=value, Origin=own)[0] == 403, "it has the key's scopes"
        forged = value[:-1] + ("0" if value[-1] != "0" else "1")
        assert ask(port, "GET", "/models", Cookie=forged)[0] == 401
        assert "Max-Age=0" in ask(port, "DELETE", "/session", Cookie=value, Origin=own)[2]["set-cookie"]
        file.remove("page", time.time())
        time.sleep(1.1)
        assert ask(port, "GET", "/models", Cookie=value)[0] == 401, "it ends with its key"


def test_what_administrators_did_is_written_down_and_an_erased_user_is_not(engine: Engine, tmp_path: Path) -> None:
    file, log = KeyFile(tmp_path / "keys.json"), tmp_path / "audit.jsonl"
    key = file.add("boss", ["admin"], time.time())
    with served(engine, key_file=file.path, audit=log) as port:
        for user in ("ann-1", "ann-2"):
            assert ask(port, "GET", f"/users/{user}/export", X_API_Key=key)[0] == 200
        assert ask(port, "POST", "/models/0009/promote", X_API_Key=key)[0] == 404
        named = [Audit(log, time.time).user(user) for user in ("ann-1", "ann-2")]
        assert ask(port, "DELETE", "/users/ann-1", X_API_Key=key)[0] == 200
        entries = ask(port, "GET", "/audit", X_API_Key=key)[1]["entries"]
    assert [(one["who"], one["what"], one["status"]) for one in entries] == [
        ("boss", "export user", 200), ("boss", "export user", 200), ("boss", "promote", 404), ("boss", "delete user", 200),
    ]  # fmt: skip
    assert [one["about"] for one in entries] == ["an erased user", named[1], "version 0009", "an erased user"]
    text = log.read_text()
    assert "ann-1" not in text
    assert named[0] not in text


# -- inner fields from outside -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    ["{", "null", "[]", '{"wanted": 5}', '{"ranges": {"alcohol": ["a", "b"]}}', "a" * 64 + ".{}", "0." + '{"last": ["nobody"]}',
     '{"wanted": [], "unwanted": [], "avoid": [7], "ranges": {"alcohol": ["x", {}]}, "text": 5, "like": [{}], "count": "many", '
     '"shown": [], "last": ["no-such"], "turns": "x"}'],
)  # fmt: skip
def test_a_message_that_a_client_posted_is_no_state_of_a_conversation(engine: Engine, state: str) -> None:
    with served(engine) as port:
        event = {"user_id": "me", "event_type": "message", "session_id": "c1", "context": {"ask": state, "text": "hi"}}
        assert ask(port, "POST", "/events", event)[0] == 200
        for message in ("why?", "another", "a Merlot from Italy", "cheaper", "the first one"):
            status, said, _ = ask(port, "POST", "/chat", {"message": message, "user_id": "me", "conversation_id": "c1"})
            assert status == 200, said
        for path in ("/users/me/export", "/users/me/profile", "/users/me/recommendations"):
            assert ask(port, "GET", path)[0] == 200


def test_a_conversation_goes_on_after_a_restart_and_nobody_elses_state_is_taken(engine: Engine) -> None:
    talk = {"user_id": "me", "conversation_id": "c1"}
    with served(engine) as port:
        assert ask(port, "POST", "/chat", {"message": "a Merlot from Italy", **talk})[0] == 200
    (state,) = [one.context["ask"] for one in engine.store.log.of_user("me") if one.event_type == "message"]
    with served(engine) as port:
        assert ask(port, "POST", "/chat", {"message": "another", **talk})[1]["asked"] != ""
        stolen = {"user_id": "you", "event_type": "message", "session_id": "c1", "context": {"ask": state}}
        assert ask(port, "POST", "/events", stolen)[0] == 200
        other = ask(port, "POST", "/chat", {"message": "another", "user_id": "you", "conversation_id": "c1"})[1]
        assert other["asked"] == ""


@pytest.mark.parametrize("version", ["9" * 20, "-1", "0", "1e3", "2147483648"])
def test_a_version_beyond_every_store_is_refused(engine: Engine, version: str) -> None:
    with served(engine) as port:
        assert ask(port, "POST", f"/users/ann-1/profile/rollback?version={version}")[0] == 422
        if version.isdigit() and int(version) > 2**31 - 1:
            assert ask(port, "PATCH", "/users/ann-1/profile", {"version": int(version)})[0] == 422


def test_zero_is_not_false_and_false_is_no_number(engine: Engine) -> None:
    with served(engine) as port:
        for method, path, body in (
            ("PUT", "/items/x", {"hidden": 0}), ("PUT", "/items/x", {"title": 5}), ("POST", "/recommendations", {"seed": False}),
            ("POST", "/recommendations", {"n": "5"}), ("POST", "/recommendations", {"explain": 1}),
            ("POST", "/events", {**CLICK, "position": True}), ("POST", "/events", {**CLICK, "value": "3"}),
            ("POST", "/chat", {"message": "hello", "stream": 1}),
        ):  # fmt: skip
            assert ask(port, method, path, body)[0] == 422, body


def test_an_erasure_at_the_command_line_reaches_the_audit(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    fill(workspace.store)
    log = Audit(tmp_path / AUDIT, time.time)
    log.note("boss", "export user", log.user("ann-1"))
    log.note("boss", "export user", log.user("ann-2"))
    workspace.erase("user", "ann-1")
    assert [one.about for one in log.entries()] == [ERASED, log.user("ann-2")]
