"""Settings with which a part that trains learns the made data in a moment: the laws ask for obedience, not for quality."""

from typing import Any

QUICK: dict[str, dict[str, Any]] = {}
