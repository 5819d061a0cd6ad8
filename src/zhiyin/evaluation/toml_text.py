"""Recipes back to TOML: a recipe with other settings is written out in full."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any


def with_settings(recipe_text: str, chosen: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of a recipe in which sources have other settings. chosen: by source name. Comments are not kept."""
    document = tomllib.loads(recipe_text)
    for table in document.get("retrieve", []):
        table.update(chosen.get(table.get("name", table["use"]), {}))
    return to_toml(document)


def to_toml(document: Mapping[str, Any]) -> str:
    """TOML text of tables, arrays of tables, and plain values."""
    return "\n".join(_lines(document, ())).lstrip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{_key(name)} = {_value(one)}" for name, one in table.items() if not _nested(one))
    for name, one in table.items():
        inside = (*path, _key(name))
        if isinstance(one, Mapping):
            yield from ("", f"[{'.'.join(inside)}]", *_lines(one, inside))
        elif _nested(one):
            for row in one:
                yield from ("", f"[[{'.'.join(inside)}]]", *_lines(row, inside))


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _key(name: str) -> str:
    plain = name.replace("_", "").replace("-", "")
    return name if plain.isascii() and plain.isalnum() else _quoted(name)


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's too, but TOML also refuses a bare DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items()) + " }"
    return repr(value)
