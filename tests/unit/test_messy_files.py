"""Files as they really come: broken quotes, long texts, foreign encodings, odd values. No row goes without a word."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.data.reading.asked import Asked
from zhiyin.data.reading.records import records
from zhiyin.data.reading.summary import Summary
from zhiyin.errors import DataError
from zhiyin.ingest.files import ingest_files
from zhiyin.item import Item
from zhiyin.stores.memory import MemoryStore


def take(
    folder: Path, store: MemoryStore | None = None, asked: Asked | None = None, **files: str | bytes
) -> tuple[MemoryStore, Summary]:
    store = store or MemoryStore()
    paths = []
    for name, content in files.items():
        paths.append(folder / name.replace("__", "."))
        paths[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
    return store, ingest_files(paths, store, folder / "quarantine", asked=asked or Asked())


def items(store: MemoryStore) -> dict[str, Item]:
    return {one.item_id: one for one in store.catalog.all()}


# -- quotes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken", ['{},"Ring of Fire', '{},"Ring, of Fire', '{},Ring" of Fire', '{},"Ring "of" Fire', '"{},Ring']
)
@pytest.mark.parametrize("at", [0, 7, 49])
def test_a_quote_that_nobody_closes_costs_one_row_at_most(tmp_path: Path, broken: str, at: int) -> None:
    rows = [f'{n},"The ""Big"" Sale {n}"' if n % 5 == 0 else f"{n},Plain {n}" for n in range(50)]
    rows[at] = broken.format(at)
    store, summary = take(tmp_path, i__csv="item_id,title\n" + "\n".join(rows) + "\n")
    found = items(store)
    assert len(found) + summary.quarantined == 50
    assert set(map(str, range(50))) - set(found) <= {str(at)}
    for n in range(50):
        if n != at:
            assert found[str(n)].title == (f'The "Big" Sale {n}' if n % 5 == 0 else f"Plain {n}")


def test_texts_of_several_lines_stay_whole(tmp_path: Path) -> None:
    text = 'item_id,title,text\n1,A,"one\ntwo, three\n\n""four"""\n2,B,"x\ny"\n3,C,z\n'
    store, summary = take(tmp_path, i__csv=text)
    assert [one.text for one in store.catalog.all()] == ['one\ntwo, three\n\n"four"', "x\ny", "z"]
    assert not summary.quarantined


cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00\r"), max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=12), st.sampled_from(",;\t|"))
def test_what_a_writer_of_csv_wrote_is_read_as_it_was(rows: list[tuple[str, str, str]], separator: str) -> None:
    import csv
    import io

    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    lines = out.getvalue().split("\n")
    found = list(records([line + "\n" for line in lines[:-1]], separator, 3, 1))
    assert [tuple(row) for _, row, _ in found] == rows


@settings(max_examples=200, deadline=None)
@given(st.text('ab",\n', max_size=60))
def test_every_line_is_in_a_row_whatever_the_quotes(text: str) -> None:
    lines = [line + "\n" for line in text.split("\n")]
    found = list(records(iter(lines), ",", 2, 1))
    letters = sum(sum(cell.count("a") + cell.count("b") for cell in row) for _, row, _ in found)
    assert letters == text.count("a") + text.count("b")
    assert [line for line, _, _ in found] == sorted({line for line, _, _ in found})


# -- lengths --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("length", [140_000, 200_000, 300_000])
def test_texts_of_any_length_quoted_or_not(tmp_path: Path, quote: str, length: int) -> None:
    long = quote + "x " * (length // 2) + quote
    store, summary = take(
        tmp_path, i__csv=f"item_id,title,text\n1,A,{quote}s{quote}\n2,B,{long}\n3,C,{quote}t{quote}\n"
    )
    assert len(items(store)) == 3
    assert len(items(store)["2"].text) >= min(length, 200_000) - 1
    assert ("200,000 characters" in str(summary) and "line 3" in str(summary)) == (length > 200_000)


# -- encodings ------------------------------------------------------------------------------------------------------------

SHOP = "用户,商品,行为,时间\n张三,杯子,购买,2024-01-05 10:00:00\n李四,茶壶，青花,浏览,2024-01-05 11:00:00\n".replace(
    "，", ""
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-32"])
def test_a_chinese_file_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    store, _ = take(tmp_path, e__csv=SHOP.encode(encoding))
    assert [one.item_id for one in store.log.of_user("张三")] == ["杯子"]


def test_a_file_of_few_accents_is_western(tmp_path: Path) -> None:
    text = "item_id,title\n1,Amélie\n2,Señor und Größe\n3,L’été\n"
    store, _ = take(tmp_path, i__csv=text.encode("cp1252"))
    assert [one.title for one in store.catalog.all()] == ["Amélie", "Señor und Größe", "L’été"]


def test_what_cannot_be_told_is_refused_with_the_right_advice(tmp_path: Path) -> None:
    russian = "item_id,title\n1,Мастер и Маргарита\n2,Война и мир\n"
    with pytest.raises(DataError, match=r"i\.csv.*line 2.*--encoding.*cp1251"):
        take(tmp_path, i__csv=russian.encode("cp1251"))
    store, _ = take(tmp_path, asked=Asked(encoding="cp1251"), i__csv=russian.encode("cp1251"))
    assert store.catalog.all()[0].title == "Мастер и Маргарита"


def test_one_broken_byte_costs_its_row(tmp_path: Path) -> None:
    rows = ["item_id,title\n"] + [f"{n},größer {n}\n" for n in range(100)]
    data = "".join(rows).encode().replace("größer 50".encode(), b"gr\xff\xfeer 50")
    store, summary = take(tmp_path, i__csv=data)
    assert (len(items(store)), summary.quarantined) == (99, 1)
    assert "line 52" in str(summary)


def test_half_a_pair_of_surrogates_costs_no_file(tmp_path: Path) -> None:
    store, _ = take(tmp_path, i__jsonl='{"item_id": "1", "title": "a\\ud83d"}\n{"item_id": "2", "title": "b"}\n')
    assert [one.title for one in store.catalog.all()] == ["a?", "b"]


# -- odd values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["from 14.99", "call us", "ask", "TBA soon", "10-20"])
@pytest.mark.parametrize("column", ["price", "year", "stock", "weight", "价格"])
def test_one_odd_value_costs_itself_and_not_its_column(tmp_path: Path, odd: str, column: str) -> None:
    rows = "".join(f"{n},t{n},{n + 0.5}\n" for n in range(9))
    store, summary = take(tmp_path, i__csv=f"item_id,title,{column}\n{rows}odd,t,{odd}\n")
    name = "price" if column == "价格" else column
    values = {one.item_id: one.attributes[name] for one in store.catalog.all()}
    assert values["8"] == 8.5
    assert values["odd"] == odd
    assert "line 11" in str(summary)


GAPS = [
    "",
    "nan",
    "NaN",
    "None",
    "NULL",
    "null",
    "N/A",
    "n/a",
    "-",
    "\\N",
    "(no genres listed)",
    "无",
    "未知",
    "暂无",
    "<NA>",
]


@pytest.mark.parametrize("gap", GAPS)
def test_gaps_are_gaps(tmp_path: Path, gap: str) -> None:
    store, _ = take(
        tmp_path, i__csv=f"item_id,title,genres,price,year\n1,A,Drama|{gap},{gap},{gap}\n2,{gap},{gap},3,1999\n"
    )
    one, two = items(store)["1"], items(store)["2"]
    assert one.attributes == {"genres": ("Drama",)}
    assert two.attributes == {"price": 3.0, "year": 1999.0}
    assert two.title in ("", gap if gap in ("-", "(no genres listed)", "未知", "暂无") else "")
    _, summary = take(tmp_path, e__csv=f"user_id,item_id,timestamp\n{'NULL' if gap == '-' else gap},i,5\nu,i,5\n")
    assert summary.quarantined == (gap not in ("(no genres listed)", "未知", "暂无"))


PRICES = [
    ("$12.50", 12.5, "USD"), ("12,50 €", 12.5, "EUR"), ("1.299,00 EUR", 1299.0, "EUR"), ("£1,299.00", 1299.0, "GBP"),
    ("￥99", 99.0, "JPY"), ("99元", 99.0, "CNY"), ("USD 5", 5.0, "USD"), ("1 299,5 zł", 1299.5, "PLN"), ("Free", 0.0, None),
    ("CHF 1'299.50", 1299.5, "CHF"), ("12.50", 12.5, None), ("HK$88", 88.0, "HKD"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number", "code"), PRICES)
def test_prices_have_a_currency(tmp_path: Path, text: str, number: float, code: str | None) -> None:
    store, _ = take(tmp_path, i__csv=f'item_id,title,price\n1,A,"{text}"\n2,B,7\n')
    assert items(store)["1"].attributes == {"price": number, **({"currency": code} if code else {})}


def test_a_price_whose_column_says_the_currency(tmp_path: Path) -> None:
    store, _ = take(
        tmp_path,
        a__csv="item_id,price_eur\n1,5\n",
        b__csv="item_id,Price (USD)\n2,6\n",
        c__csv="商品,价格（元）\n3,7\n",
    )
    assert [one.attributes for one in store.catalog.all()] == [
        {"price": price, "currency": code} for price, code in ((5.0, "EUR"), (6.0, "USD"), (7.0, "CNY"))
    ]
    store, _ = take(tmp_path, asked=Asked(currency="SEK"), d__csv="item_id,price\n4,8\n")
    assert items(store)["4"].attributes == {"price": 8.0, "currency": "SEK"}


STOCK = [
    ("in_stock", "false"), ("in_stock", "no"), ("availability", "out of stock"), ("availability", "https://schema.org/OutOfStock"),
    ("stock", "0"), ("Stock Quantity", "0"), ("inventory", "-2"), ("qty", "0"), ("sold_out", "yes"), ("库存", "0"), ("有货", "否"),
    ("是否有货", "无"), ("缺货", "是"), ("available", "0"), ("status", "sold out"), ("is_available", "False"), ("库存状态", "缺货"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value"), STOCK)
def test_stock_under_its_usual_names(tmp_path: Path, column: str, value: str) -> None:
    other = {"0": "5", "-2": "5", "no": "yes", "false": "true", "False": "True", "否": "是", "无": "有", "缺货": "有货"}
    there = (
        "active"
        if column == "status"
        else "no"
        if column == "sold_out"
        else "否"
        if column == "缺货"
        else other.get(value, "in stock")
    )
    store, _ = take(tmp_path, i__csv=f"item_id,title,{column}\n1,A,{value}\n2,B,{there}\n3,C,{there}\n")
    gone, kept = items(store)["1"], items(store)["2"]
    assert {gone.attributes.get("in_stock"), gone.attributes.get("stock")} & {False, 0.0, -2.0}
    assert kept.attributes.get("in_stock", True)
    assert kept.attributes.get("stock", 1.0)


HIDDEN = [
    ("hidden", "1"),
    ("is_active", "no"),
    ("discontinued", "true"),
    ("已下架", "是"),
    ("是否上架", "否"),
    ("status", "archived"),
]


@pytest.mark.parametrize(("column", "value"), HIDDEN)
def test_hidden_under_its_usual_names(tmp_path: Path, column: str, value: str) -> None:
    other = {"1": "0", "no": "yes", "true": "false", "archived": "active"}
    there = "否" if column == "已下架" else "是" if column == "是否上架" else other[value]
    store, _ = take(tmp_path, i__csv=f"item_id,title,{column}\n1,A,{value}\n2,B,{there}\n")
    assert [one.hidden for one in store.catalog.all()] == [True, False]
    again, _ = take(tmp_path, store, j__csv="item_id,price\n1,5\n")
    assert items(again)["1"].hidden, "a file that does not speak of it leaves it as it was"


def test_long_ids_stay_ids(tmp_path: Path) -> None:
    ids = [2053013552326770905 + n for n in range(3)]
    store, _ = take(
        tmp_path,
        i__csv="item_id,category_id\n" + "".join(f"{one},{one}\n" for one in ids),
        e__jsonl="".join(json.dumps({"user_id": one, "item_id": one, "timestamp": 5}) + "\n" for one in ids),
    )
    assert list(items(store)) == [str(one) for one in ids]
    assert {one.attributes["category_id"] for one in store.catalog.all()} == {str(one) for one in ids}
    assert {event.item_id for one in ids for event in store.log.of_user(str(one))} == {str(one) for one in ids}


def test_ids_that_lost_their_digits_are_set_aside(tmp_path: Path) -> None:
    import polars as pl

    _, summary = take(tmp_path, e__csv="user_id,item_id,timestamp\nu,2.05301E+18,5\nu,i,5\n")
    assert "all its digits" in str(summary)
    pl.DataFrame({"user_id": ["u", "v"], "item_id": [2.053013552326770905e18, 7.0], "timestamp": [5, 5]}).write_parquet(
        tmp_path / "e.parquet"
    )
    assert "all its digits" in str(ingest_files([tmp_path / "e.parquet"], MemoryStore(), tmp_path / "q"))


# -- a second file, and files that are refused --------------------------------------------------------------------------------


def test_a_second_file_adds_to_known_items(tmp_path: Path) -> None:
    store, first = take(tmp_path, a__csv="item_id,title,text,genre\n1,Alpha,first,Drama\n2,Beta,second,Comedy\n")
    _, second = take(tmp_path, store, b__csv="item_id,price,title\n1,9.5,\n2,,\n3,7,Gamma\n")
    assert (first.files[0].new, first.files[0].changed) == (2, 0)
    assert (second.files[0].new, second.files[0].changed) == (1, 1)
    assert "1 new, 1 changed, 1 untouched" in str(second)
    assert items(store)["1"] == Item("1", "Alpha", "first", {"genre": "Drama", "price": 9.5})
    take(tmp_path, store, Asked(replace=True), b__csv="item_id,price\n1,8\n")
    assert items(store)["1"] == Item("1", attributes={"price": 8.0})


REFUSED = {
    "e__csv": "user_id,item_id,position,stars\nu,,1,2\n",
    "f__csv": "user_id,item_id,moment\n1,2,3\n",
    "g__csv__gz": gzip.compress(b"user_id,item_id\n" + b"u,i\n" * 99, mtime=0)[:-9],
    "h__csv": "user_id,item_id\nмир,война\n".encode("cp1251"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_refused_changes_nothing(tmp_path: Path, name: str) -> None:
    store = MemoryStore()
    before = store.fingerprint()
    with pytest.raises(DataError):
        take(tmp_path, store, **{name: REFUSED[name]})
    assert store.fingerprint() == before
    assert store.meta.get("has_clock") is None
    take(tmp_path, store, ok__csv="user_id,item_id,timestamp\nu,i,1704448800\n")
    assert store.log.count() == 1, "and the store takes the next file, of either kind"


def test_a_folder_is_read_and_what_is_none_of_ours_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, text in {
        "events.csv": "user_id,item_id,timestamp\nu,i,1704448800\nu,j,1704448801\n",
        "items.csv": "item_id,title\ni,A\n",
        "README.txt": "Made by us.\nAll rights reserved.\n",
        "tree.csv": "categoryid,parentid\n1,2\n",
        "photo.jpg": "x",
    }.items():
        (tmp_path / "in" / name).write_text(text)
    store = MemoryStore()
    summary = ingest_files([tmp_path / "in"], store, tmp_path / "quarantine")
    assert (store.log.count(), len(store.catalog.all())) == (2, 1)
    assert {Path(path).name for path in summary.skipped} == {"README.txt", "tree.csv", "photo.jpg"}
    assert "1 of 2 events name 1 items that are not in the catalogue" in str(summary)


def test_a_dry_run_says_what_it_understood_and_stores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(
        "user_id,item_id,rating,timestamp\n"
        + "".join(f"u{n % 9},i{n},{n % 5 + 1},{1704448800 + n}\n" for n in range(90))
    )
    store = MemoryStore()
    before = store.fingerprint()
    said = str(ingest_files([path], store, tmp_path / "quarantine", dry=True, now=1704448800.0))
    assert store.fingerprint() == before
    assert store.meta.get("has_clock") is None
    for words in ("90 rating", "from 1 to 5; 36 of 90 are low", "2024-01-05", "nothing stored"):
        assert words in said


def test_times_before_1990_and_after_tomorrow_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("user_id,item_id,timestamp\nu,a,1704448800\nu,b,100\nu,c,4070908800\n")
    said = str(ingest_files([path], MemoryStore(), tmp_path / "quarantine", now=1704448800.0))
    assert "1 of 3 times lie before 1990" in said
    assert "1 of 3 times lie after tomorrow" in said
