"""Configured: which language model a workspace uses, for what, and within which limits.

    # zhiyin.toml in the workspace; every key can be given by the environment instead, e.g. ZHIYIN_LLM_URL
    [llm]
    use = "openai"
    url = "https://dashscope.aliyuncs.com/compatible-mode/v1"
    model = "qwen-plus"
    daily_money = 5.0

The key of an endpoint is read from the environment only (ZHIYIN_LLM_KEY). Without any of this no model is asked for anything:
the deterministic extractor and the templates serve.
"""

from __future__ import annotations

import difflib
import json
import os
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from zhiyin.errors import SettingError
from zhiyin.llm.budget import Breaker, Budgeted, Daily
from zhiyin.llm.cache import Cached
from zhiyin.llm.database import Database
from zhiyin.llm.deadline import Timely
from zhiyin.llm.guard import Guarded
from zhiyin.llm.huggingface import HuggingFace
from zhiyin.llm.local import Local
from zhiyin.llm.openai import OpenAI
from zhiyin.llm.usage import Metered, Price, spent
from zhiyin.ports import LanguageModel

KINDS = ("none", "openai", "local", "huggingface")

USES = ("profiles", "enrichment", "explanations", "chat", "ranking")
"""What a model can be asked for. An endpoint is asked for all of it; a local model only for what `uses` names, because a
small one writes nothing that people should read."""

FILE = "zhiyin.toml"

VERSION = "version"
"""As an adapter: the one in the workspace's version; see tuned_adapter."""


@dataclass(frozen=True)
class LlmSettings:
    """The [llm] table. use: none, openai (any endpoint of that protocol), local (a GGUF file) or huggingface.

    model: the endpoint's name for it, or a file or folder. adapter: a folder of LoRA weights, or "version". uses: see USES. prices: money for a million tokens. daily_…:
    hard limits per day (UTC), None for none. Raises SettingError.
    """

    use: str = "none"
    url: str = ""
    model: str = ""
    adapter: str = ""
    key: str = field(default="", repr=False)
    uses: tuple[str, ...] = ()
    timeout: float = 60.0
    retries: int = 2
    concurrency: int = 8
    context: int = 4096
    threads: int = 0
    price_prompt: float = 0.0
    price_reply: float = 0.0
    daily_tokens: float | None = None
    daily_seconds: float | None = None
    daily_money: float | None = None

    def __post_init__(self) -> None:
        if self.use not in KINDS:
            raise SettingError(f"[llm] use = {self.use!r}: must be one of {', '.join(KINDS)}")
        unknown = sorted(set(self.uses) - set(USES))
        if unknown:
            raise SettingError(f"[llm] uses = {list(self.uses)!r}: {unknown} unknown; there are {', '.join(USES)}")
        if self.use == "openai" and not self.model:
            raise SettingError('[llm] use = "openai" needs model = "…", the endpoint\'s name for it (ZHIYIN_LLM_MODEL)')

    def asked_for(self, use: str) -> bool:
        """Whether the model is asked for a use."""
        if use not in USES:
            raise SettingError(f"use '{use}': must be one of {', '.join(USES)}")
        return use in self.uses if self.uses else self.use == "openai"


def read_settings(folder: Path | None = None, environment: Mapping[str, str] = os.environ) -> LlmSettings:
    """The settings of a workspace folder and the environment, which wins. Raises SettingError that names a wrong key."""
    table = dict(_table(folder / FILE)) if folder is not None and (folder / FILE).is_file() else {}
    if "key" in table:
        raise SettingError(f"[llm] key: keys do not belong in {FILE}; set ZHIYIN_LLM_KEY instead")
    for name in _KINDS_OF_FIELDS:
        given = environment.get(f"ZHIYIN_LLM_{name.upper()}", "").strip()
        if given:
            table[name] = tuple(given.replace(",", " ").split()) if name == "uses" else given
    if table.get("url") and "use" not in table:
        table["use"] = "openai"
    if table.get("adapter") == VERSION:
        table["adapter"] = str(tuned_adapter(folder or Path()))
    return LlmSettings(**{name: _value(name, value) for name, value in table.items()})


def tuned_adapter(folder: Path) -> Path:
    """The adapter that `zhiyin llm finetune` left in a workspace's current version, or in the newest before it that has one.

    One that does not help by its own report is passed over. Raises SettingError when there is none.
    """
    pointer = folder / "current"
    current = pointer.read_text("utf-8", "replace").strip() if pointer.is_file() else ""
    tuned = sorted(folder.glob("versions/*/adapter/report.json"), reverse=True)
    for report in (one for one in tuned if one.parts[-3] <= current):
        try:
            said = json.loads(report.read_text())
            if said["helps"]:
                return report.parent
        except (ValueError, KeyError, TypeError) as error:
            raise SettingError(f"{report}: cannot be read ({error!r}); run `zhiyin llm finetune` again") from error
    raise SettingError(
        f'[llm] adapter = "{VERSION}": no version up to {current or "the current one"} in {folder} holds an adapter that '
        "helps by its own report; run `zhiyin llm finetune`, or name the folder"
    )


_KINDS_OF_FIELDS = {one.name: str(one.type) for one in fields(LlmSettings)}


def _table(path: Path) -> Mapping[str, Any]:
    try:
        table = tomllib.loads(path.read_text("utf-8")).get("llm", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: not valid TOML: {error}") from error
    for name in table:
        if name not in _KINDS_OF_FIELDS:
            near = difflib.get_close_matches(name, _KINDS_OF_FIELDS, 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise SettingError(f"{path}: [llm] has no key '{name}'. Allowed: {', '.join(_KINDS_OF_FIELDS)}.{hint}")
    return table if isinstance(table, Mapping) else {}


def _value(name: str, value: Any) -> Any:
    kind = _KINDS_OF_FIELDS[name]
    try:
        if kind.startswith("tuple"):
            return tuple(str(one) for one in value)
        if kind == "int":
            return int(value)
        return float(value) if kind.startswith("float") else str(value)
    except (TypeError, ValueError) as error:
        raise SettingError(f"[llm] {name} = {value!r}: must be {kind}") from error


class Models:
    """The language model of a workspace, made ready for each use: guarded, counted, remembered and within its budget.

    All uses share one budget, one breaker and one file (llm.db in the folder). clock: seconds since 1970.
    """

    def __init__(self, folder: Path, settings: LlmSettings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.path = folder / "llm.db"
        self._bare = bare_model(settings)
        self._breaker = Breaker()
        self._database: Database | None = None
        self._budget: Daily | None = None

    @property
    def database(self) -> Database:
        """What is remembered and counted."""
        if self._database is None:
            self._database = Database(self.path)
        return self._database

    def of(self, use: str) -> LanguageModel | None:
        """The model for a use, None where the deterministic way serves."""
        if self._bare is None or not self.settings.asked_for(use):
            return None
        given = self.settings
        if self._budget is None:
            limits = given.daily_tokens, given.daily_seconds, given.daily_money
            self._budget = Daily(*limits, clock=self.clock, spent=partial(spent, self.database))
        price = Price(given.price_prompt, given.price_reply)
        bounded = Budgeted(Timely(self._bare), self._budget, self._breaker, price)
        return Guarded(Metered(Cached(bounded, self.database), self.database, use, price, self.clock))

    def forget(self, user_id: str) -> int:
        """Delete every reply that was about a user. Returns how many."""
        return self.database.forget(user_id) if self.path.is_file() else 0


def bare_model(settings: LlmSettings) -> LanguageModel | None:
    """The model that settings name, without guard or budget; None for "none". Nothing is loaded or called yet."""
    if settings.use == "openai":
        return OpenAI(
            settings.model, settings.url or None, settings.key, settings.timeout, settings.retries, settings.concurrency
        )
    if settings.use == "local":
        return Local(settings.model, settings.context, settings.threads)
    if settings.use == "huggingface":
        return HuggingFace(settings.model, settings.adapter, settings.context)
    return None


def model_of(folder: Path, use: str, settings: LlmSettings | None = None) -> LanguageModel | None:
    """The model of a workspace folder for one use, by its zhiyin.toml and the environment; None where there is none."""
    return Models(folder, settings or read_settings(folder)).of(use)


def with_uses(settings: LlmSettings, *uses: str) -> LlmSettings:
    """The same settings, asked for these uses."""
    return replace(settings, uses=uses)
