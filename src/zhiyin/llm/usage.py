"""Usage: what every call of a language model cost, by use and model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from zhiyin.errors import ModelError
from zhiyin.llm.database import Database, about
from zhiyin.ports import Call, LanguageModel, Reply


@dataclass(frozen=True)
class Price:
    """Money for a million tokens, read and written, in whatever currency the endpoint asks for."""

    prompt: float = 0.0
    reply: float = 0.0

    def of(self, prompt_tokens: int, reply_tokens: int) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.prompt + reply_tokens * self.reply) / 1e6


@dataclass(frozen=True)
class Metered:
    """A language model whose calls are written down: when, for which use, tokens, seconds, money, remembered or failed.

    Not what was said. clock: seconds since 1970.
    """

    model: LanguageModel
    database: Database
    use: str
    price: Price = field(default_factory=Price)
    clock: Callable[[], float] = time.time

    @property
    def identity(self) -> str:
        """See LanguageModel."""
        return self.model.identity

    def complete(self, call: Call) -> Reply:
        """See LanguageModel."""
        started = time.perf_counter()
        try:
            reply = self.model.complete(call)
        except ModelError:
            self._note(Reply("", self.identity), time.perf_counter() - started, failed=True)
            raise
        reply = replace(reply, seconds=time.perf_counter() - started)
        self._note(reply, reply.seconds, failed=False)
        return reply

    def _note(self, reply: Reply, seconds: float, failed: bool) -> None:
        money = 0.0 if reply.cached else self.price.of(reply.prompt_tokens, reply.reply_tokens)
        who = self.database.pseudonym(about.get())
        row = (self.clock(), self.use, self.identity, reply.prompt_tokens, reply.reply_tokens)
        self.database.write(
            "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*row, seconds, money, int(reply.cached), int(failed), who)],
        )


@dataclass(frozen=True)
class Line:
    """What one use of one model cost. Tokens are those of calls that were really made, not of remembered replies."""

    use: str
    model: str
    calls: int
    cached: int
    failed: int
    prompt_tokens: int
    reply_tokens: int
    seconds: float
    money: float
    users: int

    @property
    def cached_share(self) -> float:
        """The share of calls answered from memory."""
        return self.cached / self.calls if self.calls else 0.0

    def per_thousand_users(self, amount: float) -> float | None:
        """An amount of this line for a thousand users, None where no call was about a user."""
        return 1000 * amount / self.users if self.users else None


def usage(database: Database, since: float = 0.0) -> list[Line]:
    """What was used since a moment (seconds since 1970), by use and model, most tokens first."""
    rows = database.read(
        "SELECT use, model, COUNT(*), SUM(cached), SUM(failed), SUM(prompt_tokens * (1 - cached)), "
        "SUM(reply_tokens * (1 - cached)), SUM(seconds), SUM(money), COUNT(DISTINCT NULLIF(about, '')) "
        "FROM calls WHERE time >= ? GROUP BY use, model ORDER BY 6 DESC, use, model",
        (since,),
    )
    return [Line(*row) for row in rows]


def spent(database: Database, since: float) -> tuple[int, float, float]:
    """Tokens, seconds and money since a moment, over all uses."""
    lines = usage(database, since)
    tokens = sum(one.prompt_tokens + one.reply_tokens for one in lines)
    return tokens, sum(one.seconds for one in lines), sum(one.money for one in lines)
