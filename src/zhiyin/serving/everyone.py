"""Everyone: the lists of all people into one file, as a nightly job makes them. What a kill leaves is gone on with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from zhiyin import durable
from zhiyin.errors import DataError
from zhiyin.progress import Progress, silent
from zhiyin.recommender import FOR_YOU, Answer
from zhiyin.serving.answers import seed_of
from zhiyin.serving.asking import question
from zhiyin.serving.engine import Engine

PIECE = 2_000
"""People whose lists are written together: what a kill costs at most."""

BATCH = 256
"""People answered together."""

ROW_BYTES = 100
"""Of one line of the file at most, roughly: two ids of thirty letters, a rank and a score, before they are packed."""

SCHEMA = {"user_id": pl.String, "rank": pl.Int32, "item_id": pl.String, "score": pl.Float32}


@dataclass(frozen=True)
class Job:
    """What is being made; pieces of another job are not gone on with. now: the moment all lists are of."""

    version: str
    store: str
    people: int
    n: int
    shelf: str
    language: str
    now: float


def recommend_everyone(
    engine: Engine, out: Path, n: int = 10, shelf: str = FOR_YOU, language: str = "en", progress: Progress = silent
) -> int:
    """Write everybody's list: user_id, rank from 1, item_id, score; people in the order of their ids. Returns how many lists.

    Pieces lie beside the file until all are there; a job that was stopped goes on where it was, at the moment it began.
    Raises DataError when the file is there already, the disk has too little room, or pieces of another job lie there.
    """
    if out.exists():
        raise DataError(f"{out}: is there already; move it away or name another file")
    if out.suffix != ".parquet":
        raise DataError(f"{out}: lists are written as Parquet; name a file that ends in .parquet")
    if not out.parent.is_dir():
        raise DataError(f"{out.parent}: no such folder")
    people = everyone(engine)
    need, free = 2 * len(people) * n * ROW_BYTES, shutil.disk_usage(out.parent).free
    if need > free:
        raise DataError(
            f"{out.parent}: {len(people):,} lists may need {need / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free"
        )
    pieces = out.with_name(out.name + ".pieces")
    job = _begun(
        Job(engine.live.version, engine.store.fingerprint(), len(people), n, shelf, language, engine.clock()), pieces
    )
    try:
        for start in range(0, len(people), PIECE):
            piece = pieces / f"{start:012d}.parquet"
            if not piece.is_file():
                _write(pl.concat(_lists(engine, job, people[start : start + PIECE])).lazy(), pieces / "draft", piece)
            progress("recommend to everybody", min(start + PIECE, len(people)), len(people))
        files = sorted(pieces.glob("*.parquet"))
        _write(pl.scan_parquet(files) if files else pl.LazyFrame(schema=SCHEMA), pieces / "draft", out)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{out}: cannot be written ({error}); what is done is kept: give the command again") from error
    shutil.rmtree(pieces)
    return len(people)


def everyone(engine: Engine) -> list[str]:
    """Everybody who did or registered anything, in the order of their ids."""
    done = engine.store.log.columns(["user_id"])["user_id"].unique().to_list()
    return sorted({*done, *engine.store.profiles.users()})


def answers(engine: Engine, job: Job, people: Sequence[str]) -> list[Answer]:
    """What each of a batch of people would be answered alone, without reasons. What chance draws, it draws by the user's id."""
    live = engine.live
    snapshot, lately = live.snapshot, live.happening.lately
    queries = [
        question(
            snapshot, live.profiles.get(user, engine.store, snapshot), n=job.n, now=job.now, shelf=job.shelf,
            language=job.language, seed=seed_of(user), request_id=user, lately=lately,
        )
        for user in people
    ]  # fmt: skip
    return snapshot.recommender.recommend_batch(queries, explain=False)


def _lists(engine: Engine, job: Job, people: Sequence[str]) -> Iterator[pl.DataFrame]:
    ids = engine.live.snapshot.items.vocabulary.ids
    yield pl.DataFrame(schema=SCHEMA)
    for start in range(0, len(people), BATCH):
        some = people[start : start + BATCH]
        for user, answer in zip(some, answers(engine, job, some), strict=True):
            shown = answer.candidates
            yield pl.DataFrame(
                {
                    "user_id": [user] * len(shown),
                    "rank": list(range(1, len(shown) + 1)),
                    "item_id": [ids[at] for at in shown.items.tolist()],
                    "score": shown.scores,
                },
                schema=SCHEMA,
            )


def _begun(job: Job, pieces: Path) -> Job:
    """The job that the pieces lying there are of, or this one, from now on."""
    note = pieces / "job.json"
    if not note.is_file():
        pieces.mkdir(exist_ok=True)
        durable.replace_file(note, json.dumps(asdict(job)).encode())
        return job
    try:
        begun = Job(**json.loads(note.read_text()))
    except (ValueError, TypeError) as error:
        raise DataError(f"{note}: cannot be read ({error}); delete {pieces} to begin anew") from error
    other = {key: value for key, value in asdict(begun).items() if key != "now" and value != getattr(job, key)}
    if other:
        raise DataError(f"{pieces}: holds pieces of another job ({', '.join(other)} differ); delete it to begin anew")
    return begun


def _write(frame: pl.LazyFrame, draft: Path, target: Path) -> None:
    """A table under its name only when all of it is on disk."""
    frame.sink_parquet(draft)
    durable.sync(draft)
    draft.replace(target)
    durable.sync(target.parent)
