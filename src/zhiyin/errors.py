"""Every error Zhiyin raises on purpose.

ZhiyinError
├── DataError            what came in cannot be used
│   ├── MissingColumn        a table lacks a column that is needed
│   ├── UnknownId            a user or item id that nothing here knows
│   └── TooLarge             it would not fit in memory; the message names an alternative
├── SettingError         a setting of a part or recipe is wrong
├── NotFitted            a part was asked before it was fitted or loaded
├── SavedVersionError    a saved folder is damaged, foreign or of another format
├── ModelError           a language model or encoder failed
│   ├── InvalidReply         its reply did not satisfy the schema, even after one repair
│   └── BudgetExceeded       tokens, seconds or money ran out
├── TrainingError        training cannot go on (a NaN loss, a checkpoint of other settings)
└── MissingExtra         an optional library is not installed; the message says how to install it

Messages name what came, what was allowed and what to do.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from types import ModuleType


class ZhiyinError(Exception):
    """The root of every error raised on purpose."""


class DataError(ZhiyinError, ValueError):
    """What came in cannot be used."""


class MissingColumn(DataError):
    """A table lacks a column that is needed."""

    def __init__(
        self, wanted: str, found: Iterable[str], where: str, hint: str = "Rename the column or add it."
    ) -> None:
        listed = ", ".join(sorted(found)) or "none"
        super().__init__(f"{where}: no column '{wanted}'. Columns found: {listed}. {hint}")


class UnknownId(DataError, KeyError):
    """A user or item id that nothing here knows."""

    def __init__(self, what: str, came: str) -> None:
        self.message = f"unknown {what} '{came}': it is not in the data this was built from"
        super().__init__(self.message)

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return self.message


class TooLarge(DataError):
    """It would not fit in memory; the message names an alternative."""


class SettingError(ZhiyinError, ValueError):
    """A setting of a part or recipe is wrong."""


class NotFitted(ZhiyinError, RuntimeError):
    """A part was asked before it was fitted or loaded."""

    def __init__(self, part: object) -> None:
        super().__init__(f"{type(part).__name__} has learned nothing yet: call fit(dataset) or load it from a folder")


class SavedVersionError(ZhiyinError):
    """A saved folder is damaged, foreign or of another format."""


class ModelError(ZhiyinError):
    """A language model or encoder failed."""


class InvalidReply(ModelError):
    """A model's reply did not satisfy the schema, even after one repair."""


class BudgetExceeded(ModelError):
    """Tokens, seconds or money ran out."""


class TrainingError(ZhiyinError):
    """Training cannot go on."""


class MissingExtra(ZhiyinError, ImportError):
    """An optional library is not installed."""


def first_line(error: BaseException) -> str:
    """What an error of a library says, in one line; its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def require(module: str, extra: str) -> ModuleType:
    """Import an optional library lazily.

    Raises MissingExtra, naming the extra to install, when it is not there.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(f"'{module}' is needed here and is not installed: pip install 'zhiyin[{extra}]'") from error
