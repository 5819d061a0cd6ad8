"""What every test runs under.

ZHIYIN_TEST_DRAW=n shifts every seed of numpy and torch, in what is made and in what is learned, so that a test which only passes by a lucky
draw is found: `scripts/margins` runs the tests of learned things over twenty draws and several kernels.
"""

import os
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings

# No test is timed: what is slow on a busy machine is not wrong.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

os.environ.setdefault("ZHIYIN_ALLOW_PARTS", "near_text")  # our own part outside the package may be in saved versions

STEP = 100_003
"""Between two draws: larger than any seed that stands in a test, so that no draw repeats another."""


def shift() -> int:
    """What is added to every seed now. Read anew each time, so that one process can go through many draws."""
    return STEP * int(os.environ["ZHIYIN_TEST_DRAW"])


def _shifted(make: Any) -> Any:
    def made(seed: Any = None, *rest: Any) -> Any:
        return make(int(seed) + shift() if isinstance(seed, int | np.integer) else seed, *rest)

    return made


def _shift_torch() -> None:
    import torch

    class Shifted(torch.Generator):
        def manual_seed(self, seed: int) -> torch.Generator:
            super().manual_seed(int(seed) + shift())
            return self

    torch.Generator = Shifted  # type: ignore[misc]
    torch.manual_seed = _shifted(torch.manual_seed)


if "ZHIYIN_TEST_DRAW" in os.environ:
    np.random.default_rng = _shifted(np.random.default_rng)
    _shift_torch()
