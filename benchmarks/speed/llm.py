"""What the language-model layer costs: the guard, reading a reply, a remembered reply, and a local model's profile.

    python benchmarks/speed/llm.py [--model FILE.gguf] [--profiles 3] [--threads 2]

Milliseconds are medians. The profile has 10 items told, up to 5 interests with evidence and a summary of up to 120 words: the
goal is 20 s on two cores with the smallest model. Prints what 1,000 users would cost in seconds and tokens, and in money at --price.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhiyin.ingest.demo import ingest_demo
from zhiyin.llm.cache import Cached
from zhiyin.llm.database import Database
from zhiyin.llm.fake import Fake
from zhiyin.llm.guard import fenced, guarded
from zhiyin.llm.local import Local
from zhiyin.llm.schema import ask_reply, limit, parse
from zhiyin.ports import Call, Message
from zhiyin.stores.memory import MemoryStore

LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Topic:
    """One interest."""

    topic: str = limit(letters=30)
    weight: float = limit(least=0, most=1)
    evidence: tuple[str, ...] = limit(least=1, most=4)


@dataclass(frozen=True)
class Taste:
    """A profile."""

    interests: tuple[Topic, ...] = limit(least=1, most=5)
    dislikes: tuple[str, ...] = limit(most=3, letters=30)
    summary: str = limit(letters=700)


def milliseconds(what: Callable[[], object], times: int = 50) -> float:
    """The median duration of a call, in milliseconds of processor time."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        what()
        taken.append(1000 * (time.process_time() - started))
    return float(np.median(taken))


def deterministic(titles: list[str]) -> None:
    """The paths that ask no model."""
    text = (" ".join(titles) + " 电话 13812345678, write to ann@example.com. ")[:2000]
    print(f"guard, 2,000 characters      {milliseconds(lambda: guarded(Message('user', text))):8.3f} ms")
    print(f"fence, 2,000 characters      {milliseconds(lambda: fenced(text, 'item')):8.3f} ms")
    reply = (
        '{"interests":[{"topic":"merlot","weight":0.5,"evidence":["A"]}],"dislikes":[],"summary":"' + "x" * 600 + '"}'
    )
    print(f"read a reply                 {milliseconds(lambda: parse(reply, Taste)):8.3f} ms")
    with tempfile.TemporaryDirectory() as folder:
        model = Cached(Fake(lambda messages: reply), Database(Path(folder) / "llm.db"))
        asked = Call([Message("user", text)])
        model.complete(asked)
        print(f"a remembered reply           {milliseconds(lambda: model.complete(asked)):8.3f} ms")


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--model", default="")
    asked.add_argument("--profiles", type=int, default=3)
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--price", type=float, default=0.5, help="money for a million tokens of an endpoint")
    given = asked.parse_args()
    store = MemoryStore()
    ingest_demo("wines", store, lambda text, done=None, total=None: None)
    titles = [
        f"{item.title}, {', '.join(map(str, list(item.attributes.values())[:2]))}" for item in store.catalog.all()
    ]
    deterministic(titles)
    model = Local(given.model, threads=given.threads)
    started, cpu = time.perf_counter(), time.process_time()
    model.complete(Call([Message("user", "hello")], max_tokens=1))
    print(
        f"load the model               {time.perf_counter() - started:8.2f} s  ({time.process_time() - cpu:.1f} cpu-s)"
    )
    rows = []
    for number in range(given.profiles):
        chosen = np.random.default_rng(number).choice(len(titles), len(LETTERS), replace=False)
        shown = "\n".join(f"{letter}: {titles[n]}" for letter, n in zip(LETTERS, chosen, strict=True))
        said = [Message("data", fenced(shown, "wines")), Message("user", "Say what this person likes, citing letters.")]
        started, cpu = time.perf_counter(), time.process_time()
        reply = ask_reply(model, Call(said, max_tokens=700), Taste, {"evidence": list(LETTERS)})
        rows.append((time.perf_counter() - started, time.process_time() - cpu, reply.prompt_tokens, reply.reply_tokens))
    seconds, cpus, prompt, said_tokens = np.median(rows, 0)
    print(f"a profile                    {seconds:8.1f} s  ({cpus:.1f} cpu-s, {prompt:.0f} + {said_tokens:.0f} tokens)")
    tokens = 1000 * (prompt + said_tokens)
    print(f"1,000 users: {tokens:,.0f} tokens; {1000 * cpus / 3600:.1f} cpu-hours here, "
          f"or {tokens / 1e6 * given.price:.2f} at {given.price} a million tokens")  # fmt: skip


if __name__ == "__main__":
    main()
