"""The page's source: no markup made from data, the same sentences in both languages, nothing loaded from elsewhere."""

from __future__ import annotations

import re

from page_server import WEB

SOURCES = [*WEB.rglob("*.js"), *WEB.rglob("*.css"), *WEB.rglob("*.html")]


def sentences(language: str) -> dict[str, str]:
    text = (WEB / "js" / "locales" / f"{language}.js").read_text()
    return dict(re.findall(r'(\w+): "((?:[^"\\]|\\.)*)"', text))


def test_no_file_turns_text_into_markup_or_code() -> None:
    for path in SOURCES:
        found = re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\bon\w+=\"", path.read_text()
        )
        assert not found, f"{path.name}: {found}"


def test_nothing_is_loaded_from_another_host() -> None:
    for path in SOURCES:
        for address in re.findall(r"https?://[^\s\"')]+", path.read_text()):
            assert address == "http://www.w3.org/2000/svg", f"{path.name}: {address}"


def test_both_languages_say_the_same_things_with_the_same_holes() -> None:
    english, chinese = sentences("en"), sentences("zh")
    assert english.keys() == chinese.keys()
    for key, sentence in english.items():
        assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", chinese[key])), key


def test_every_sentence_the_scripts_ask_for_exists() -> None:
    english = sentences("en")
    for path in WEB.glob("js/*.js"):
        for key in re.findall(r'\bt\("(\w+)"', path.read_text()):
            assert key in english, f"{path.name}: {key}"


def test_every_file_stays_readable_in_one_sitting() -> None:
    for path in SOURCES:
        assert len(path.read_text().splitlines()) <= 350, path.name
