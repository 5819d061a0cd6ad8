"""Commands and servers beside a running server: what one process writes, the others know of."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from real_server import LAST, Server, serving, table, wait, workspace, zhiyin


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workspace(tmp_path_factory.mktemp("another"))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(folder) as server:
        yield server


def test_a_second_server_on_one_sqlite_file_is_told_of_postgresql(folder: Path, server: Server) -> None:
    said = zhiyin("serve", "-w", folder, "--port", server.port + 1, succeeds=False)
    assert "another server is serving" in said
    assert "PostgreSQL" in said
    assert "Traceback" not in said
    assert server("GET", "/health/ready")["ready"]
    assert zhiyin("recommend", "u3", "-w", folder), "commands beside a server stay allowed"


def test_a_list_that_was_looked_at_makes_no_fit_start_again(folder: Path, server: Server) -> None:
    assert server.ids("u3")
    server("GET", "/users/u3/export")  # writes the impressions that wait
    said = zhiyin("fit", "-r", folder / "quick.toml", "-w", folder)
    assert "version 0001 is current" in said
    assert not (folder / "versions" / "0002").exists()


def test_a_killed_server_leaves_no_lock_behind(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    with serving(folder) as first:
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    with serving(folder) as second:
        assert second.ids("u3")


def test_what_is_ingested_beside_a_server_is_served(folder: Path, server: Server, tmp_path: Path) -> None:
    first = server.ids("u4", 5)
    bought = [("u4", item, LAST + number) for number, item in enumerate(first)]
    events = table(tmp_path / "late.csv", "user_id,item_id,timestamp", [*bought, ("somebody new", "i1", LAST)])
    items = [("late", "an unheard of red"), ("i0", "renamed quite otherwise")]
    zhiyin("ingest", events, table(tmp_path / "items.csv", "item_id,title", items), "-w", folder)
    wait(lambda: not set(server.ids("u4", 5)) & set(first), "what was bought to leave the list", 10)
    wait(lambda: there(server, "/items/late"), "the new item", 10)
    assert server("GET", "/items/i0")["title"] == "renamed quite otherwise"
    assert server("GET", "/search?q=unheard")["items"][0]["item_id"] == "late"
    assert server("GET", "/users?q=somebody")["users"] == [{"user_id": "somebody new", "events": 1}]


def test_what_is_fitted_beside_a_server_is_served(folder: Path, server: Server) -> None:
    assert server("GET", "/models")["current"] == "0001"
    server("POST", "/events", {"user_id": "u5", "item_id": "i3", "event_type": "like"})
    assert "version 0002 is current" in zhiyin("fit", "-r", folder / "quick.toml", "-w", folder)
    wait(lambda: server("GET", "/models")["current"] == "0002", "the new version to serve", 20)
    assert server("POST", "/models/0002/rollback") == {"current": "0001"}
    assert server.ids("u5")
    assert server("GET", "/models")["current"] == "0001"


def there(server: Server, path: str) -> bool:
    """Whether something is found under a path."""
    try:
        return bool(server("GET", path))
    except HTTPError:
        return False


def test_a_user_who_is_erased_by_a_command_is_a_stranger_to_the_server(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    with serving(folder) as running:
        assert running.ids("u7") != running.ids("nobody")
        said = json.loads(zhiyin("erase", "u7", "-w", folder))
        assert said["finished"]
        assert said["found"]["store"]["events"] >= 8
        wait(lambda: running.ids("u7") == running.ids("nobody"), "the server to have forgotten the user")
        wait(lambda: running("GET", "/users?q=u7")["total"] == 0, "the server to list the user no more")
        assert running("GET", "/erasures")["erasures"][0]["who"] == said["who"]
        assert running("DELETE", "/users/u8")["receipt"]["finished"]
    assert "u7" not in zhiyin("erasures", "-w", folder)
