"""Three prepared messes and a healthy set, looked over in files and in a store."""

import random
from pathlib import Path

import pytest

from zhiyin.data.diagnosis import Finding
from zhiyin.ingest.doctor import look_at_files, look_at_store
from zhiyin.ingest.files import ingest_files
from zhiyin.stores.memory import MemoryStore

T = 1_700_000_000


def write(folder: Path, **tables: list[str]) -> Path:
    """Tables given as name=lines."""
    folder.mkdir(exist_ok=True)
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


def healthy(folder: Path) -> Path:
    rng = random.Random(3)
    events = [
        f"u{rng.randrange(80)},i{rng.randrange(60)},{rng.choice((2, 3, 4, 4, 5))},{T + n * 977}" for n in range(900)
    ]
    return write(
        folder,
        events=["user_id,item_id,rating,timestamp", *events],
        items=["item_id,title,genre"] + [f"i{n},The title {n},{'Drama' if n % 2 else 'Comedy'}" for n in range(60)],
        users=["user_id,age"] + [f"u{n},{20 + n}" for n in range(80)],
    )


def shop(folder: Path) -> Path:
    """Orders of a shop: a till that is one customer, ids as decimals in half of the rows, an import at one moment."""
    rng = random.Random(4)
    rows = ["customer_id,sku,qty,order_date"]
    for n in range(600):
        who = "guest" if n % 11 == 0 else f"{13000 + rng.randrange(50)}" + (".0" if n % 2 else "")
        when = "2024-01-05 10:00:00" if n % 3 == 0 else f"2024-02-{1 + n % 27:02} 1{n % 10}:0{n % 6}:{n % 60:02}"
        rows.append(f"{who},A{rng.randrange(40)},{rng.choice((1, 1, 1, 2))},{when}")
    return write(
        folder,
        orders=rows,
        products=["sku,name,price,stock"] + [f"a{n},Mug {n},{'€' if n % 2 else '$'}{n}.50,{n % 3}" for n in range(40)],
        customers=["customer_id,city"] + [f"{13000 + n},Köln" for n in range(50)],
    )


def counts(folder: Path) -> Path:
    """Plays under the name of ratings, and titles in two languages, some of them garbled."""
    rng = random.Random(5)
    rows = [f"{n % 90},{rng.randrange(50)},{int(rng.paretovariate(0.9))},{T + n}" for n in range(1500)]
    titles = [f"{n},{'歌曲' if n % 2 else 'Song'} {n}{' Ã©tÃ©' if n % 10 == 0 else ''}" for n in range(50)]
    return write(folder, ratings=["user_id,track_id,rating,timestamp", *rows], tracks=["track_id,title", *titles])


def unrated(folder: Path) -> Path:
    """Books with zeros for "not rated", times of which some are seconds after 1970 and some in the far future."""
    rng = random.Random(6)
    rows = []
    for n in range(1200):
        rating = 0 if n % 5 < 3 else rng.choice((5, 6, 7, 8, 8, 9, 10))
        rows.append(
            f"{n % 100},{rng.randrange(70)},{rating},{(5 + n) if n % 20 == 0 else 4_050_000_000 if n % 33 == 0 else T + n * 60}"
        )
    return write(folder, ratings=["User-ID,ISBN,Book-Rating,timestamp", *rows])


MESSES = {
    "shop": (shop, ("one user", "'guest' alone has 9%", "13000.0' beside '13000'", "capital letters", "equal times", "EUR, USD", "out of stock")),
    "counts": (counts, ("look like counts", "50% Chinese", "garbled")),
    "unrated": (unrated, ('0, which is read as "not rated"', "before 1990", "after tomorrow", "no catalogue")),
}  # fmt: skip


@pytest.mark.parametrize("where", ["files", "store"])
@pytest.mark.parametrize("name", MESSES)
def test_a_mess_is_told_of(tmp_path: Path, name: str, where: str) -> None:
    make, wanted = MESSES[name]
    said = looked(make(tmp_path / "in"), where, tmp_path)
    odd = "\n".join(str(one) for one in said if one.odd)
    for words in wanted:
        lines = "\n".join(map(str, said)) if words in ("50% Chinese", "out of stock") else odd
        assert words in lines, f"{words!r} is not in\n{lines}"


@pytest.mark.parametrize("where", ["files", "store"])
def test_healthy_data_has_nothing_odd(tmp_path: Path, where: str) -> None:
    assert [str(one) for one in looked(healthy(tmp_path / "in"), where, tmp_path) if one.odd] == []


def test_looking_changes_nothing_and_a_store_without_events_is_told_of(tmp_path: Path) -> None:
    store = MemoryStore()
    before = store.fingerprint()
    assert any("no events" in one.said for one in look_at_store(store, tmp_path))
    assert store.fingerprint() == before


def test_what_was_set_aside_is_told_of(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", events=["user_id,item_id,timestamp", "u,i,soon", "u,i,later", f"u,i,{T}"])
    assert any(
        "2 rows of events.csv: timestamp must be a time" in one.said for one in looked(folder, "store", tmp_path)
    )
    assert any("2 rows would be set aside: line 2" in one.said for one in looked(folder, "files", tmp_path))


def looked(folder: Path, where: str, scratch: Path) -> list[Finding]:
    now = T + 90_000_000.0
    if where == "files":
        return look_at_files([folder], now=now)
    store = MemoryStore()
    ingest_files([folder], store, scratch / "quarantine", now=now)
    return look_at_store(store, scratch / "quarantine", now)
