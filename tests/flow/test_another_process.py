"""Commands and servers beside a running server: what one process writes, the others know of."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_server import Server, serving, workspace, zhiyin


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
