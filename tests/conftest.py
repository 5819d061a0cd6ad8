"""What the tests as a whole need: our own parts outside the package may be in saved versions."""

from __future__ import annotations

import os

os.environ.setdefault("ZHIYIN_ALLOW_PARTS", "near_text")
