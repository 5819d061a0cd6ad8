"""Two hundred kills of each kind of work: nothing acknowledged is lost, and the workspace can be used. See kill_cycles.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CYCLES = int(os.environ.get("ZHIYIN_KILLS", "200"))
FOLDER = os.environ.get("ZHIYIN_KILL_FOLDER")
"""Keeps the state, so that a run that was stopped goes on; a temporary folder when it is not set."""


@pytest.mark.nightly
@pytest.mark.timeout(0)
def test_nothing_is_lost_in_any_of_many_kills(tmp_path: Path) -> None:
    script = Path(__file__).with_name("kill_cycles.py")
    line = [sys.executable, str(script), FOLDER or str(tmp_path), "--cycles", str(CYCLES)]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout
