"""Beside: what the rows of events say of their items. Orders name the product, logs its brand and category."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from zhiyin.data.cells import GAPS, is_gap
from zhiyin.data.reading.asked import NOTHING, Asked
from zhiyin.data.reading.catalogue import Catalogue, catalogue_of
from zhiyin.data.reading.pieces import Piece
from zhiyin.data.reading.roles import Layout

_LINE = "\x1fline"


@dataclass
class Beside:
    """The columns of a file of events that belong to its items, gathered piece by piece; the last that is said counts."""

    layout: Layout
    frames: list[pl.DataFrame] = field(default_factory=list)

    def take(self, piece: Piece, ids: pl.Series) -> None:
        """Look at some rows. ids: of their items, as they are stored. [rows]"""
        there = {name: new for name, new in self.layout.beside.items() if name in piece.frame.columns}
        if there and len(ids) == len(piece.frame):
            frame = piece.frame.select(list(there)).rename(there)
            frame = frame.with_columns(ids.alias("item_id"), pl.Series(_LINE, piece.lines))
            self.frames.append(_last(frame))

    def catalogue(self, where: str, asked: Asked = NOTHING) -> Catalogue:
        """The items that were told of; none where no column is of items."""
        if not self.frames:
            return Catalogue([])
        frame = _last(pl.concat(self.frames, how="diagonal_relaxed"))
        frame = frame.filter(~is_gap(frame["item_id"]))
        layout = Layout("items", dict(self.layout.beside), times=self.layout.times)
        found = catalogue_of(frame.drop(_LINE), frame[_LINE].to_numpy(), layout, where, asked)
        return Catalogue([one for one in found.items if one.content() or one.attributes], found.given, found.remarks)


def _last(frame: pl.DataFrame) -> pl.DataFrame:
    filled = frame.with_columns(
        frame[name].set(is_gap(frame[name], GAPS), None).alias(name)
        for name in frame.columns
        if name not in ("item_id", _LINE) and frame[name].dtype == pl.String
    )
    last = [pl.col(name).drop_nulls().last() for name in filled.columns if name != "item_id"]
    return filled.group_by("item_id", maintain_order=True).agg(last)
