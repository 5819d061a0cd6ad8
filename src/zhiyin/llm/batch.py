"""Batch: many calls at once, each with its own context."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

from zhiyin.errors import BudgetExceeded, ModelError

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


def complete_many(
    asked: Sequence[Asked],
    answer: Callable[[Asked], Answered],
    workers: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> Generator[tuple[Asked, Answered | ModelError], None, None]:
    """Each thing asked with its answer, or with the ModelError it met, as they come; one
    worker answers in the order asked.

    answer: calls the model for one thing; it sees the context it was started in (speaking_of). progress: told how many
    are done, and of how many. When a budget is spent, what was not begun is given its error without being tried. Closed
    early it begins nothing more.
    """
    done = 0
    spent: BudgetExceeded | None = None
    rest = iter(asked)
    waiting: dict[Future[Answered], Asked] = {}
    with ThreadPoolExecutor(max(workers, 1)) as pool, _left_alone(waiting):
        while True:
            # Few are begun ahead, so that a spent budget stops the rest.
            for one in islice(rest, 2 * workers - len(waiting) if spent is None else 0):
                waiting[pool.submit(copy_context().run, answer, one)] = one
            if not waiting:
                break
            ready = wait(waiting, return_when=FIRST_COMPLETED).done
            for future in [one for one in waiting if one in ready]:  # in the order asked
                found = _outcome(future)
                spent = found if isinstance(found, BudgetExceeded) else spent
                done += 1
                if progress:
                    progress(done, len(asked))
                yield waiting.pop(future), found
    for one in rest:
        yield one, spent or BudgetExceeded("budget: spent")


@contextmanager
def _left_alone(waiting: Mapping[Future[Answered], Asked]) -> Iterator[None]:
    """Cancels what still waits at the end."""
    try:
        yield
    finally:
        for future in waiting:
            future.cancel()


def _outcome(future: Future[Answered]) -> Answered | ModelError:
    try:
        return future.result()
    except ModelError as error:
        return error
