"""A server that lives while items, events, edits, refits and erasures come in: it answers, and its memory stays flat."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "flow"))

from real_server import serving, workspace, zhiyin

SECONDS = float(os.environ.get("ZHIYIN_SOAK", "300"))
GROWTH = 60
"""Megabytes that the second half may take beyond the first: a refit loads a second version before it drops the first."""


def resident(pid: int) -> int:
    """Megabytes of a process in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


@pytest.mark.nightly
@pytest.mark.timeout(0)
def test_a_server_lives_through_everything_that_happens(tmp_path: Path) -> None:
    folder = workspace(tmp_path / "ws")
    seen: list[int] = []
    counts = dict.fromkeys(("answers", "events", "items", "edits", "erasures", "refits"), 0)
    with serving(folder) as server:
        began, step = time.monotonic(), 0
        while time.monotonic() < began + SECONDS:
            step += 1
            user = f"soak{step % 50}"
            event = {"user_id": user, "item_id": f"i{step % 60}", "event_type": "click", "event_id": f"s{step}"}
            assert server("POST", "/events", event)["accepted"] == 1
            assert server.ids(user)
            counts["answers"], counts["events"] = counts["answers"] + 1, counts["events"] + 1
            if step % 10 == 0:
                title = {"title": f"red number {step}"}
                assert server("PUT", f"/items/new{step % 100}", title)["item_id"] == f"new{step % 100}"
                counts["items"] += 1
            if step % 15 == 0:
                server("PATCH", f"/users/{user}/profile", {"refuse": [["colour", str(step)]]})
                counts["edits"] += 1
            if step % 120 == 0:
                assert server("DELETE", f"/users/{user}")["receipt"]["finished"]
                counts["erasures"] += 1
            if step % 300 == 0:
                zhiyin("fit", "-r", folder / "quick.toml", "-w", folder)
                counts["refits"] += 1
            if step % 20 == 0:
                seen.append(resident(server.process.pid))
        assert server("GET", "/health/ready")["ready"]
    half, most = max(seen[: len(seen) // 2]), max(seen[len(seen) // 2 :])
    print(f"{counts}; {seen[0]} MB at first, {half} MB at most in the first half, {most} MB in the second")
    assert min(counts.values()) > 0 or SECONDS < 300
    assert most <= half + GROWTH
