"""Doctor: a store, a folder or files looked over, see data/diagnosis.py."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from zhiyin.data.diagnosis import Finding, Patient, diagnose
from zhiyin.data.event_ids import SCHEMA
from zhiyin.data.readers import Tables
from zhiyin.data.reading.asked import NOTHING, Asked
from zhiyin.data.reading.files import open_all
from zhiyin.errors import DataError
from zhiyin.ports import Store
from zhiyin.progress import Progress, silent

LOOKED = ("user_id", "item_id", "event_type", "timestamp", "value")


def look_at_store(store: Store, quarantine: Path | None = None, now: float | None = None) -> list[Finding]:
    """What there is to say of a store. quarantine: the folder of rows that were set aside."""
    patient = Patient(
        store.log.columns(LOOKED),
        store.catalog.all(),
        set(store.profiles.users()),
        store.meta.get("has_clock") is not False,
        now,
        store.meta.get("files") or {},
    )
    return [*diagnose(patient), *(_aside(quarantine) if quarantine else ())]


def look_at_files(
    paths: Sequence[Path], asked: Asked = NOTHING, now: float | None = None, progress: Progress = silent
) -> list[Finding]:
    """What there is to say of files and folders, before they are ingested. Raises DataError."""
    sheets, skipped = open_all(paths, asked, now)
    tables, found = Tables(), []
    for sheet in sheets:
        progress(f"read {sheet.path.name}")
        try:
            tables.take(sheet)
        except DataError as error:
            found.append(Finding(sheet.path.name, str(error), odd=True))
            continue
        one = sheet.summary
        found.append(Finding(sheet.path.name, f"{one.table}, {one.read:,} rows"))
        if one.quarantined:
            found.append(
                Finding(sheet.path.name, f"{one.quarantined:,} rows would be set aside: {one.examples[0]}", odd=True)
            )
        for reason, first in one.remarks.items():
            said = f"{one.remarked[reason]:,} times {reason} (line {first[0].line} {first[0].value[:40]!r})"
            found.append(Finding(sheet.path.name, said, odd=True))
        found += [Finding(sheet.path.name, said) for said in one.told]
        if one.ignored:
            found.append(Finding(sheet.path.name, f"columns not used: {', '.join(one.ignored)}"))
    events = pl.concat(tables.events) if tables.events else pl.DataFrame(schema=SCHEMA)
    found += diagnose(Patient(events, list(tables.items.values()), set(tables.users), tables.clock is not False, now))
    return [*found, *(Finding(Path(path).name, f"left out: {why}") for path, why in skipped.items())]


def _aside(folder: Path) -> list[Finding]:
    """What was set aside while ingesting, by reason."""
    reasons: Counter[tuple[str, str]] = Counter()
    for file in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            reasons[Path(row["file"]).name, f"{row['column']} must be {row['allowed']}".strip()] += 1
    return [
        Finding("set aside", f"{count:,} rows of {file}: {reason}", odd=True)
        for (file, reason), count in reasons.most_common(5)
    ]
