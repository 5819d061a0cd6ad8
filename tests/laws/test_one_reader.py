"""The law of the one reader: what evaluate learns from files is what a store holds after ingesting them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import read_folder
from zhiyin.data.weights import EventWeights
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.files import ingest_files
from zhiyin.stores.memory import MemoryStore

RATINGS = "".join(f"u{n % 7},i{n % 5},{n % 5 + 1},{1704448800 + n * 60}\n" for n in range(40))

FOLDERS: dict[str, dict[str, str]] = {
    "ratings": {"events.csv": "user_id,item_id,rating,timestamp\n" + RATINGS},
    "stars in ms": {"e.csv": "userId,movieId,stars,createdAt\n" + RATINGS.replace("\n", "000\n")},
    "quantities": {
        "orders.csv": "customer_id,sku,qty,order_date\nc,a,3,2024-01-05\nc,b,0,2024-01-06\nc,a,3,2024-01-05\n"
    },
    "Chinese": {"行为.csv": "用户,商品,评分,时间\n甲,茶,5,2024-01-05\n乙,茶,1,2024年1月6日\n乙,杯,0,坏\n"},
    "kinds and a refund": {
        "e.csv": "user_id,item_id,event,value,ts\nu,a,buy,2,10\nu,a,退款,2,20\nu,b,view,,15\nu,c,hug,,16\nv,b,wishlist,,5\n"
    },
    "two files with the same rows": {
        "a.csv": "user_id,item_id,timestamp\nu,a,1\nu,b,2\n",
        "b.csv": "user_id,item_id,timestamp\nu,b,2\nu,c,3\n",
    },
    "ids of their own": {"e.csv": "event_id,user_id,item_id,timestamp\n1,u,a,1\n1,u,a,1\n1,v,b,2\n2,u,c,3\n"},
    "no times": {"plays.tsv": "user_id\titem_id\tplays\nu\ta\t3\nu\tb\t900\nv\tb\t1\n"},
    "users who agreed, and who did not": {
        "e.csv": "user_id,item_id,timestamp\nu,a,1\nv,b,2\nw,b,3\n",
        "a_users.csv": "user_id,age,Consent\nu,30,yes\nv,40,no\nw,50,\n",
        "b_users.csv": "user_id,city\nu,Wien\nv,Rom\nw,Bonn\n",
    },
    "everything": {
        "events.csv": "user_id,item_id,rating,timestamp\n" + RATINGS,
        "a_items.csv": "item_id,title,genre,price\ni0,Zero,Drama|War,$5\ni1,One,,from 7\n",
        "b_items.csv": "item_id,stock,title\ni0,0,\ni9,4,Nine\n",
        "users.csv": "user_id,age\nu0,30\nu99,N/A\n",
        "edges.csv": "user_id,friend_id\nu0,u1\nu1,u0\nu0,u1\n",
        "README.txt": "nothing\n",
    },
}


def both(folder: Path) -> tuple[Dataset, Dataset]:
    """A folder read, and a folder ingested."""
    store = MemoryStore()
    ingest_files([folder], store, folder.parent / "quarantine")
    return read_folder(folder), dataset_from_store(store, EventWeights(), None)


def facts(dataset: Dataset) -> dict[str, Any]:
    """Everything that learning reads of a dataset."""
    table = dataset.interactions
    return {
        "users": dataset.users.ids,
        "items": sorted(map(repr, dataset.items.rows)),
        "order": dataset.items.vocabulary.ids,
        "columns": [
            np.nan_to_num(getattr(table, name), nan=-1).tolist()
            for name in ("users", "items", "times", "weights", "kinds", "values")
        ],
        "friends": None if dataset.friends is None else dataset.friends.toarray().tolist(),
        "attributes": {user: dict(one) for user, one in dataset.user_attributes.items() if one},
        "meaning": (dataset.has_clock, dataset.as_of, dataset.weights.table()),
    }


@pytest.mark.parametrize("name", FOLDERS)
def test_reading_a_folder_is_ingesting_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for file, text in FOLDERS[name].items():
        (tmp_path / "in" / file).write_text(text)
    read, stored = both(tmp_path / "in")
    assert len(read.interactions)
    assert facts(read) == facts(stored)


rows = st.lists(
    st.tuples(st.sampled_from("uvw"), st.sampled_from("abc"), st.sampled_from(["1", "3", "5", "0", "", "x"]), st.sampled_from(["1", "2", "2024-01-05", "soon", ""])),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_reading_any_rows_is_ingesting_them(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("rows") / "in"
    folder.mkdir()
    lines = ["z,a,4,1704448800", *(",".join(row) for row in rows)]
    (folder / "e.csv").write_text("user_id,item_id,rating,timestamp\n" + "\n".join(lines) + "\n")
    read, stored = both(folder)
    assert facts(read) == facts(stored)


def test_the_law_can_fail(tmp_path: Path) -> None:
    """A reader that takes a rating for a click, as the second one did, learns something else."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "e.csv").write_text(FOLDERS["ratings"]["events.csv"])
    clicks = pl.read_csv(tmp_path / "in" / "e.csv").drop("rating")
    (tmp_path / "other").mkdir()
    clicks.write_csv(tmp_path / "other" / "e.csv")
    assert facts(read_folder(tmp_path / "other")) != facts(both(tmp_path / "in")[1])
