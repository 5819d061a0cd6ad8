"""Files of any shape are read in bounded memory, or refused with what to do."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from zhiyin.data.reading import files, formats, separated
from zhiyin.data.reading.formats import pieces
from zhiyin.errors import DataError, TooLarge
from zhiyin.workspace.workspace import Workspace

ROW = {"user_id": "u1", "item_id": "i1", "timestamp": 1_700_000_000}


def packed(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


@pytest.mark.parametrize("name", ["e.jsonl", "e.csv"])
def test_a_packed_file_is_unpacked_up_to_a_limit_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lines = (
        "\n".join([json.dumps(ROW)] * 9000) if name == "e.jsonl" else "user_id,item_id,timestamp\n" + "u,i,5\n" * 99_000
    )
    monkeypatch.setattr(formats, "UNPACKED", 100_000)
    file = packed(tmp_path / f"{name}.gz", lines)
    with pytest.raises(DataError, match=r"unpacks to more than .*gunzip"):
        list(pieces(file))
    workspace = Workspace(tmp_path / "ws")
    with pytest.raises(DataError, match="gunzip"):
        workspace.ingest([file])
    assert workspace.store.log.count() == 0
    (tmp_path / name).write_text(lines)
    assert sum(len(one.frame) for one in pieces(tmp_path / name)) >= 9000


def test_a_line_without_end_is_refused_before_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (formats, separated):
        monkeypatch.setattr(module, "LONGEST_LINE", 20 * 2**20)
    for name in ("e.jsonl", "e.csv"):
        file = tmp_path / name
        file.write_text("user_id,item_id\n" * (name == "e.csv") + "x" * (70 * 2**20))
        with pytest.raises(DataError, match="longer than"):
            list(pieces(file))


def test_objects_that_name_too_much_are_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MOST_NAMES", 300)
    file = tmp_path / "e.jsonl"
    file.write_text("\n".join(json.dumps({**ROW, f"name {number}": 1}) for number in range(formats.MOST_NAMES + 1)))
    with pytest.raises(DataError, match="different names"):
        list(pieces(file))


def test_a_table_that_is_held_as_a_whole_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WHOLE", 10_000)
    (tmp_path / "items.csv").write_text(
        "item_id,title\n" + "".join(f"i{n},a title of a thing {n}\n" for n in range(900))
    )
    with pytest.raises(TooLarge, match="several files"):
        Workspace(tmp_path / "ws").ingest([tmp_path / "items.csv"])


PEAK = """
import resource, sys
from pathlib import Path
from zhiyin.data.reading import encodings, formats, separated
formats.CHARACTERS = separated.CHARACTERS = encodings.BLOCK = 2**20
rows = sum(len(one.frame) for one in formats.pieces(Path(sys.argv[1])))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.parametrize("name", ["e.jsonl.gz", "e.csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    def peak(size: int) -> int:
        text = "a text that nobody asked for, " * 300
        file = tmp_path / f"{size}-{name}"
        if name == "e.csv":
            file.write_text("user_id,item_id,timestamp,text\n" + f'u,i,5,"{text}"\n' * size)
        else:
            packed(file, (json.dumps({**ROW, "text": text}) + "\n") * size)
        said = subprocess.run(
            [sys.executable, "-c", PEAK, str(file)], capture_output=True, text=True, check=True
        ).stdout
        rows, megabytes = map(int, said.split())
        assert rows == size
        return megabytes

    assert peak(8_000) < peak(1_000) + 32, "72 MB of rows take no more memory than 9 MB"
