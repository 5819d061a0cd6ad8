"""The law of domains: no word of wine or film in the package, but where STILL says there are some left to move to packs."""

from __future__ import annotations

import re
from pathlib import Path

import zhiyin

SOURCE = Path(zhiyin.__file__).parent
WORDS = re.compile(
    r"\b(?:wines?|winery|wineries|grapes?|vintages?|abv|merlot|pinot|malbec|chardonnay|chianti|riesling|cabernet|syrah|rosé|bordeaux|"
    r"acidity|bodied|sushi|oysters?|films?|movies?|actors?|biopic|thriller)\b"
    r"|葡萄(?!牙)|酒|桃红|霞多丽|雷司令|寿司|电影|影片|恐怖|科幻",
    re.IGNORECASE,
)
IN_DATA = re.compile(r"\b(?:reds|whites|ports?|fizz|bubbly)\b", re.IGNORECASE)
"""Words that mean something else in code: only data and scripts are searched for them."""
STILL = frozenset(
    [
        "cli/app.py",
        "data/reading/catalogue.py",
        "data/reading/layouts.py",
        "data/reading/names.py",
        "data/reading/separated.py",
        "text/attributes.py",
    ]
)
"""Files that have some: those that read the columns of other systems' files, and the command that names the built-in data sets.
A file that lost its last one leaves this list, and none is added."""
BUILT_IN = ("demo/", "ingest/demo.py", "packs/wines.toml", "packs/movies.toml")
"""The built-in data sets, what reads them, and their packs."""


def speaking(folder: Path) -> set[str]:
    """Files of a folder with a word of a domain in them."""
    paths = [path for path in folder.rglob("*") if path.suffix in (".py", ".toml", ".js", ".html", ".css", ".md")]
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name for name, path in named.items() if not name.startswith(BUILT_IN) and has_a_word(path)}


def has_a_word(path: Path) -> bool:
    text = path.read_text("utf-8")
    return bool(WORDS.search(text) or (path.suffix != ".py" and IN_DATA.search(text)))


def test_no_other_file_of_the_package_has_a_word_of_a_domain() -> None:
    assert speaking(SOURCE) == STILL


def test_the_law_can_fail(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text('"""Items."""', "utf-8")
    (tmp_path / "bad.py").write_text('HINT = "e.g. Pinot Noir"', "utf-8")
    (tmp_path / "bad.toml").write_text('type = "酒体"', "utf-8")
    (tmp_path / "worse.toml").write_text('"reds" = ["red"]', "utf-8")
    (tmp_path / "server.py").write_text("ports: tuple[int, ...] = ()\nCOUNTRY = '葡萄牙'", "utf-8")
    (tmp_path / "label.js").write_text('const INKS = { port: "amber" };', "utf-8")
    assert speaking(tmp_path) == {"bad.py", "bad.toml", "worse.toml", "label.js"}
