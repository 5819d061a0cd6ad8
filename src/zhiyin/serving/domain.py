"""Domain: what the page needs of the pack and the recipe that serve: names of attributes, what tells most, inks, examples."""

from __future__ import annotations

import json
from collections.abc import Mapping

from zhiyin.languages.messages import language_codes, messages
from zhiyin.packs.pack import Pack

MODULE = "js/domain.js"
"""Where the page finds it."""


def domain_module(pack: Pack, labels: Mapping[str, str]) -> str:
    """A module of JavaScript. labels: by "language.name" or name, those of the recipe before those of the pack."""
    examples = {code: _of_language(pack.examples, code) for code in language_codes()}
    said = {
        "labels": {code: _usual(code) | _of_language(labels, code) for code in language_codes()},
        "telling": pack.telling,
        "inks": pack.inks,
        "currency": pack.currency,
        "prices": _columns(pack, "price"),
        "years": _columns(pack, "year"),
        "examples": examples,
    }
    return f"export const DOMAIN = {json.dumps(said, ensure_ascii=False)};\n"


def _usual(code: str) -> dict[str, str]:
    texts = messages(code).texts
    return {key.removeprefix("label."): str(text) for key, text in texts.items() if key.startswith("label.")}


def _of_language(said: Mapping[str, str], code: str) -> dict[str, str]:
    """What holds in one language: what is said in all of them, and over it what is said in this one."""
    apart = {key: key.partition(".") for key in said}
    for_all = {key: said[key] for key, (first, _, name) in apart.items() if not name or first not in language_codes()}
    return for_all | {name: said[key] for key, (first, _, name) in apart.items() if name and first == code}


def _columns(pack: Pack, about: str) -> tuple[str, ...]:
    return pack.numbers[about].columns if about in pack.numbers else ()
