"""What is deleted of a user is gone from the disk too: not in free pages, not in the write-ahead log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from zhiyin.event import Event
from zhiyin.ports import StoredProfile
from zhiyin.stores.sql import SqlStore

WHO, SAID, MAIL = "quintessence-7", "a message nobody else writes", "quintessence@example.com"


def filled(folder: Path) -> SqlStore:
    store = SqlStore(f"sqlite:///{folder / 'zhiyin.db'}")
    for user in (*(f"other-{one}" for one in range(40)), WHO):
        text = SAID if user == WHO else "something else"
        store.log.append([Event(user, f"i{one}", "like", float(one), context={"text": text}) for one in range(30)])
        store.profiles.put(StoredProfile(user, attributes={"email": MAIL if user == WHO else ""}))
    store.profiles.put(StoredProfile(WHO, attributes={"email": MAIL}, refusals=(("type", SAID),)))
    return store


def traces(folder: Path) -> list[str]:
    words = [word.encode() for word in (WHO, SAID, MAIL)]
    return [one.name for one in folder.iterdir() if any(word in one.read_bytes() for word in words)]


def test_a_deleted_user_leaves_no_byte(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert traces(tmp_path), "it is there before"
    assert store.log.delete_user(WHO) == 30
    assert store.profiles.delete(WHO)
    assert traces(tmp_path) == []
    assert len(store.log.of_user("other-3")) == 30


def test_a_reader_does_not_keep_a_deletion_waiting(tmp_path: Path) -> None:
    store = filled(tmp_path)
    with store.log.engine.connect() as reader:
        reader.execute(sa.text("SELECT * FROM events")).fetchone()
        assert store.log.delete_user(WHO) == 30
    assert store.profiles.delete(WHO)
    assert traces(tmp_path) == [], "the next deletion, without a reader, empties the log"


CHILD = """
import sys
from zhiyin.stores.sql import SqlStore
store = SqlStore(sys.argv[1])
store.meta.put("who", "another process")
store.close()
"""


def test_looking_through_the_file_gives_up_no_lock_on_it(tmp_path: Path) -> None:
    """POSIX takes all of a process's locks on a file away when it closes the file anywhere; then the next process to leave
    takes itself for the last, and deletes the log that this one is using (sqlite.org/howtocorrupt.html, 2.2)."""
    store = filled(tmp_path)
    with store.log.engine.connect() as kept:
        kept.execute(sa.text("SELECT count(*) FROM events")).scalar()
        kept.rollback()
        assert store.log.delete_user(WHO) == 30
        assert store.wipe({WHO, SAID})
        store.meta.put("who", "this process")
        log = (tmp_path / "zhiyin.db-wal").stat().st_ino
        subprocess.run([sys.executable, "-c", CHILD, f"sqlite:///{tmp_path / 'zhiyin.db'}"], check=True)
        assert (tmp_path / "zhiyin.db-wal").stat().st_ino == log, "the log this process uses was deleted under it"
        assert kept.execute(sa.text("SELECT count(*) FROM events")).scalar() == 1200
        assert kept.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
    assert store.meta.get("who") == "another process"
