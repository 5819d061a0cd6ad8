"""What a catalogue that moves costs a server: python benchmarks/speed/motion.py --workspace FOLDER

Makes a catalogue of words and a small log in the folder and fits them, unless they are there. Then a copy of it is
served by a process of its own, somebody asks for lists all the while, and items are put: many at once, then one by one.
Prints when the write returned, when words found the items, when their vectors were there, the longest that an answer
waited meanwhile, what a restart costs afterwards, and the memory. Each figure beside what is asked of it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from serving import Caller, free_port, memory, quantiles, started, worked

RECIPE = """
name = "motion"
[encode.text]
use = "{encoder}"
[[retrieve]]
use = "transition"
n = 60
[[retrieve]]
use = "item_knn"
n = 60
[[retrieve]]
use = "content"
n = 40
[[retrieve]]
use = "dense"
n = 40
[[retrieve]]
use = "trending"
n = 60
[[retrieve]]
use = "popular"
n = 40
[[retrieve]]
use = "fresh"
n = 20
[[rank]]
use = "blend"
[[rerank]]
use = "mmr"
balance = 0.9
[[explain]]
use = "evidence"
[[explain]]
use = "templates"
[shelf.related]
sources = ["transition", "dense"]
rank = false
rerank = []
"""
START = 1_700_000_000
USERS = 2_000


def item(name: str, rng: random.Random) -> dict[str, object]:
    """A title of six words and three attributes, two of them shared by many."""
    words = " ".join(f"word{rng.randrange(3000)}" for _ in range(6))
    kinds = {
        "kind": f"kind {rng.randrange(40)}",
        "style": f"style {rng.randrange(200)}",
        "maker": f"m{rng.randrange(2000)}",
    }
    return {"item_id": name, "title": words, **kinds}


def make(workspace: Path, items: int, encoder: str) -> None:
    """A fitted workspace of made items and events."""
    if (workspace / "current").is_file():
        return
    rng = random.Random(5)
    workspace.mkdir(parents=True, exist_ok=True)
    with (workspace / "items.jsonl").open("w") as file:
        for number in range(items):
            file.write(json.dumps(item(f"p{number}", rng)) + "\n")
    with (workspace / "events.csv").open("w") as file:
        file.write("user_id,item_id,timestamp\n")
        for row in range(20 * USERS):
            file.write(f"u{rng.randrange(USERS)},p{int(rng.random() ** 2 * items)},{START + row * 60}\n")
    (workspace / "recipe.toml").write_text(RECIPE.format(encoder=encoder))
    for command in (
        ["ingest", workspace / "events.csv", workspace / "items.jsonl"],
        ["fit", "-r", workspace / "recipe.toml"],
    ):
        line = [sys.executable, "-m", "zhiyin.cli", *map(str, command), "-w", str(workspace)]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def serving(workspace: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
    """(process, port, seconds until it was ready) of a server on a workspace."""
    port = free_port()
    command = ["-m", "zhiyin.cli", "serve", "-w", str(workspace), "--port", str(port)]
    process, seconds = started(command, port, "/health/ready")
    try:
        yield process, port, seconds
    finally:
        process.terminate()
        process.wait()


@contextmanager
def somebody_asks(port: int, waits: list[float], pause: float = 0.02) -> Iterator[None]:
    """Lists asked for one after the other by people in turn; what each took is added to waits."""
    done = threading.Event()

    def ask() -> None:
        caller, number = Caller(port), 0
        while not done.is_set():
            number += 1
            begun = time.perf_counter()
            caller.ask("GET", f"/users/u{number % 50}/recommendations?n=5")
            waits.append(time.perf_counter() - begun)
            done.wait(pause)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def until(true: Callable[[], bool], seconds: float = 600) -> float:
    """Seconds until something is true."""
    begun = time.perf_counter()
    while not true():
        if time.perf_counter() - begun > seconds:
            return float("nan")
        time.sleep(0.02)
    return time.perf_counter() - begun


def waiting(caller: Caller) -> int:
    """Items whose vectors are still to come."""
    for line in caller.ask("GET", "/metrics").decode().splitlines():
        if line.startswith("zhiyin_items_without_vectors "):
            return int(float(line.split()[1]))
    return 0


def found(caller: Caller, name: str, text: str) -> bool:
    items = json.loads(caller.ask("GET", f"/search?n=20&q={text.replace(' ', '+')}"))["items"]
    return name in [one["item_id"] for one in items]


def put_many(port: int, rng: random.Random, count: int, batch: str) -> dict[str, object]:
    """Many items at once, while somebody asks."""
    caller, waits, calm = Caller(port), [], []
    with somebody_asks(port, calm):
        time.sleep(3)
    new = [item(f"{batch}{number}", rng) for number in range(count)]
    for one in new:
        one["attributes"] = {name: one.pop(name) for name in ("kind", "style", "maker")}
    new[-1]["title"] = f"unheard{batch} of"
    with somebody_asks(port, waits):
        begun = time.perf_counter()
        caller.ask("POST", "/items", {"items": new})
        returned = time.perf_counter() - begun
        words = until(lambda: found(caller, str(new[-1]["item_id"]), str(new[-1]["title"])))
        vectors = until(lambda: not waiting(caller))
        time.sleep(0.5)
    return {
        "write_returned_s": round(returned, 2),
        "words_found_them_s": round(words, 2),
        "vectors_s": round(returned + words + vectors, 2),
        "longest_answer_ms": round(1000 * max(waits)),
        "answers_ms": quantiles(waits),
        "answers_before_ms": quantiles(calm) | {"longest": round(1000 * max(calm))},
    }


def put_singly(process: subprocess.Popen[bytes], port: int, rng: random.Random, count: int) -> dict[str, object]:
    """One item after the other, while somebody asks."""
    caller, waits, times, spent = Caller(port), [], [], worked(process.pid)
    with somebody_asks(port, waits):
        for number in range(count):
            one = item(f"single{number}", rng)
            body = {"title": one["title"], "attributes": {"kind": one["kind"], "style": one["style"]}}
            begun = time.perf_counter()
            caller.ask("PUT", f"/items/single{number}", body)
            times.append(time.perf_counter() - begun)
        until(lambda: not waiting(caller))
    return {
        "put_ms": quantiles(times),
        "processor_ms_per_put": round(1000 * (worked(process.pid) - spent) / count),
        "longest_answer_ms": round(1000 * max(waits)),
    }


def measure(made: Path, new: int, singly: int, live: int) -> Iterator[tuple[str, object]]:
    rng = random.Random(6)
    with tempfile.TemporaryDirectory(prefix="motion-") as folder:
        workspace = Path(folder) / "workspace"
        shutil.copytree(made, workspace)
        with serving(workspace) as (process, port, seconds):
            yield "start_s", round(seconds, 1)
            caller = Caller(port)
            yield "memory_mb", memory(process.pid)["VmRSS"].__round__()
            caller.ask("GET", "/search?q=word1+word2")
            yield "memory_with_search_mb", memory(process.pid)["VmRSS"].__round__()
            yield f"{new} at once", put_many(port, rng, new, "new")
            yield f"{singly} one by one", put_singly(process, port, rng, singly)
            for batch in range(max(live - new, 0) // 1000):
                Caller(port).ask("POST", "/items", {"items": [bare(f"live{batch}-{one}", rng) for one in range(1000)]})
            until(lambda: not waiting(Caller(port)), 3600)
            yield "memory_after_mb", {name: round(value) for name, value in memory(process.pid).items()}
        with serving(workspace) as (process, _, seconds):
            yield f"start_after_{max(live, new) + singly}_live_items_s", round(seconds, 1)
        begun = time.perf_counter()
        command = [sys.executable, "-m", "zhiyin.cli", "recommend", "u1", "-w", str(workspace)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield "recommend_from_the_command_line_s", round(time.perf_counter() - begun, 1)


def bare(name: str, rng: random.Random) -> dict[str, object]:
    return {"item_id": name, "title": item(name, rng)["title"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True, help="where the made catalogue is, or will be")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--encoder", default="hashing")
    parser.add_argument("--new", type=int, default=1_000)
    parser.add_argument("--singly", type=int, default=100)
    parser.add_argument("--live", type=int, default=0, help="live items in all before the restart")
    given = parser.parse_args()
    make(given.workspace, given.items, given.encoder)
    for name, value in measure(given.workspace, given.new, given.singly, given.live):
        print(f"{name}: {value}", flush=True)


if __name__ == "__main__":
    main()
