"""One bad folder among the versions, or a lost pointer, stops nothing: it is passed over by name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread

import pytest

from zhiyin import durable
from zhiyin.errors import SavedVersionError, SettingError
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.serving.opening import open_engine
from zhiyin.workspace import version
from zhiyin.workspace.erased import forget_user
from zhiyin.workspace.workspace import Workspace


def filled(folder: Path) -> Workspace:
    workspace = Workspace(folder, clock=lambda: 1000.0, sync="normal")
    workspace.store.catalog.put([Item(f"i{number}", f"Item {number}") for number in range(9)])
    workspace.store.log.append(
        [Event(f"u{row % 5}", f"i{row % 9}", "click", float(row), event_id=str(row)) for row in range(60)]
    )
    return workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    opened = filled(tmp_path / "ws")
    assert opened.fit("popular") == "0001"
    return opened


def half(folder: Path) -> None:
    folder.mkdir()
    (folder / "recipe.toml").write_text('name = "popular"')


def manifest_of(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        half(folder)
        (folder / "manifest.json").write_text(text)

    return write


def tampered(folder: Path) -> None:
    import shutil

    shutil.copytree(folder.parent / "0001", folder)
    (folder / "users.json").write_bytes(b"\xff\x00")


BAD: dict[str, Callable[[Path], object]] = {
    "empty": Path.mkdir,
    "half-written": half,
    "a file": lambda path: path.write_text("x"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "no JSON": manifest_of("{"),
    "JSON of another shape": manifest_of("[]"),
    "without its keys": manifest_of('{"format": 1, "files": []}'),
    "keys of the wrong kind": manifest_of(
        '{"format": 1, "recipe": 3, "created": "x", "fingerprint": null, "data": [], "files": []}'
    ),
    "bytes": lambda path: (path.mkdir(), (path / "manifest.json").write_bytes(b"\xff\xfe\x00")),
    "tampered": tampered,
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_folder_among_the_versions_stops_nothing(workspace: Workspace, bad: str) -> None:
    BAD[bad](workspace.versions_folder / "0002")
    again = Workspace(workspace.folder, clock=lambda: 1000.0, sync="normal")
    assert "0001" in [one["version"] for one in again.manifests()]
    assert bad == "tampered" or "0002" in again.damaged()
    assert again.fit("transition") == "0003"
    with pytest.raises(SavedVersionError):
        again.promote("0002")
    engine = open_engine(again)
    assert engine.live.version == "0003"
    assert engine.models()["current"] == "0003"
    assert engine.rollback("0003")["current"] == "0001" if bad != "tampered" else True
    assert engine.delete_user("u1")["events"] == 12
    engine.close()
    for name in ("0001", "0003"):
        assert "u1" not in again.load(name).recommender.users


@pytest.mark.parametrize("pointer", [b"", b"\xff\x00garbage", b"0099\n", b"../../etc", b"0002\n", None])
def test_a_lost_pointer_stops_nothing(workspace: Workspace, pointer: bytes | None) -> None:
    (workspace.versions_folder / "0002").mkdir()
    path = workspace.folder / "current"
    path.unlink() if pointer is None else path.write_bytes(pointer)
    assert workspace.current() == "0001"
    assert [one["version"] for one in workspace.manifests()] == ["0001"]
    engine = open_engine(workspace)
    assert engine.live.version == "0001"
    engine.close()
    assert workspace.fit("popular") == "0001", "the version is still up to date"
    assert path.read_text() == "0001\n"


def test_two_fits_at_once_make_two_whole_versions(tmp_path: Path) -> None:
    filled(tmp_path)
    names = ["popular", "transition", "item_knn", "trending"]
    made: list[str] = []
    start = Barrier(len(names))

    def fit(name: str) -> None:
        opened = Workspace(tmp_path, sync="normal")
        start.wait()
        made.append(opened.fit(name))

    threads = [Thread(target=fit, args=(name,)) for name in names]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(made) == ["0001", "0002", "0003", "0004"]
    opened = Workspace(tmp_path, sync="normal")
    assert len({opened.load(name).text for name in made}) == 4, "each holds its own recipe"
    assert not list(opened.versions_folder.glob(f"{durable.DRAFT}*"))


@pytest.mark.parametrize("step", range(8))
def test_a_version_loads_wherever_its_rewriting_was_stopped(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    folder = workspace.versions_folder / "0001"
    left = [step]

    class Killed(BaseException):
        pass

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return real(*given, **named)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(durable, "sync", counted(durable.sync))
        patch.setattr(Path, "replace", counted(Path.replace))
        with suppress(Killed):
            forget_user(folder, "u1")
    assert workspace.load("0001").recommender.items.rows, "it loads after the kill"
    forget_user(folder, "u1")
    assert "u1" not in workspace.load("0001").recommender.users
    assert version.read_manifest(folder).rewriting == {}


def test_a_draft_of_a_killed_process_is_swept_and_a_living_one_is_not(tmp_path: Path) -> None:
    (tmp_path / ".draft-dead").mkdir()
    with durable.draft_folder(tmp_path) as living:
        assert durable.sweep(tmp_path) == [".draft-dead"]
        assert living.is_dir()
    assert not living.exists()


FOREIGN = """
from zhiyin.part import part
from zhiyin.retrieval.popular import Popular
print("imported")
@part
class Evil(Popular):
    pass
"""


@pytest.mark.parametrize("where", ["recipe.toml", "parts/retrieve-popular/settings.json"])
def test_a_version_imports_only_what_the_operator_allows(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (tmp_path / "evil_parts.py").write_text(FOREIGN)
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = workspace.versions_folder / "0001"
    path = folder / where
    path.write_text(path.read_text().replace('"popular"', '"evil_parts:Evil"'))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][where] = version.sha256(path)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SavedVersionError, match="evil_parts"):
        workspace.load("0001")
    assert "evil_parts" not in sys.modules, "refused before it was imported"
    (workspace.folder / "zhiyin.toml").write_text('[parts]\nallow = ["evil_parts"]\n')
    with suppress(SavedVersionError):  # it may be imported now; that it is another part than was saved is seen later
        workspace.load("0001")
    assert "evil_parts" in sys.modules
    sys.modules.pop("evil_parts")


def test_a_fit_that_could_not_be_loaded_again_is_refused_first(workspace: Workspace, tmp_path: Path) -> None:
    recipe = tmp_path / "own.toml"
    recipe.write_text('name = "own"\n[[retrieve]]\nuse = "evil_parts:Evil"\n')
    with pytest.raises(SettingError, match="ZHIYIN_ALLOW_PARTS=evil_parts"):
        workspace.fit(str(recipe))
