"""A few kills of every kind of work, on each run; two hundred of each are in tests/nightly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "nightly" / "kill_cycles.py"


def test_nothing_is_lost_and_everything_can_be_used_after_a_kill(tmp_path: Path) -> None:
    line = [sys.executable, str(SCRIPT), str(tmp_path), "--cycles", "3"]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    state = json.loads((tmp_path / "state.json").read_text())
    assert {kind: counts["cycles"] for kind, counts in state.items()} == dict.fromkeys(state, 3)
    assert len(state) == 7
    assert sum(counts["acknowledged"] for counts in state.values()) > 7


def test_a_run_that_was_stopped_goes_on(tmp_path: Path) -> None:
    for cycles in ("1", "2"):
        line = [sys.executable, str(SCRIPT), str(tmp_path), "--cycles", cycles, "--kinds", "write"]
        assert subprocess.run(line, capture_output=True).returncode == 0
    assert json.loads((tmp_path / "state.json").read_text())["write"]["cycles"] == 2


@pytest.mark.parametrize("broken", ["loses", "cannot be used"])
def test_a_workspace_that_loses_something_is_noticed(tmp_path: Path, broken: str) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import kill_cycles as k, shutil\n"
        "from pathlib import Path\n"
        "real = k.looked_over\n"
        "def broken(folder, kind, cycle, notes):\n"
        "    if sys.argv[3] == 'loses': notes = [*notes, ['done', ['u1', 'never stored']]]\n"
        "    else: shutil.rmtree(folder / 'ws' / 'versions' / '0001' / 'parts')\n"
        "    real(folder, kind, cycle, notes)\n"
        "k.looked_over = broken\n"
        "state = k.run(Path(sys.argv[2]), ['write'], 1)['write']\n"
        "raise SystemExit(not state['lost'] + state['unusable'])\n"
    )
    line = [sys.executable, "-c", code, str(SCRIPT.parent), str(tmp_path), broken]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
