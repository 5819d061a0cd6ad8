"""A catalogue that moves under a real server: words at once, vectors soon, answers all the while, a restart for nothing."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

from real_server import Server, serving, wait, workspace


def waiting(server: Server) -> int:
    """Items whose vectors are still to come, as the server's own measurements say."""
    with urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return int(float(next(one for one in lines if one.startswith("zhiyin_items_without_vectors ")).split()[1]))


def kept(folder: Path) -> int:
    """Vectors in the cache."""
    with closing(sqlite3.connect(folder / "vectors.db")) as db:
        return int(db.execute("SELECT count(*) FROM vectors").fetchone()[0])


def test_many_items_are_found_by_words_at_once_and_by_meaning_soon(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    new = [{"item_id": f"new{number}", "title": f"aubergine of kind {number}"} for number in range(400)]
    with serving(folder, ZHIYIN_IMPRESSIONS="off") as server:
        done, failures, answers = threading.Event(), [], []

        def ask() -> None:
            while not done.is_set():
                try:
                    answers.append(server.ids("u3"))
                except Exception as error:
                    failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        server("POST", "/items", {"items": new})
        found = [one["item_id"] for one in server("GET", "/search?q=aubergine+399")["items"]]
        assert found[0] == "new399", "words find what was put as soon as the write returned"
        wait(lambda: not waiting(server), "the vectors", 60)
        done.set()
        thread.join()
        assert not failures
        assert answers
        assert all(len(one) == 10 for one in answers)
        related = server("GET", "/items/new7/similar")["items"]
        assert any(one["item_id"].startswith("new") for one in related), "meaning finds them too"
        before, lists = kept(folder), [server.ids(f"u{number}") for number in range(5)]
    with serving(folder, ZHIYIN_IMPRESSIONS="off") as again:
        assert waiting(again) == 0
        assert [again.ids(f"u{number}") for number in range(5)] == lists
    assert kept(folder) == before
