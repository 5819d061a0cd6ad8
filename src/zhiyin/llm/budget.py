"""Budget: a hard stop on tokens, seconds and money, and a breaker that stops asking an endpoint that is down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from zhiyin.errors import BudgetExceeded, InvalidReply, ModelError
from zhiyin.llm.usage import Price
from zhiyin.ports import Call, LanguageModel, Message, Reply

DAY = 86_400.0


@dataclass
class Budget:
    """What may still be spent; None for no limit. Shared by every use of a process, and safe between threads.

    A call takes what it may cost at most before it is made, and gives back what it did not need: so the limits hold
    also while many calls are under way.
    """

    tokens: float | None = None
    seconds: float | None = None
    money: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, tokens: float, money: float) -> None:
        """Raises BudgetExceeded, and takes nothing, when what is left is not enough."""
        with self._lock:
            for name, left, wanted in (("tokens", self.tokens, tokens), ("money", self.money, money)):
                if left is not None and wanted > left:
                    raise BudgetExceeded(
                        f"budget: this call may need {wanted:g} {name}, {max(left, 0):g} are left; raise the limit or wait"
                    )
            if self.seconds is not None and self.seconds <= 0:
                raise BudgetExceeded("budget: no seconds are left; raise the limit or wait")
            self._change(-tokens, 0.0, -money)

    def give_back(self, tokens: float, seconds: float, money: float) -> None:
        """Settle a call: what was taken and not needed comes back, seconds go (give them as a negative number)."""
        with self._lock:
            self._change(tokens, seconds, money)

    def _change(self, tokens: float, seconds: float, money: float) -> None:
        self.tokens = None if self.tokens is None else self.tokens + tokens
        self.seconds = None if self.seconds is None else self.seconds + seconds
        self.money = None if self.money is None else self.money + money


@dataclass
class Daily(Budget):
    """A budget that is full again every day (UTC). clock: seconds since 1970.

    The limits given are one day's; spent tells what of today's was used before, by an earlier process.
    """

    clock: Callable[[], float] = time.time
    spent: Callable[[float], tuple[float, float, float]] = lambda since: (0.0, 0.0, 0.0)
    _day: int = -1

    def __post_init__(self) -> None:
        self._limits = self.tokens, self.seconds, self.money

    def take(self, tokens: float, money: float) -> None:
        """See Budget."""
        day = int(self.clock() // DAY)
        with self._lock:
            if day != self._day:
                used = self.spent(day * DAY)
                left = [None if limit is None else limit - one for limit, one in zip(self._limits, used, strict=True)]
                self.tokens, self.seconds, self.money = left
                self._day = day
        super().take(tokens, money)


@dataclass
class Breaker:
    """Opens after so many failures in a row and then refuses calls for a while; the first call after that is a trial.

    clock: seconds from any start.
    """

    failures: int = 5
    rest: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _failed: int = 0
    _until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def check(self) -> None:
        """Raises ModelError while open."""
        with self._lock:
            if self._failed >= self.failures:
                if self.clock() < self._until:
                    raise ModelError(
                        f"the language model failed {self._failed} times in a row: not asked again for "
                        f"{self._until - self.clock():.0f} s"
                    )
                self._until = self.clock() + self.rest  # one trial; the others wait for what it says

    def note(self, failed: bool) -> None:
        """Learn how a call ended."""
        with self._lock:
            self._failed = self._failed + 1 if failed else 0
            if self._failed >= self.failures:
                self._until = self.clock() + self.rest


@dataclass(frozen=True)
class Budgeted:
    """A language model that stops at a budget and rests when its endpoint is down."""

    model: LanguageModel
    budget: Budget = field(default_factory=Budget)
    breaker: Breaker = field(default_factory=Breaker)
    price: Price = field(default_factory=Price)

    @property
    def identity(self) -> str:
        """See LanguageModel."""
        return self.model.identity

    def complete(self, call: Call) -> Reply:
        """See LanguageModel. Raises BudgetExceeded before a call that might not be paid for, ModelError while resting."""
        self.breaker.check()
        prompt = most_tokens(call.messages)
        taken = prompt + call.max_tokens, self.price.of(prompt, call.max_tokens)
        self.budget.take(*taken)
        started = time.perf_counter()
        used = 0, 0.0
        try:
            reply = self.model.complete(call)
            tokens = reply.prompt_tokens + reply.reply_tokens
            used = tokens, self.price.of(reply.prompt_tokens, reply.reply_tokens)
        except ModelError as error:
            self.breaker.note(failed=not isinstance(error, InvalidReply))
            raise
        finally:
            seconds = time.perf_counter() - started
            self.budget.give_back(taken[0] - used[0], -seconds, taken[1] - used[1])
        self.breaker.note(failed=False)
        return reply


def most_tokens(messages: Sequence[Message]) -> int:
    """How many tokens messages can be at most, nearly: one for two bytes of text, and a few for each message's frame."""
    return sum(len(one.content.encode("utf-8", "replace")) // 2 + 12 for one in messages)
