"""The law of domains: no word of wine or film in the package, but where STILL says there are some left to move to packs."""

from __future__ import annotations

import re
from pathlib import Path

import zhiyin

SOURCE = Path(zhiyin.__file__).parent
WORDS = re.compile(
    r"\b(?:wines?|winery|wineries|grapes?|vintage|abv|merlot|pinot|malbec|chardonnay|chianti|rosé|films?|movies?|actors?)\b"
    r"|葡萄|酒|电影|影片",
    re.IGNORECASE,
)
STILL = frozenset(
    [
        "attributes.py",
        "cli.py",
        "data/reading/catalogue.py",
        "data/reading/layouts.py",
        "data/reading/names.py",
        "data/reading/separated.py",
        "explanation/faithful_words.toml",
        "languages/de.toml",
        "languages/en.toml",
        "languages/zh.toml",
        "llm/check.py",
        "recipes/default.toml",
        "serving/web/js/cards.js",
        "serving/web/js/i18n.js",
        "serving/web/js/label.js",
        "testing/made.py",
        "understanding/aliases.toml",
        "understanding/enrich.py",
        "understanding/numbers.py",
        "understanding/phrases.py",
        "understanding/reading.py",
        "understanding/saying.py",
    ]
)
"""Files that have some today: a file that lost its last one leaves this list, and none is added."""
BUILT_IN = ("demo/", "ingest/demo.py", "demonstration.py")
"""The built-in data sets, and what reads them."""


def speaking(folder: Path) -> set[str]:
    """Files of a folder with a word of a domain in them."""
    paths = [path for path in folder.rglob("*") if path.suffix in (".py", ".toml", ".js", ".html", ".css", ".md")]
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name for name, path in named.items() if not name.startswith(BUILT_IN) and WORDS.search(path.read_text("utf-8"))
    }


def test_no_other_file_of_the_package_has_a_word_of_a_domain() -> None:
    assert speaking(SOURCE) == STILL


def test_the_law_can_fail(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text('"""Items."""', "utf-8")
    (tmp_path / "bad.py").write_text('HINT = "e.g. Pinot Noir"', "utf-8")
    (tmp_path / "bad.toml").write_text('type = "酒体"', "utf-8")
    assert speaking(tmp_path) == {"bad.py", "bad.toml"}
