"""How fast the real server answers: python benchmarks/speed/serving.py --workspace FOLDER

Starts the server on a fitted workspace as a process of its own and asks it from this one: answer times alone and from
several callers, how soon an event changes the next answer, memory, the share of each stage, and the ratio to a bare
FastAPI route that returns a stored answer of the same size. Beside times on the clock it gives the processor time the
server spent on an answer, which other work on the machine does not change much. Prints a table; --json writes it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

BARE = """
import sys, uvicorn
from fastapi import FastAPI
from fastapi.responses import Response
app, stored = FastAPI(), open(sys.argv[1], "rb").read()
@app.get("/bare")
def bare() -> Response:
    return Response(stored, media_type="application/json")
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


class Caller:
    """One kept connection to a local port."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        content = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, content, {"content-type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:300]!r}")
        return text


def quantiles(times: list[float]) -> dict[str, float]:
    times = sorted(times)
    return {f"p{q}": round(times[min(int(len(times) * q / 100), len(times) - 1)] * 1000, 2) for q in (50, 95, 99)}


def timed(caller: Caller, paths: list[str]) -> list[float]:
    times = []
    for path in paths:
        started = time.perf_counter()
        caller.ask("GET", path)
        times.append(time.perf_counter() - started)
    return times


def throughput(port: int, paths: list[str], callers: int) -> float:
    """Answers a second with several callers at once."""
    started = time.perf_counter()
    threads = [threading.Thread(target=timed, args=(Caller(port), paths[one::callers])) for one in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(paths) / (time.perf_counter() - started)


def inside(caller: Caller) -> dict[str, dict[float, float]]:
    """The server's own histogram of answer times: bound in seconds -> answers up to it."""
    found: dict[str, dict[float, float]] = defaultdict(dict)
    for line in caller.ask("GET", "/metrics").decode().splitlines():
        if line.startswith("zhiyin_request_seconds_bucket"):
            labels, _, value = line.partition("{")[2].rpartition("} ")
            route = labels.split('route="')[1].split('"')[0]
            found[route][float(labels.split('le="')[1].split('"')[0])] = float(value)
    return found


def bound(histogram: dict[float, float], before: dict[float, float], share: float) -> float:
    """The least bound in milliseconds under which a share of the answers lay."""
    counts = {le: count - before.get(le, 0) for le, count in histogram.items()}
    whole = max(counts.values())
    return min(le for le, count in counts.items() if count >= share * whole) * 1000


def changes(caller: Caller, users: list[str]) -> list[float]:
    """Seconds from the moment POST /events returned to an answer that had changed."""
    times = []
    for number, user in enumerate(users):
        path = f"/users/{quote(user)}/recommendations"
        before = [one["item_id"] for one in json.loads(caller.ask("GET", path))["items"]]
        event = {"user_id": user, "item_id": before[number % len(before)], "event_type": "like"}
        caller.ask("POST", "/events", event)
        started = time.perf_counter()
        after = [one["item_id"] for one in json.loads(caller.ask("GET", path))["items"]]
        times.append(time.perf_counter() - started)
        if after == before:
            raise SystemExit(f"the answer to {user} did not change after a like")
    return times


def stages(caller: Caller, users: list[str]) -> dict[str, float]:
    """Mean milliseconds of each stage and part, from traces."""
    sums: dict[str, float] = defaultdict(float)
    for user in users:
        for step in json.loads(caller.ask("GET", f"/users/{quote(user)}/recommendations?trace=true"))["trace"]:
            sums[f"{step['stage']} {step['part']}"] += step["milliseconds"] / len(users)
    return dict(sums)


def memory(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}


def worked(pid: int) -> float:
    """Seconds of processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def started(command: list[str], port: int, path: str) -> tuple[subprocess.Popen[bytes], float]:
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    while time.perf_counter() - begun < 120:
        try:
            Caller(port).ask("GET", path)
            return process, time.perf_counter() - begun
        except OSError:
            if process.poll() is not None:
                raise SystemExit("the server ended before it answered") from None
            time.sleep(0.05)
        except BaseException:
            process.kill()
            raise
    process.kill()
    raise SystemExit("the server did not answer within two minutes")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def measure(workspace: Path, requests: int) -> dict[str, object]:
    port = free_port()
    serve = ["-m", "zhiyin.cli", "serve", "-w", str(workspace), "--port", str(port)]
    server, start = started(serve, port, "/health/ready")
    try:
        caller = Caller(port)
        users = [one["user_id"] for one in json.loads(caller.ask("GET", "/users?limit=100"))["users"]]
        some = [
            one["user_id"]
            for q in "123456789"
            for one in json.loads(caller.ask("GET", f"/users?limit=100&q={q}7"))["users"]
        ]
        users = sorted({*users, *some})
        random.Random(0).shuffle(users)
        paths = [f"/users/{quote(users[row % len(users)])}/recommendations" for row in range(requests)]
        first = timed(caller, paths[: len(users)])
        before, spent = inside(caller), worked(server.pid)
        known = timed(caller, paths)
        spent = worked(server.pid) - spent
        route = "/users/{user_id}/recommendations"
        own = inside(caller)[route]
        report: dict[str, object] = {
            "users": len(users),
            "start_seconds": round(start, 1),
            "first_answer_ms": quantiles(first),
            "answer_ms": quantiles(known),
            "inside_ms": {f"p{q}": f"<= {bound(own, before[route], q / 100):g}" for q in (50, 95, 99)},
            "processor_ms_per_answer": round(spent / len(paths) * 1000, 2),
            "answers_per_second": {count: round(throughput(port, paths, count), 1) for count in (1, 2, 4, 8)},
            "event_to_changed_answer_ms": quantiles(changes(Caller(port), users[:200])),
            "stage_ms": {name: round(value, 3) for name, value in stages(Caller(port), users[:200]).items()},
            "memory_mb": {name: round(value) for name, value in memory(server.pid).items()},
        }
        stored = Caller(port).ask("GET", paths[0])
    finally:
        server.terminate()
        server.wait()
    return report | {"bare": bare(workspace, stored, requests)}


def bare(workspace: Path, stored: bytes, requests: int) -> dict[str, object]:
    port, file = free_port(), workspace / "bare.json"
    file.write_bytes(stored)
    server, _ = started(["-c", BARE, str(file), str(port)], port, "/bare")
    try:
        paths = ["/bare"] * requests
        spent = worked(server.pid)
        times = timed(Caller(port), paths)
        return {
            "bytes": len(stored),
            "answer_ms": quantiles(times),
            "processor_ms_per_answer": round((worked(server.pid) - spent) / len(paths) * 1000, 2),
            "answers_per_second": round(throughput(port, paths, 4), 1),
        }
    finally:
        server.terminate()
        server.wait()
        file.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True, help="a fitted workspace")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    report = measure(given.workspace, given.requests)
    for name, value in report.items():
        if name == "stage_ms":
            whole = sum(value.values())
            print(f"stages, {whole:.2f} ms together:")
            for stage, ms in sorted(value.items(), key=lambda one: -one[1]):
                print(f"  {stage:28} {ms:7.3f} ms  {ms / whole:5.1%}")
        else:
            print(f"{name}: {value}")
    print(f"ratio to the bare route: {report['answer_ms']['p50'] / report['bare']['answer_ms']['p50']:.1f}")
    if given.json:
        given.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
