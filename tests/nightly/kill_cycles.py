"""Kill cycles: a process is killed with SIGKILL in the middle of its work, and the workspace is opened again and looked over.

    python tests/nightly/kill_cycles.py FOLDER [--cycles 200] [--kinds write,item,…]

Each cycle forks a process that does one kind of work over and over and notes what was acknowledged; a random moment later it
is killed. Then another process opens the workspace and tells what was lost and whether it can be used. The counts are kept
in FOLDER/state.json after every cycle, so that a run that was stopped goes on. This process only imports and forks: it
starts no thread, since a thread does not survive a fork.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import zhiyin.ingest.files  # imported here, so that no fork has to
import zhiyin.retrieval.popular
import zhiyin.retrieval.user_knn  # noqa: F401
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.ports import StoredProfile
from zhiyin.serving.opening import open_engine
from zhiyin.workspace.workspace import Workspace

KINDS = ("write", "item", "edit", "erasure", "ingest", "fit", "promote")
RECIPE = 'name = "quick"\n[[retrieve]]\nuse = "popular"\n[[retrieve]]\nuse = "user_knn"\n'
LIFE = 20
"""Cycles a workspace lives through before the next begins anew."""

LONGEST = {"write": 0.1, "item": 0.3, "edit": 0.1, "erasure": 0.6, "ingest": 0.6, "fit": 0.6, "promote": 0.1}
"""Seconds until the kill at most, after some pieces of work were whole: about as long as one takes."""

Note = Callable[[str, Any], None]


def begun(folder: Path) -> None:
    """A small workspace that is fitted twice."""
    workspace = Workspace(folder / "ws")
    workspace.store.catalog.put([Item(f"i{number}", f"Thing {number}") for number in range(12)])
    events = [Event(f"u{row % 9}", f"i{row % 12}", "click", 1e9 + row, event_id=f"first-{row}") for row in range(90)]
    workspace.store.log.append(events)
    (folder / "quick.toml").write_text(RECIPE)
    workspace.fit(str(folder / "quick.toml"))
    workspace.store.log.append([Event("u1", "i2", "like", 2e9, event_id="second")])
    workspace.fit(str(folder / "quick.toml"))


# -- the work: endless, what is acknowledged is noted after it was ------------------------------------------------------------


def write(folder: Path, cycle: int, note: Note) -> Iterator[None]:
    """Events by the engine, as a request brings them."""
    engine = open_engine(Workspace(folder / "ws"))
    yield
    for number in count():
        name = f"w-{cycle}-{number}"
        engine.record([Event(f"u{number % 9}", f"i{number % 12}", "click", 1.5e9 + number, event_id=name)])
        note("done", [f"u{number % 9}", name])


def item(folder: Path, cycle: int, note: Note) -> Iterator[None]:
    """Items put and, every third, deleted again."""
    engine = open_engine(Workspace(folder / "ws"))
    yield
    for number in count():
        name = f"item-{cycle}-{number}"
        engine.put_items([Item(name, f"Title{cycle}x{number}y")])
        note("put", name)
        if number % 3 == 0:
            note("begin", name)
            engine.delete_item(name)
            note("deleted", name)


def edit(folder: Path, cycle: int, note: Note) -> Iterator[None]:
    """One user's edits, each on top of the last."""
    engine = open_engine(Workspace(folder / "ws"))
    yield
    for number in count():
        topic = [f"topic-{cycle}", str(number)]
        engine.edit_profile("u1", {"refuse": [topic], "allow": [], "wish": [], "unwish": []})
        note("done", topic)


def erasure(folder: Path, cycle: int, note: Note) -> Iterator[None]:
    """Users who have events, profiles and a friend, and are deleted one after the other."""
    workspace = Workspace(folder / "ws")
    people = [f"person-{cycle}-{number}-end" for number in range(6)]
    for name in people:
        workspace.store.log.append([Event(name, f"i{row}", "like", 1e9 + row) for row in range(5)])
        workspace.store.profiles.put(StoredProfile(name, {"mail": f"{name}@example.com"}))
    versions = workspace.store.profiles.get(f"friend-{cycle}")
    for number in range(3 - (versions.version if versions else 0)):
        workspace.store.profiles.put(StoredProfile(f"friend-{cycle}", {"n": str(number)}, friends=tuple(people)))
    workspace.fit(str(folder / "quick.toml"))
    engine = open_engine(workspace)
    yield
    for name in people:
        note("begin", name)
        engine.delete_user(name)
        note("done", name)


def ingest(folder: Path, cycle: int, note: Note) -> Iterator[None]:
    """Files of events, each new."""
    workspace = Workspace(folder / "ws")
    yield
    for number in count():
        file = folder / f"in-{cycle}-{number}.csv"
        rows = (f"f-{cycle}-{number},i{row % 12},{1_600_000_000 + row}\n" for row in range(400))
        file.write_text("user_id,item_id,timestamp\n" + "".join(rows))
        note("begin", file.name)
        workspace.ingest([file])
        note("done", file.name)


def fit(folder: Path, cycle: int, note: Note) -> Iterator[None]:
    """Fits of data that changed since."""
    workspace = Workspace(folder / "ws")
    yield
    for number in count():
        workspace.store.log.append([Event("u3", "i1", "like", 1.7e9, event_id=f"n-{cycle}-{number}")])
        note("done", workspace.fit(str(folder / "quick.toml")))


def promote(folder: Path, cycle: int, note: Note) -> Iterator[None]:
    """Two versions, promoted in turns by the engine."""
    workspace = Workspace(folder / "ws")
    engine = open_engine(workspace)
    note("was", workspace.pointer())
    yield
    for number in count():
        version = ("0001", "0002")[number % 2]
        note("begin", version)
        engine.promote(version)
        note("done", version)


# -- what must hold afterwards -------------------------------------------------------------------------------------------------


def looked_over(folder: Path, kind: str, cycle: int, notes: list[list[Any]]) -> None:
    """Open the workspace after a kill; raises AssertionError with "lost" or "unusable" for what does not hold."""
    workspace = Workspace(folder / "ws")
    said: dict[str, list[Any]] = {}
    for what, value in notes:
        said.setdefault(what, []).append(value)
    engine = open_engine(workspace)
    for user in ("u1", "u5", "nobody"):
        assert engine.recommend(user, 5)["items"], "unusable: nothing is recommended"
    with workspace.store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok", "unusable: the database"
    assert not workspace.damaged(), f"unusable: {workspace.damaged()}"
    for version in workspace.versions():
        workspace.load(version)
    assert not workspace.store.erasures.running(), "unusable: an erasure is not ended"
    left = [*(folder / "ws").glob(".incoming-*"), *(folder / "ws" / "versions").glob(".draft-*")]
    assert not left, f"unusable: {left} is left behind"
    AFTER[kind](folder, workspace, engine, said, cycle)
    engine.close()


def after_write(folder: Path, workspace: Workspace, engine: Any, said: dict[str, list[Any]], cycle: int) -> None:
    frame = workspace.store.log.columns(["user_id", "event_id"])
    stored = set(frame.iter_rows())
    lost = [one for one in said.get("done", ()) if tuple(one) not in stored]
    assert not lost, f"lost: {lost}"


def after_item(folder: Path, workspace: Workspace, engine: Any, said: dict[str, list[Any]], cycle: int) -> None:
    items = {one.item_id: one for one in workspace.store.catalog.all()}
    unclear = {*said.get("begin", ())}
    lost = [name for name in said.get("put", ()) if name not in unclear and not items[name].title]
    lost += [name for name in said.get("deleted", ()) if items[name].title]
    lost += [name for name in said.get("put", ()) if engine.live.recommender.items[_place(engine, name)] != items[name]]
    assert not lost, f"lost: {lost}"
    for name in said.get("deleted", ()):
        _gone(folder, f"Title{cycle}x{name.split('-')[2]}y")


def _place(engine: Any, name: str) -> int:
    return int(engine.live.recommender.items.vocabulary.position(name))


def after_edit(folder: Path, workspace: Workspace, engine: Any, said: dict[str, list[Any]], cycle: int) -> None:
    profiles = workspace.store.profiles
    newest = profiles.get("u1")
    refused = {tuple(one) for one in newest.refusals} if newest else set()
    lost = [one for one in said.get("done", ()) if tuple(one) not in refused]
    assert not lost, f"lost: {lost}"
    if newest:
        assert all(profiles.get("u1", number) for number in range(1, newest.version + 1)), (
            "lost: a version of a profile"
        )


def after_erasure(folder: Path, workspace: Workspace, engine: Any, said: dict[str, list[Any]], cycle: int) -> None:
    store = workspace.store
    for number in range(6):
        name = f"person-{cycle}-{number}-end"
        begun_, done = name in said.get("begin", ()), name in said.get("done", ())
        there = len(store.log.of_user(name)), store.profiles.get(name) is not None
        if "ready" in said:
            assert there in ((5, True), (0, False)), f"lost: {name} is half erased: {there}"
            assert not done or there == (0, False), f"lost: the erasure of {name}"
            assert begun_ or there == (5, True), f"lost: {name}, whom nobody erased"
        if begun_ and there == (0, False):
            _gone(folder, name)
    friend = store.profiles.get(f"friend-{cycle}")
    if "ready" in said:
        kept = [store.profiles.get(f"friend-{cycle}", number) for number in (1, 2, 3)]
        assert friend is not None, "lost: the friend's profiles"
        assert friend.version == 3, f"lost: {friend.version} of 3 versions of the friend's profile"
        assert all(kept), "lost: an earlier version of the friend's profile"
        left = [name for name in friend.friends if store.profiles.get(name) is None]
        assert not left, f"lost: {left} are named among the friends"


def after_ingest(folder: Path, workspace: Workspace, engine: Any, said: dict[str, list[Any]], cycle: int) -> None:
    counts = workspace.store.log.counts()
    for name in said.get("done", ()):
        assert counts.get(name.replace("in-", "f-").removesuffix(".csv")) == 400, f"lost: {name}"
    for name in said.get("begin", ()):
        workspace.ingest([folder / name])
        user = name.replace("in-", "f-").removesuffix(".csv")
        assert workspace.store.log.counts([user])[user] == 400, f"lost: {name} is not whole when it is ingested again"


def after_fit(folder: Path, workspace: Workspace, engine: Any, said: dict[str, list[Any]], cycle: int) -> None:
    lost = [name for name in said.get("done", ()) if name not in workspace.versions()]
    assert not lost, f"lost: {lost}"
    assert not said.get("done") or workspace.pointer() >= said["done"][-1], "lost: a promotion"


def after_promote(folder: Path, workspace: Workspace, engine: Any, said: dict[str, list[Any]], cycle: int) -> None:
    done, tried = said.get("done", []), said.get("begin", [])
    allowed = {*(done[-1:] or said.get("was", ("0001", "0002"))), *tried[-1:]}
    assert workspace.pointer() in allowed, f"lost: {workspace.pointer()} is current, not one of {allowed}"


def _gone(folder: Path, text: str) -> None:
    held = [one.name for one in (folder / "ws").rglob("*") if one.is_file() and text.encode() in one.read_bytes()]
    assert not held, f"lost: the erasure of {text}, which {held} hold"


WORK: dict[str, Callable[[Path, int, Note], Iterator[None]]] = {
    "write": write, "item": item, "edit": edit, "erasure": erasure, "ingest": ingest, "fit": fit, "promote": promote,
}  # fmt: skip
AFTER: dict[str, Callable[..., None]] = {
    "write": after_write, "item": after_item, "edit": after_edit, "erasure": after_erasure, "ingest": after_ingest,
    "fit": after_fit, "promote": after_promote,
}  # fmt: skip


# -- the cycles ------------------------------------------------------------------------------------------------------------------


def forked(do: Callable[[], None]) -> int:
    """A process that does something and ends; its id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        do()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def one_cycle(folder: Path, kind: str, cycle: int, rng: random.Random) -> tuple[list[list[Any]], str]:
    """Work, kill, look. Returns what was noted, and what is wrong, "" for nothing."""
    notes, report = folder / "notes.jsonl", folder / "report.txt"
    for file in (notes, report):
        file.unlink(missing_ok=True)

    def note(what: str, value: Any) -> None:  # written at once: what was noted is known even if the next moment kills
        handle = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, json.dumps([what, value]).encode() + b"\n")
        os.close(handle)

    def work() -> None:
        steps = WORK[kind](folder, cycle, note)
        next(steps)
        note("ready", os.getpid())
        for _ in steps:
            pass

    child = forked(work)
    # So many pieces of work are whole; the kill comes somewhere in those after them.
    whole, gone = rng.randrange(5), False
    while not gone and (not notes.exists() or notes.read_bytes().count(b"\n") <= whole):
        time.sleep(0.002)
        gone = os.waitpid(child, os.WNOHANG) != (0, 0)
    time.sleep(rng.uniform(0, LONGEST[kind]))
    if not gone:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    said = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []

    def look() -> None:
        try:
            looked_over(folder, kind, cycle, said)
        except Exception as error:
            report.write_text(f"{type(error).__name__}: {error}"[:500])

    _, status = os.waitpid(forked(look), 0)
    wrong = report.read_text() if report.exists() else "" if status == 0 else f"unusable: it ended with {status}"
    return said, wrong


def run(folder: Path, kinds: list[str], cycles: int) -> dict[str, dict[str, Any]]:
    """All cycles of all kinds that are not done yet. Returns the counts by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "state.json"
    state: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}
    for kind in kinds:
        counts = state.setdefault(kind, {"cycles": 0, "acknowledged": 0, "lost": 0, "unusable": 0, "wrong": []})
        while counts["cycles"] < cycles:
            cycle = counts["cycles"]
            home = folder / kind
            if cycle % LIFE == 0 or not (home / "ws").exists():
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir(parents=True)
                _, status = os.waitpid(forked(lambda home=home: begun(home)), 0)  # type: ignore[misc]
                assert status == 0, "the workspace could not be made"
            said, wrong = one_cycle(home, kind, cycle, random.Random(f"{kind} {cycle}"))
            counts["cycles"] += 1
            counts["acknowledged"] += sum(what in ("done", "put", "deleted") for what, _ in said)
            if wrong:
                counts["unusable" if "lost" not in wrong else "lost"] += 1
                counts["wrong"].append(f"cycle {cycle}: {wrong}")
                print(f"{kind} {counts['wrong'][-1]}", flush=True)
                shutil.copytree(home, folder / f"wrong-{kind}-{cycle}", dirs_exist_ok=True)
            file.write_text(json.dumps(state, indent=1))
        print(f"{kind}: {counts['cycles']} kills, {counts['acknowledged']} acknowledged, {counts['lost']} lost, "
              f"{counts['unusable']} unusable", flush=True)  # fmt: skip
    return state


def main() -> None:
    """Run from the command line; ends with 1 where anything was lost or unusable."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--kinds", default=",".join(KINDS))
    asked = parser.parse_args()
    state = run(asked.folder, asked.kinds.split(","), asked.cycles)
    raise SystemExit(any(counts["lost"] or counts["unusable"] for counts in state.values()))


if __name__ == "__main__":
    main()
