"""Pictures of items over HTTP: only real pictures of the pictures' folder, and only addresses of hosts that are allowed."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from page_like import engine_over
from PIL import Image

from zhiyin.encoders.pictures import Unreadable
from zhiyin.errors import SettingError
from zhiyin.item import Item
from zhiyin.serving.app import create_app
from zhiyin.serving.pictures import MOST_BYTES, allowed_address, read_picture, shape_of
from zhiyin.serving.run import settings_from
from zhiyin.serving.settings import Settings

KINDS = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
HOST = "img.example.com"


def drawn(kind: str, size: tuple[int, int] = (30, 20), **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (120, 30, 40)).save(stream, kind, **options)
    return stream.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says it has a thousand million pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 25_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    root = tmp_path / "media"
    (root / "deep").mkdir(parents=True)
    (tmp_path / "outside.png").write_bytes(drawn("png"))
    for kind in KINDS:
        (root / "deep" / f"label.{kind}").write_bytes(drawn(kind))
    (root / "page.png").write_text("<html><script>alert(1)</script></html>")
    (root / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    (root / "cut.jpg").write_bytes(drawn("jpeg")[:8])
    (root / "empty.png").write_bytes(b"")
    (root / "bomb.png").write_bytes(bomb())
    (root / "large.png").write_bytes(drawn("png") + b"\x00" * MOST_BYTES)
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    paths = {
        **{kind: (f"deep/label.{kind}",) for kind in KINDS},
        "none": (), "missing": ("gone.png",), "traversal": ("../outside.png",), "absolute": (str(tmp_path / "outside.png"),),
        "link": ("link.png",), "page": ("page.png",), "svg": ("drawing.svg",), "cut": ("cut.jpg",), "empty": ("empty.png",),
        "bomb": ("bomb.png",), "large": ("large.png",), "folder": ("deep",), "nul": ("a\x00.png",), "file": (f"file://{root}/deep/label.png",),
        "second": ("gone.png", "deep/label.png"), "with/slash": ("deep/label.png",),
        "there": (f"https://{HOST}/a.jpg",), "elsewhere": ("https://evil.example/a.jpg",), "plain": (f"http://{HOST}/a.jpg",),
        "login": (f"https://{HOST}@evil.example/a.jpg",),
    }  # fmt: skip
    items = [Item(name, f"Wine {name}", images=images) for name, images in paths.items()]
    items.append(Item("hidden", "Hidden", images=("deep/label.png",), hidden=True))
    settings = Settings(pictures=root, picture_hosts=frozenset({HOST}))
    return TestClient(create_app(engine_over(items, settings)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_comes_with_the_type_its_bytes_have(client: TestClient, kind: str) -> None:
    answer = client.get(f"/items/{kind}/picture")
    assert (answer.status_code, answer.headers["content-type"]) == (200, KINDS[kind])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert Image.open(io.BytesIO(answer.content)).size == (30, 20)
    again = client.get(f"/items/{kind}/picture", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        "none",
        "missing",
        "traversal",
        "absolute",
        "link",
        "page",
        "svg",
        "cut",
        "empty",
        "bomb",
        "large",
        "folder",
        "nul",
        "file",
        "elsewhere",
        "plain",
        "login",
        "hidden",
    ],
)
def test_everything_else_is_no_picture_and_says_nothing_of_the_disk(client: TestClient, name: str) -> None:
    answer = client.get(f"/items/{name}/picture", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_picture")
    assert "/" not in answer.json()["detail"]


def test_the_next_picture_stands_in_for_one_that_is_missing_and_ids_may_hold_slashes(client: TestClient) -> None:
    assert client.get("/items/second/picture").status_code == 200
    assert client.get("/items/with%2Fslash/picture").status_code == 200
    assert client.get("/items/nobody/picture").json()["code"] == "unknown_item"
    assert client.get("/items/%2e%2e%2f%2e%2e%2foutside.png/picture").status_code == 404


def test_addresses_go_only_to_hosts_that_the_page_may_load_from(client: TestClient) -> None:
    answer = client.get("/items/there/picture", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, f"https://{HOST}/a.jpg")
    assert f"img-src 'self' https://{HOST};" in answer.headers["content-security-policy"]
    assert settings_from({"ZHIYIN_PICTURE_HOSTS": f" {HOST.upper()} ,cdn.example:8443"}).picture_hosts == {
        HOST,
        "cdn.example:8443",
    }
    for wrong in ("https://a.example", "*", "a.example; script-src *", "a b"):
        with pytest.raises(SettingError, match="is no host"):
            settings_from({"ZHIYIN_PICTURE_HOSTS": wrong})


def test_sizes_are_read_off_every_kind_of_picture() -> None:
    for kind in KINDS:
        assert shape_of(drawn(kind, (321, 45)))[1:] == (321, 45), kind
    assert shape_of(drawn("webp", (321, 45), lossless=True))[1:] == (321, 45)
    assert shape_of(drawn("webp", (321, 45), exif=b"Exif\x00\x00II*\x00"))[1:] == (321, 45)
    assert shape_of(drawn("jpeg", (321, 45), progressive=True))[1:] == (321, 45)


@given(
    st.one_of(
        st.binary(max_size=80),
        st.sampled_from([drawn(kind) for kind in KINDS]).flatmap(
            lambda whole: st.integers(0, 60).map(lambda cut: whole[:cut])
        ),
    )
)
def test_any_bytes_are_a_picture_or_refused(content: bytes) -> None:
    try:
        kind, width, height = shape_of(content)
    except Unreadable:
        return
    assert kind in KINDS.values()
    assert min(width, height) >= 0


@given(st.text(max_size=60))
def test_any_path_is_inside_the_folder_or_refused(path: str) -> None:
    with pytest.raises(Unreadable):
        read_picture(path, Path("/nonexistent"))
    address = allowed_address(f"https://{path}", frozenset({HOST}))
    assert address is None or address.startswith(f"https://{HOST}")
