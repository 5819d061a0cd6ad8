"""How often is a local model's reply valid JSON of the shape asked for, with and without constrained decoding?

    python benchmarks/quality/llm_json.py [--runs 200] [--model FILE.gguf] [--temperature 1.0]

Four shapes in turn (tags, a profile, an order of letters, a message understood), prompts with the titles of the built-in
wines in them, a new seed each run. A reply counts as valid when zhiyin.llm.schema.parse takes it, without any repair.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zhiyin.errors import InvalidReply
from zhiyin.ingest.demo import ingest_demo
from zhiyin.llm.guard import fenced
from zhiyin.llm.local import Local
from zhiyin.llm.schema import Options, limit, parse, schema_of
from zhiyin.ports import Call, Message
from zhiyin.stores.memory import MemoryStore

LETTERS = "ABCD"


@dataclass(frozen=True)
class Tags:
    """Tags of an item."""

    mood: Literal["calm", "lively", "festive", "serious"]
    tags: tuple[str, ...] = limit(least=1, most=5, letters=24)
    summary: str = limit(letters=160)


@dataclass(frozen=True)
class Topic:
    """One interest."""

    topic: str = limit(letters=30)
    weight: float = limit(least=0, most=1)
    evidence: tuple[str, ...] = limit(least=1, most=4)


@dataclass(frozen=True)
class Taste:
    """A profile."""

    interests: tuple[Topic, ...] = limit(least=1, most=3)
    dislikes: tuple[str, ...] = limit(most=3, letters=30)
    summary: str = limit(letters=240)


@dataclass(frozen=True)
class Order:
    """An order of letters."""

    order: tuple[str, ...] = limit(least=4, most=4)


@dataclass(frozen=True)
class Wish:
    """A message understood."""

    tool: Literal["search", "recommend", "similar", "explain", "feedback"]
    query: str = limit(letters=80)
    most_price: int | None = limit(least=0, most=1000)
    exclude: tuple[str, ...] = limit(most=3, letters=20)


SHAPES: tuple[tuple[type, str, Options], ...] = (
    (Tags, "Tag this wine.", {}),
    (Taste, "Say what this person likes, from what they drank. Cite the letters.", {"evidence": list(LETTERS)}),
    (Order, "Order the wines A to D, best with sushi first.", {"order": list(LETTERS)}),
    (Wish, "What does this person want? 「不要太贵的清淡红酒，配寿司，不要梅洛」", {}),
)


def main() -> None:
    """Run and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=200)
    asked.add_argument("--first", type=int, default=0, help="number of the first run, to go on where another stopped")
    asked.add_argument("--free", type=int, default=40, help="runs without constraint, for comparison")
    asked.add_argument("--model", default="")
    asked.add_argument("--temperature", type=float, default=1.0)
    given = asked.parse_args()
    store = MemoryStore()
    ingest_demo("wines", store, lambda text, done=None, total=None: None)
    titles = [item.title for item in store.catalog.all()]
    model = Local(given.model)
    model.complete(Call([Message("user", "hello")], max_tokens=1))
    for constrained, runs in ((True, given.runs), (False, given.free)):
        if not runs:
            continue
        valid, tokens, seconds, cpu = 0, 0, 0.0, time.process_time()
        per_shape: dict[str, list[float]] = {}
        for run in range(given.first, given.first + runs):
            cls, task, options = SHAPES[run % len(SHAPES)]
            chosen = np.random.default_rng(run).choice(len(titles), len(LETTERS), replace=False)
            shown = "\n".join(f"{letter}: {titles[n]}" for letter, n in zip(LETTERS, chosen, strict=True))
            schema = schema_of(cls, options)
            shape = "" if constrained else f" Answer with one JSON object of this schema: {json.dumps(schema)}"
            said = [Message("data", fenced(shown, "wines")), Message("user", task + shape)]
            most = 900 if constrained else 300
            reply = model.complete(Call(said, schema if constrained else None, most, given.temperature, seed=run))
            tokens, seconds = tokens + reply.reply_tokens, seconds + reply.seconds
            per_shape.setdefault(cls.__name__, []).append(reply.seconds)
            try:
                parse(reply.text, cls, options)
                valid += 1
            except InvalidReply as error:
                if constrained:
                    print(f"run {run}: {error}")
            print(f"{valid} of {run + 1 - given.first} valid so far", end="\r", flush=True)
        how = "constrained" if constrained else "free"
        print(f"{how}: {valid} of {runs} valid ({valid / runs:.1%}), {tokens / seconds:.1f} tokens/s, "
              f"{tokens / (time.process_time() - cpu):.1f} tokens/cpu-s")  # fmt: skip
        for name, times in per_shape.items():
            print(f"  {name}: median {np.median(times):.1f} s, most {max(times):.1f} s")


if __name__ == "__main__":
    main()
