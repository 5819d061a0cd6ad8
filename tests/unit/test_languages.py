"""The laws of languages: every table says the same things with the same holes, and code asks for all of them and no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import zhiyin
from zhiyin.cli.understand import _print
from zhiyin.errors import SettingError
from zhiyin.languages.messages import FORMS, Message, Messages, language_codes, language_of, messages, spoken_in
from zhiyin.serving.operations import WEB

SOURCE = Path(zhiyin.__file__).parent
ENGLISH = messages("en").texts
SECTIONS = {key.partition(".")[0] for key in ENGLISH}


def holes(message: Message) -> set[str]:
    texts = [message] if isinstance(message, str) else message.values()
    return {hole for text in texts for hole in re.findall(r"\{(\w+)\}", text)}


def keys_in_python() -> Iterator[str]:
    """Texts in the code that look like keys of messages."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                section, dot, name = node.value.partition(".")
                if dot and section in SECTIONS - {"page"} and re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", name):
                    yield node.value


def scripts() -> str:
    return "\n".join(path.read_text("utf-8") for path in (*WEB.rglob("*.js"), *WEB.rglob("*.html")))


def unused(texts: dict[str, Message] | Messages, python: set[str], page: str) -> set[str]:
    """Keys that no code and no script asks for; a script may make a key of a beginning and a name: `said_${kind}`."""
    keys = texts.texts if isinstance(texts, Messages) else texts
    words = set(re.findall(r"[a-z_]+", page))
    beginnings = tuple(re.findall(r"`([a-z_]+_)\$\{", page))
    asked = {key for key in keys if (name := key.removeprefix("page.")) in words or name.startswith(beginnings)}
    kept = {key for key in keys if key.startswith("label.")}  # asked for by the attributes of catalogues
    return {key for key in keys if key not in python | kept and not (key.startswith("page.") and key in asked)}


@pytest.mark.parametrize("code", language_codes())
def test_every_table_has_the_same_keys_with_the_same_holes(code: str) -> None:
    table = messages(code)
    assert table.texts.keys() == ENGLISH.keys()
    for key, message in table.texts.items():
        assert holes(message) == holes(ENGLISH[key]), f"{code}: {key}"
        assert isinstance(message, str) or message.keys() <= FORMS, f"{code}: {key}"


def test_every_key_that_code_uses_is_in_the_tables() -> None:
    assert set(keys_in_python()) <= ENGLISH.keys()
    for key in re.findall(r'\bt\("(\w+)"', scripts()) + re.findall(r'data-t="(\w+)"', scripts()):
        assert f"page.{key}" in ENGLISH, key


def test_no_table_has_a_key_that_nobody_uses() -> None:
    python, page = set(keys_in_python()), scripts()
    assert unused(dict(ENGLISH), python, page) == set()
    more: dict[str, Message] = {"reason.nobodys": "a", "page.nobodys_key": "b"}
    assert unused(more, python, page) == more.keys()


def test_a_language_without_a_table_is_english_as_a_whole() -> None:
    assert messages("xx") is messages("en")
    assert language_of("zh-CN") == language_of("ZH_tw") == "zh"
    assert spoken_in("来一瓶红的") == "zh"
    assert spoken_in("a red one") == "en"
    assert spoken_in("a red one", "zh-Hans") == "zh"


def test_counts_pick_the_plural_form_and_holes_must_be_filled() -> None:
    say = messages("en")
    assert say("reason.popular", count=1) == "Chosen by 1 person"
    assert say("reason.popular", count=1204) == "Chosen by 1,204 people"
    with pytest.raises(SettingError, match="has no message"):
        say("reason.nobodys")
    with pytest.raises(SettingError, match="count"):
        say("reason.popular")


@pytest.mark.parametrize(("asked", "said"), [("zh-CN", "喜欢茶"), ("xx", "Likes tea"), ("en", "Likes tea")])
def test_the_command_line_shows_a_profile_in_english_where_there_is_no_table(
    asked: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _print({"summaries": {"en": "Likes tea", "zh": "喜欢茶"}, "interests": [], "dislikes": []}, asked)
    assert said in capsys.readouterr().out
