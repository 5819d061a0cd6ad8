"""The built-in data sets: wines, movies and retail, as tables in our columns and into a store."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import resources

import polars as pl

from zhiyin.data.columns import items_of
from zhiyin.data.consent import readable
from zhiyin.data.reading.files import users_of
from zhiyin.errors import SettingError
from zhiyin.ports import Store, StoredProfile
from zhiyin.progress import Progress, silent

Tables = dict[str, pl.DataFrame]


def demo_names() -> list[str]:
    """The names of the built-in data sets."""
    return sorted(_SETS)


def demo_files(name: str) -> Tables:
    """The tables of a built-in data set: events, items and, where there are any, users. Raises SettingError."""
    if name not in _SETS:
        raise SettingError(f"no built-in data set '{name}'; there are {', '.join(demo_names())}")
    return _SETS[name]()


def ingest_demo(name: str, store: Store, progress: Progress = silent) -> int:
    """A built-in data set into a store; doing it again changes nothing. Returns how many events were new."""
    progress(f"read the data set '{name}'")
    tables = demo_files(name)
    progress(f"store {len(tables['items']):,} items")
    store.catalog.put(items_of(tables["items"]))
    if "users" in tables:
        profiles = [
            StoredProfile(user, readable(row), personalise=True) for user, row in users_of(tables["users"]).items()
        ]
        store.profiles.put_many(profiles)
    progress(f"store {len(tables['events']):,} events")
    with store.log.bulk():
        return store.log.append_table(tables["events"])


def _read(file: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO((resources.files("zhiyin") / "demo" / file).read_bytes()))


def _wines() -> Tables:
    events = _read("xwines_ratings.parquet").select(
        user_id=pl.col("UserID").cast(pl.String),
        item_id=pl.col("WineID").cast(pl.String),
        event_type=pl.lit("rating"),
        timestamp=pl.col("Date").cast(pl.Float64),
        value=pl.col("Rating").cast(pl.Float64),
        context=pl.concat_str(pl.lit('{"vintage": "'), "Vintage", pl.lit('"}')),
    )
    items = _read("xwines_wines.parquet").select(
        item_id=pl.col("WineID").cast(pl.String),
        title=pl.concat_str("WineName", "WineryName", separator=", "),
        type="Type",
        elaborate="Elaborate",
        grapes=_listed("Grapes"),
        food=_listed("Harmonize"),
        abv="ABV",
        body="Body",
        acidity="Acidity",
        country="Country",
        region="RegionName",
        winery="WineryName",
    )
    return {"events": events, "items": items}


def _listed(column: str) -> pl.Expr:
    """Texts like "['Beef', \\"Shepherd's pie\\"]" as lists."""
    return pl.col(column).str.extract_all(r"'[^']*'|\"[^\"]*\"").list.eval(pl.element().str.slice(1).str.head(-1))


def _movies() -> Tables:
    events = _read("movietweetings_ratings.parquet").select(
        user_id=pl.col("user_id").cast(pl.String),
        item_id="movie_id",
        event_type=pl.lit("rating"),
        timestamp=pl.col("timestamp").cast(pl.Float64),
        value=pl.col("rating").cast(pl.Float64),
    )
    items = _read("movietweetings_movies.parquet").select(
        item_id="movie_id",
        title="title",
        year=pl.col("title").str.extract(r"\((\d{4})\)\s*$").cast(pl.Float64),
        genres=pl.col("genres").str.split("|").list.eval(pl.element().filter(pl.element() != "")),
    )
    return {"events": events, "items": items}


def _retail() -> Tables:
    lines = _read("online_retail.parquet")
    events = lines.select(
        user_id=pl.col("CustomerID").cast(pl.String),
        item_id="StockCode",
        event_type=pl.lit("purchase"),
        # A few invoices were written across a minute's end; one basket has one time.
        timestamp=pl.col("InvoiceDate").min().over("InvoiceNo").cast(pl.Float64),
        value=pl.col("Quantity").cast(pl.Float64),
        session_id=pl.col("InvoiceNo").cast(pl.String),
    )
    title = pl.col("Description").str.strip_chars().str.replace_all(r"\s+", " ")
    named = lines.select(
        "StockCode", "UnitPrice", title=title.str.to_titlecase().str.replace_all("'S", "'s", literal=True)
    )
    titles = named.group_by("StockCode", "title").len().sort("len", "title", descending=[True, False])
    prices = named.group_by("StockCode").agg(price=pl.col("UnitPrice").median().cast(pl.Float64).round(2))
    items = (
        titles.unique("StockCode", keep="first", maintain_order=True)
        .join(prices, on="StockCode")
        # Postage, bank charges and hand-written lines are in the invoices and are nothing to recommend.
        .select(item_id="StockCode", title="title", price="price", hidden=~pl.col("StockCode").str.contains(r"^\d{5}"))
        .sort("item_id")
    )
    countries = lines.group_by("CustomerID", "Country").len().sort("len", "Country", descending=[True, False])
    users = countries.unique("CustomerID", keep="first", maintain_order=True).select(
        user_id=pl.col("CustomerID").cast(pl.String),
        country="Country",
        personalise=pl.lit(True),  # published for research, and nobody's name is in it
    )
    return {"events": events, "items": items, "users": users.sort("user_id")}


_SETS: dict[str, Callable[[], Tables]] = {"wines": _wines, "movies": _movies, "retail": _retail}
