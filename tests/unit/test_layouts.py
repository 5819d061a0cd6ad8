"""Small files in the layouts of public data sets and of shops, each read as what it is."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from zhiyin.data.reading.asked import Asked
from zhiyin.errors import MissingColumn
from zhiyin.ingest.files import ingest_files
from zhiyin.stores.memory import MemoryStore


def read(folder: Path, asked: Asked | None = None, **files: str | bytes) -> MemoryStore:
    """Files given as name=content, with __ for the dot and _ kept, into a new store."""
    store = MemoryStore()
    paths = []
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    ingest_files(paths, store, folder / "quarantine", asked=asked or Asked())
    return store


def facts(store: MemoryStore) -> list[tuple[Any, ...]]:
    return store.log.columns(["user_id", "item_id", "event_type", "timestamp", "value"]).rows()


MOMENT = 1704448800.0

EVENTS = {
    "Book-Crossing": (
        '"User-ID";"ISBN";"Book-Rating"\n"276725";"034545104X";"0"\n"276726";"0155061224";"5"\n',
        [("276725", "034545104X", "rating", 2.0, 0.0), ("276726", "0155061224", "rating", 3.0, 5.0)],
    ),
    "RetailRocket": (
        "timestamp,visitorid,event,itemid,transactionid\n1704448800000,257597,view,355908,\n"
        "1704448800000,257597,addtocart,355908,\n1704448800000,257597,transaction,355908,4000\n",
        [("257597", "355908", kind, MOMENT, None) for kind in ("view", "cart", "purchase")],
    ),
    "REES46": (
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
        "2024-01-05 10:00:00 UTC,cart,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde\n",
        [("541312140", "44600062", "cart", MOMENT, None)],
    ),
    "MovieLens tags": (
        "userId,movieId,tag,timestamp\n15,4973,excellent!,1704448800\n",
        [("15", "4973", "comment", MOMENT, None)],
    ),
    "MovieLens ratings": ("userId,movieId,rating,timestamp\n1,2,3.5,1704448800\n", [("1", "2", "rating", MOMENT, 3.5)]),
    "MyAnimeList": (
        "user_id,anime_id,rating\n1,20,-1\n1,24,7\n",
        [("1", "20", "rating", 2.0, -1.0), ("1", "24", "rating", 3.0, 7.0)],
    ),
    "Goodreads": (
        "user_id,book_id,is_read,rating,is_reviewed\n0,948,1,5,0\n0,947,1,4,1\n",
        [("0", "948", "rating", 2.0, 5.0), ("0", "947", "rating", 3.0, 4.0)],
    ),
    "Instacart's kind of orders": (
        "order_id,user_id,product_id,quantity,order_date\n7,1,33120,2,2024-01-05T10:00:00Z\n",
        [("1", "33120", "purchase", MOMENT, 2.0)],
    ),
    "H&M": (
        "t_dat,customer_id,article_id,price,sales_channel_id\n2024-01-05,000058a12d,0663713001,0.0508,2\n",
        [("000058a12d", "0663713001", "purchase", MOMENT - 36000, None)],
    ),
    "Steam": (
        "steamid,appid,playtime_forever,timestamp\n76561197970982479,10,6,1704448800\n",
        [("76561197970982479", "10", "interaction", MOMENT, None)],
    ),
    "YooChoose": (
        "session_id,timestamp,item_id,category\n11,2024-01-05T10:00:00.000Z,214577561,0\n",
        [("11", "214577561", "interaction", MOMENT, None)],
    ),
    "Last.fm HetRec": ("userID\tartistID\tplays\n2\t51\t13883\n", [("2", "51", "listen", 2.0, 13883.0)]),
    "camel case": (
        '"customerId","productId","eventType","createdAt"\n"u","p","AddToCart","2024-01-05T10:00:00.000Z"\n',
        [("u", "p", "cart", MOMENT, None)],
    ),
    "a Chinese shop": (
        "用户,商品,行为,时间\nu1,p1,浏览,2024-01-05 10:00\nu1,p1,加购,2024年1月5日 10:00\n",
        [("u1", "p1", "view", MOMENT, None), ("u1", "p1", "cart", MOMENT, None)],
    ),
    "Chinese ratings": ("用户ID,电影ID,评分,评分时间\n1,2,4,2024/1/5 10:00\n", [("1", "2", "rating", MOMENT, 4.0)]),
    "a shop's orders": (
        "Order ID,Customer ID,SKU,Qty,Order Date\n1001,C-1,A-7,3,2024-01-05 10:00\n",
        [("C-1", "A-7", "purchase", MOMENT, 3.0)],
    ),
    "a day and a time of day": (
        "user_id,item_id,date,time\nu,i,2024-01-05,10:00:00\nu,j,2024-01-05,10:00\n",
        [("u", "i", "interaction", MOMENT, None), ("u", "j", "interaction", MOMENT, None)],
    ),
    "an id that only its ending tells": (
        "userId,wineId,rating,timestamp\nu,w,4,1704448800\n",
        [("u", "w", "rating", MOMENT, 4.0)],
    ),
    "decimals where ids were": (
        "CustomerID,StockCode,Quantity,InvoiceDate\n13085.0,85048,12,2024-01-05 10:00\n",
        [("13085", "85048", "purchase", MOMENT, 12.0)],
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_events_of(name: str, tmp_path: Path) -> None:
    text, wanted = EVENTS[name]
    assert facts(read(tmp_path, data__csv=text)) == wanted
    for separator in (";", "\t", "|"):  # and the same with another separator
        if "," in text.split("\n")[0] and '"' not in text:
            assert facts(read(tmp_path, data__csv=text.replace(",", separator))) == wanted


def test_a_tag_is_kept_as_what_its_user_wrote(tmp_path: Path) -> None:
    store = read(tmp_path, tags__csv=EVENTS["MovieLens tags"][0])
    assert store.log.of_user("15")[0].context == {"text": "excellent!"}


def test_movielens_links_and_tags_leave_the_films_as_they_are(tmp_path: Path) -> None:
    store = read(
        tmp_path,
        movies__csv="movieId,title,genres\n1,Toy Story (1995),Adventure|Animation\n2,Nothing (2001),(no genres listed)\n",
        links__csv="movieId,imdbId,tmdbId\n1,0114709,862\n2,0113497,8844\n",
    )
    film, bare = store.catalog.get("1"), store.catalog.get("2")
    assert film is not None
    assert bare is not None
    assert film.title == "Toy Story (1995)"
    assert film.attributes == {"genres": ("Adventure", "Animation"), "imdbid": "0114709", "tmdbid": 862.0}
    assert "genres" not in bare.attributes
    assert store.log.count() == 0


def test_book_crossing_books_in_latin_1_with_backslashes(tmp_path: Path) -> None:
    text = (
        '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S";"Image-URL-L"\n'
        '"0195153448";"Classical Mythology";"Mark P. O. Morford";"2002";"Oxford University Press";"http://x/s.jpg";"http://x/l.jpg"\n'
        '"2070423204";"La Cantatrice d\'été";"Ionesco; E.";"1954";"Gallimard";"http://x/s.jpg";"http://x/l.jpg"\n'
        '"078946697X";"DK: All Began (Level 4)\\";"Michael Teitelbaum";"2000";"DK";"http://x/s.jpg";"http://x/l.jpg"\n'
        '"3404921038";"Das \\"große\\" Buch; neu";"Jo";"2001";"B";"http://x/s.jpg";"http://x/l.jpg"\n'
    )
    store = read(tmp_path, books__csv=text.encode("latin-1"))
    assert [one.title for one in store.catalog.all()] == [
        "Classical Mythology",
        "La Cantatrice d'été",
        "DK: All Began (Level 4)\\",
        'Das "große" Buch; neu',
    ]
    assert store.catalog.all()[0].attributes["year_of_publication"] == 2002.0
    assert store.catalog.all()[0].images == ("http://x/l.jpg",)


def test_retailrocket_properties_become_one_row_an_item(tmp_path: Path) -> None:
    store = read(
        tmp_path,
        item_properties_part1__csv="timestamp,itemid,property,value\n1435460400000,460429,categoryid,1338\n"
        "1441508400000,460429,available,0\n1435460400000,460429,available,1\n1439089200000,395014,888,n552.000 639502\n",
    )
    item = store.catalog.get("460429")
    assert item is not None
    assert item.attributes == {"categoryid": 1338.0, "in_stock": False}, "the newest of each property counts"


def test_tables_of_items_and_users_by_a_plain_id(tmp_path: Path) -> None:
    store = read(
        tmp_path,
        a__csv="id,name,price,category\n7,Mug,9.5,Kitchen\n",
        b__csv="id,name,email,gender\n7,Ann,ann@example.org,f\n",
        商品__csv="编号,名称,价格,类别\n8,杯子,￥12.50,厨房\n",
    )
    mug, cup = store.catalog.get("7"), store.catalog.get("8")
    assert mug is not None
    assert cup is not None
    assert (mug.title, dict(mug.attributes)) == ("Mug", {"price": 9.5, "category": "Kitchen"})
    assert (cup.title, dict(cup.attributes)) == (
        "杯子",
        {"price": 12.5, "currency": "CNY", "类别": "厨房"},
    )
    user = store.profiles.get("7")
    assert user is not None
    assert user.attributes["gender"] == "f"


DOUBTS = [
    ("user_id,wine,rating,timestamp\nu,Merlot,4,1704448800\n", "item_id.*--name"),
    ("user_id,pages,score\nu,3,1\nu,4,2\nu,5,1\n", "item_id.*--as"),
    ("customer,purchase_date,amount,store\n" + "c1,2024-01-05,3,x\n" * 9, "item_id"),
    ("visitor,event_time,referrer\n1,2024-01-05,x\n2,2024-01-05,y\n", "item_id"),
    ("product_id,timestamp,stars\n" + "".join(f"p{n % 3},{n + 1704448800},5\n" for n in range(9)), "user_id"),
    ("id,value\n1,2\n", "--as"),
    ("categoryid,parentid\n1016,213\n", "user_id or item_id"),
]


@pytest.mark.parametrize(("text", "says"), DOUBTS)
def test_in_doubt_it_is_asked(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(MissingColumn, match=says):
        read(tmp_path, data__csv=text)


def test_what_is_said_of_a_file_is_believed(tmp_path: Path) -> None:
    asked = Asked(names={"wine": "item_id", "when it was": "timestamp"})
    store = read(tmp_path, asked, data__csv="user_id,wine,rating,when it was\nu,Merlot,4,1704448800\n")
    assert facts(store) == [("u", "Merlot", "rating", MOMENT, 4.0)]
    store = read(tmp_path, Asked(table="users"), data__csv="user_id,pages,score\nu,3,1\nu,4,2\nu,5,1\n")
    assert store.profiles.get("u").attributes == {"pages": "5", "score": "1"}  # type: ignore[union-attr]
    store = read(tmp_path, Asked(ordered=True), data__csv="user_id,item_id,weight\nu,a,3\nu,b,9\n")
    assert store.meta.get("has_clock") is False


def test_typed_columns_of_parquet(tmp_path: Path) -> None:
    import datetime as dt
    from decimal import Decimal

    noon = dt.datetime(2024, 1, 5, 10)
    base = pl.DataFrame({"user_id": [1.0, 2.0], "item_id": ["a", "b"]})
    tables = {
        "time": base.with_columns(pl.Series("date", [noon.date()] * 2), pl.Series("time", [noon.time()] * 2)),
        "zone": base.with_columns(
            pl.Series("ts", [noon.replace(tzinfo=dt.UTC)] * 2).dt.convert_time_zone("Asia/Tokyo")
        ),
        "duration": base.with_columns(
            pl.Series("ts", [noon] * 2),
            pl.lit("dwell").alias("event"),
            pl.Series("value", [dt.timedelta(seconds=30)] * 2),
        ),
        "categorical": base.cast({"item_id": pl.Categorical}).with_columns(
            pl.Series("ts", [noon] * 2), pl.Series("rating", [Decimal("4.5"), Decimal("3.0")])
        ),
        "basket": pl.DataFrame({"user_id": ["1"], "item_id": [["a", "b"]], "ts": [noon]}),
        "object": base.with_columns(pl.Series("ts", [noon] * 2), pl.Series("context", [{"device": "tv"}, None])),
    }
    for name, table in tables.items():
        store = MemoryStore()
        table.write_parquet(tmp_path / f"{name}.parquet")
        ingest_files([tmp_path / f"{name}.parquet"], store, tmp_path / "quarantine")
        found = facts(store)
        assert [row[3] for row in found] == [MOMENT] * 2, name
        assert [row[1] for row in found] == ["a", "b"], name
        assert found[0][0] == "1"
        if name == "duration":
            assert [row[4] for row in found] == [30.0] * 2
        if name == "object":
            assert store.log.of_user("1")[0].context == {"device": "tv"}


def test_typed_items_of_parquet(tmp_path: Path) -> None:
    import datetime as dt
    from decimal import Decimal

    table = pl.DataFrame(
        {
            "item_id": [2053013552326770905, 2053013552326770906],
            "price": [Decimal("12.50"), None],
            "release": [dt.date(2024, 1, 5), None],
            "genres": [[{"id": 18, "name": "Drama"}, {"id": 35, "name": "Comedy"}], []],
            "vector": [[0.1] * 16, [0.2] * 16],
            "new": [True, None],
            "size": pl.Series(["S", "L"], dtype=pl.Enum(["S", "L"])),
        }
    )
    table.write_parquet(tmp_path / "items.parquet")
    store = MemoryStore()
    ingest_files([tmp_path / "items.parquet"], store, tmp_path / "quarantine")
    item = store.catalog.get("2053013552326770905")
    assert item is not None
    assert item.attributes == {
        "price": 12.5,
        "release": "2024-01-05",
        "genres": ("Drama", "Comedy"),
        "new": True,
        "size": "S",
    }


def test_rows_of_events_may_say_something_of_their_items(tmp_path: Path) -> None:
    head = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
    rows = [
        f"2024-01-05 10:0{n % 10}:00 UTC,view,{n % 4},{2103807459595387724 + n % 4},{'' if n % 4 == 1 else 'kitchen'},{'' if n % 4 == 2 else 'acme'},{n}.5,{n},s{n}"
        for n in range(12)
    ]
    text = head + "\n".join(rows) + "\n"
    store = read(tmp_path, log__csv=text)
    assert dict(store.catalog.get("1").attributes) == {
        "category_id": "2103807459595387725",
        "brand": "acme",
        "price": 9.5,
    }  # type: ignore[union-attr]
    assert dict(store.catalog.get("2").attributes) == {
        "category_id": "2103807459595387726",
        "category_code": "kitchen",
        "price": 10.5,
    }  # type: ignore[union-attr]
    known = read(tmp_path, items__csv="product_id,name,price\n1,Mug,7\n", log__csv=text).catalog.get("1")
    assert known is not None
    assert (known.title, known.attributes["price"], known.attributes["brand"]) == ("Mug", 7.0, "acme"), (
        "a catalogue counts more"
    )


def test_a_column_that_differs_within_an_item_is_not_the_items(tmp_path: Path) -> None:
    rows = [f"u{n},{n % 4},{n % 5 + 1},{1704448800 + n},a different headline {n},Mug {n % 4}\n" for n in range(20)]
    store = read(tmp_path, log__csv="user_id,item_id,rating,timestamp,title,name\n" + "".join(rows))
    assert [one.title for one in store.catalog.all()] == ["Mug 0", "Mug 1", "Mug 2", "Mug 3"]
    assert all(not one.attributes for one in store.catalog.all())


def test_an_export_that_puts_a_word_before_its_names(tmp_path: Path) -> None:
    orders = "Order ID,Customer ID,Created at,Lineitem sku,Lineitem name,Lineitem quantity\n7,C1,2024-01-05 10:00:00 +0000,S1,Mug,2\n"
    products = (
        "Handle,Variant SKU,Title,Body (HTML),Variant Price,Variant Inventory Qty\nmug,S1,Mug,<p>Good</p>,9.50,0\n"
    )
    store = read(tmp_path, orders__csv=orders, products__csv=products)
    assert facts(store) == [("C1", "S1", "purchase", MOMENT, 2.0)]
    item = store.catalog.get("S1")
    assert item is not None
    assert (item.title, item.text, item.attributes["price"], item.attributes["stock"]) == ("Mug", "Good", 9.5, 0.0)
