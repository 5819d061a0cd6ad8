"""Packs: the words of a domain as data, checked when they are read, and a catalogue that is understood without any."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from zhiyin.errors import SettingError
from zhiyin.event import Event
from zhiyin.ingest.demo import demo_names
from zhiyin.item import Item, Items
from zhiyin.languages.messages import language_codes, messages
from zhiyin.packs.named import name_pack
from zhiyin.packs.pack import Pack, general, load_pack, pack_names, read_pack
from zhiyin.serving.app import create_app
from zhiyin.serving.domain import domain_module
from zhiyin.serving.opening import open_engine
from zhiyin.understanding.reading import read
from zhiyin.understanding.saying import Voice
from zhiyin.workspace.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parents[1] / "flow"))
from page_like import engine_over

HERE = Path(__file__).parent

TEAS = [
    Item("a", "Misty Peak", "", {"leaf_style": "dark_roast", "price": 12.0, "steep_minutes": 3, "in_stock": "yes"}),
    Item("b", "Jade Needle", "", {"leaf_style": "light_roast", "steep_minutes": 2, "picked": "2024-04-01"}),
    Item("c", "红茶 River", "", {"leaf_style": "NULL", "origin": "云南", "price": 20.0, "lot_id": "x17", "boxed": "true"}),
]  # fmt: skip
TEA = """
currency = "CNY"
nouns = ["tea", "teas", "茶"]
telling = ["leaf_style"]
[words]
"smoky" = ["dark_roast"]
"烟熏" = ["dark_roast"]
[labels.en]
leaf_style = "leaf"
[labels.zh]
leaf_style = "茶形"
[called]
leaf_style = ["leaf"]
[numbers.steeping]
columns = ["steep_minutes"]
units = ["min", "分钟"]
words = ["steep"]
near = 1
"""


def test_there_is_a_pack_for_every_built_in_data_set_and_each_can_be_read() -> None:
    assert set(pack_names()) == set(demo_names())
    for name in pack_names():
        pack = load_pack(name, HERE)
        assert pack.name == name
        assert {"price", "year"} <= pack.numbers.keys(), "every pack stands over the general one"
        assert {key.split(".")[0] for key in pack.labels} <= set(language_codes())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wrods = 1", r"unknown key 'wrods'; there are called, counted, currency"),
        ("nouns = 'tea'", r"nouns = 'tea': must be a list of texts"),
        ("nouns = ['tea', 3]", r"nouns\[1\] = 3: must be a text"),
        ("words = ['tea']", r"words = \['tea'\]: must be a table, \[words\]"),
        ("[words]\ntea = 'dark'", r"words.tea = 'dark': must be a list of texts"),
        ("[labels]\nen = 'x'", r"labels.en = 'x': must be a table"),
        ("[relative]\nprice = [['a']]", r"relative.price = .*two lists, words for less and words for more"),
        ("[numbers.abc]\nunit = ['x']", r"numbers.abc = .*some of columns, units, words, near"),
        ("[numbers.abc]\nnear = true", r"numbers.abc.near = True: must be a number of 0 or more"),
        ("currency = 'euro'", r"currency = 'euro': must be three capital letters"),
        ("[inks]\ndark = 'mauve'", r"inks.dark = 'mauve': must be one of garnet, straw"),
        ("[examples.en]\nfoot = 'x'", r"examples.en.foot: no such field of the page; there are search, chat"),
        ("nouns = [", r"not valid TOML"),
    ],
)
def test_what_a_pack_cannot_say_is_refused_by_its_place(text: str, said: str) -> None:
    with pytest.raises(SettingError, match=rf"^tea.toml: .*{said}" if "TOML" in said else rf"^tea.toml: {said}"):
        read_pack(text, "tea.toml")


def test_a_workspace_names_its_pack_by_name_file_or_folder(tmp_path: Path) -> None:
    space = Workspace(tmp_path / "space")
    assert space.pack() is general()
    (tmp_path / "tea").mkdir()
    (tmp_path / "tea" / "pack.toml").write_text(TEA, "utf-8")
    for said in ("../tea", "../tea/pack.toml", str(tmp_path / "tea")):
        (space.folder / "zhiyin.toml").write_text(f"pack = {said!r}\n", "utf-8")
        assert (space.pack().name, space.pack().currency) == ("tea", "CNY")
    (space.folder / "zhiyin.toml").write_text('pack = "teas"\n', "utf-8")
    with pytest.raises(
        SettingError, match=r"pack = 'teas': .*teas cannot be read .* one of movies, retail, wines or a path"
    ):
        space.pack()
    (space.folder / "zhiyin.toml").write_text("pack = 3\n", "utf-8")
    with pytest.raises(SettingError, match="pack = 3: must be the name of a pack or a path"):
        space.pack()
    space.store.close()


def test_naming_a_pack_keeps_what_the_file_says_and_a_pack_that_is_named(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    (tmp_path / "zhiyin.toml").write_text("[events]\nlike = 2.0\n", "utf-8")
    name_pack(tmp_path, "movies")
    name_pack(tmp_path, "wines")
    assert space.pack().name == "movies"
    assert space.events() == {"like": 2.0}
    space.store.close()


def tea(text: str = TEA) -> Pack:
    return read_pack(text, "tea.toml", "tea").over(general())


def test_a_shop_without_a_pack_has_its_topics_from_its_catalogue_in_both_languages() -> None:
    items = Items(TEAS)
    assert read("a dark roast under 20 euros", items).wanted == (("leaf_style", ("dark_roast",)),)
    painted = Items([Item("x", "Bowl", "", {"colour": "Red"}), Item("y", "Cup", "", {"colour": "Blue"})])
    assert read("红色的碗，不要蓝的", painted).wanted == (("colour", ("Red",)),)
    assert read("不要云南的", items).unwanted == (("origin", "云南"),)
    assert read("steep minutes under 3", items).ranges.keys() == {"steep_minutes"}, "a column is called by its name"
    assert {name for row in TEAS for name, _ in row.tags()} == {"leaf_style", "origin"}
    assert ("leaf_style", "NULL") not in TEAS[2].tags()
    assert Voice("en").label("leaf_style") == "leaf style"
    assert Voice("zh").label("price") == "价格"


def test_the_words_of_a_pack_are_read_and_said_and_those_of_another_are_not() -> None:
    plain, items = Items(TEAS), Items(TEAS).with_pack(tea())
    for message in ("something smoky", "烟熏的茶"):
        assert read(message, items).wanted == (("leaf_style", ("dark_roast",)),)
        assert read(message, plain).wanted == ()
    assert read("steeping about 3 分钟", items).ranges == {"steep_minutes": (2.0, 4.0)}
    assert read("three teas", items).count == 3
    assert read("tea", items).text == "", "a noun is no wish"
    assert messages("zh").label("leaf_style", items.pack.labels) == "茶形"
    assert messages("zh").label("leaf_style", {"zh.leaf_style": "条索"}, items.pack.labels) == "条索", (
        "the recipe first"
    )


def test_the_page_is_told_the_names_the_recipe_gives_before_the_packs_before_the_usual_ones() -> None:
    given = {**tea().labels, "zh.leaf_style": "条索", "picked": "harvest", "xx.picked": "nothing"}
    text = domain_module(
        tea('telling = ["leaf_style"]\n[inks]\n"smoky" = "slate"\n[examples.zh]\nsearch = "浓的"\n'), given
    )
    said = json.loads(text.removeprefix("export const DOMAIN = ").removesuffix(";\n"))
    assert said["labels"].keys() == said["examples"].keys() == set(language_codes())
    assert [said["labels"]["zh"][name] for name in ("leaf_style", "picked", "price")] == ["条索", "harvest", "价格"]
    assert said["labels"]["en"]["picked"] == "harvest"
    assert said["telling"][0] == "leaf_style"
    assert said["inks"]["smoky"] == "slate"
    assert said["examples"]["zh"] == {"search": "浓的"}
    assert "price" in said["prices"]


def test_the_server_sends_the_page_the_domain_of_what_serves() -> None:
    engine = engine_over(TEAS)
    with TestClient(create_app(engine)) as client:
        answer = client.get("/web/js/domain.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.text == domain_module(general(), {})
    engine.close()


def test_a_catalogue_keeps_its_pack_when_it_moves_and_does_not_give_it_away() -> None:
    plain = Items(TEAS)
    items = plain.with_pack(tea())
    moved, _ = items.taking([Item("d", "Grey Cliff", "", {"leaf_style": "green"})])
    assert moved.pack is items.pack
    assert items.copy().pack is items.pack
    assert plain.pack is general()
    assert read("smoky", moved).wanted
    assert not read("smoky", plain).wanted


def test_what_serves_has_the_pack_of_its_folder_as_it_is_now_and_nothing_is_fitted_again(tmp_path: Path) -> None:
    space = Workspace(tmp_path / "space")
    space.store.catalog.put(TEAS)
    space.store.log.append([Event(f"u{one}", "a", "like", 1e9 + one, event_id=f"e{one}") for one in range(9)])
    recipe = tmp_path / "plain.toml"
    recipe.write_text('name = "plain"\n[[retrieve]]\nuse = "popular"\n', "utf-8")
    version = space.fit(str(recipe))
    assert space.load().recommender.items.pack is general()
    (space.folder / "pack.toml").write_text(TEA, "utf-8")
    (space.folder / "zhiyin.toml").write_text('pack = "pack.toml"\n', "utf-8")
    made = space.load().recommender
    assert read("smoky", made.items).wanted
    assert made.known == len(TEAS)
    assert space.fit(str(recipe)) == version
    (space.folder / "pack.toml").write_text("nouns = 3\n", "utf-8")
    with pytest.raises(SettingError, match=r"pack.toml: nouns = 3: must be a list of texts"):
        open_engine(space)
    space.store.close()
