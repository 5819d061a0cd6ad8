"""Prompts: files with versions, one per language, in prompts/NAME.LANGUAGE.md.

    version: 1
    ## system
    You tag items.
    ## user
    Give the mood of this item.
    {{item}}

What stands in double braces is filled in. Data goes in fenced (see guard), so that it is read as data; what is filled in is never
looked through for braces again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from zhiyin.errors import SettingError
from zhiyin.ports import Message

LANGUAGES = ("en", "zh")

_GAP = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Prompt:
    """One prompt in one language. parts: role and text, in order."""

    name: str
    language: str
    version: int
    parts: tuple[tuple[str, str], ...]

    @property
    def gaps(self) -> frozenset[str]:
        """The names of what must be filled in."""
        return frozenset(name for _, text in self.parts for name in _GAP.findall(text))

    def messages(self, **values: str) -> list[Message]:
        """The messages with every gap filled. Raises SettingError when a value is missing or has no gap."""
        wrong = sorted(self.gaps ^ values.keys())
        if wrong:
            raise SettingError(
                f"prompt '{self.name}' has the gaps {sorted(self.gaps)}; given or missing wrongly: {wrong}"
            )
        return [Message(role, _GAP.sub(lambda gap: values[gap[1]], text)) for role, text in self.parts]


def prompt(name: str, language: str = "en") -> Prompt:
    """A prompt by name; a language that is not ours gets the English one. Raises SettingError for an unknown name."""
    return _read(name, language if language in LANGUAGES else "en")


def prompt_names() -> list[str]:
    """The names of all prompts."""
    folder = resources.files("zhiyin.llm") / "prompts"
    return sorted({one.name.split(".")[0] for one in folder.iterdir() if one.name.endswith(".md")})


@lru_cache(maxsize=64)
def _read(name: str, language: str) -> Prompt:
    file = resources.files("zhiyin.llm") / "prompts" / f"{name}.{language}.md"
    if not re.fullmatch(r"[a-z_]+", name) or not file.is_file():
        raise SettingError(f"no prompt is called '{name}' in '{language}'; there are {', '.join(prompt_names())}")
    return read_prompt(file.read_text("utf-8"), name, language)


def read_prompt(text: str, name: str, language: str) -> Prompt:
    """A prompt from the text of its file. Raises SettingError."""
    head, *rest = re.split(r"^## (system|user|assistant)[ \t]*$", text, flags=re.MULTILINE)
    version = re.fullmatch(r"version:\s*(\d+)", head.strip())
    if not version or not rest:
        raise SettingError(
            f"prompt {name}.{language}.md: must begin with 'version: NUMBER', then '## system' or '## user'"
        )
    parts = tuple((role, body.strip()) for role, body in zip(rest[::2], rest[1::2], strict=True))
    return Prompt(name, language, int(version[1]), parts)


def versions() -> Mapping[str, int]:
    """The version of every prompt, by name and language."""
    return {f"{name}.{lang}": prompt(name, lang).version for name in prompt_names() for lang in LANGUAGES}
