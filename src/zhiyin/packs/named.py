"""Named: which pack a folder's zhiyin.toml names, `pack = "NAME"` or a path, at the top of the file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from zhiyin import durable
from zhiyin.errors import SettingError
from zhiyin.packs.pack import Pack, load_pack

FILE = "zhiyin.toml"


def said_in(folder: Path) -> dict[str, Any]:
    """What the folder's zhiyin.toml says; nothing where there is none. Raises SettingError."""
    path = folder / FILE
    try:
        return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: not valid TOML: {error}") from error


def named_pack(folder: Path) -> Pack:
    """The pack that is named there, or else the words of any shop. Raises SettingError."""
    said = said_in(folder).get("pack", "")
    if not isinstance(said, str):
        raise SettingError(f"{folder / FILE}: pack = {said!r}: must be the name of a pack or a path, in quotes")
    return load_pack(said, folder)


def name_pack(folder: Path, name: str) -> None:
    """Write the name there, unless a pack is named already. Raises SettingError."""
    path = folder / FILE
    if "pack" not in said_in(folder):
        before = path.read_text("utf-8") if path.is_file() else ""
        durable.replace_file(path, f'pack = "{name}"\n{before}'.encode())
