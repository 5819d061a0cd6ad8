"""value: several predicted actions into one score, by weights that stand outside the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.errors import SettingError
from zhiyin.query import Query


def value(
    predictions: Floats, actions: Sequence[str], weights: Mapping[str, float], query: Query | None = None
) -> Floats:
    """Σ over actions of weight · prediction. [candidates]

    predictions: [candidates, actions]. weights: by action; those of the query win over these, so that what counts can
    change with the next request and without training; an action without a weight counts nothing, and with no weights
    at all the first action alone counts. Raises SettingError for an action that nobody predicts or a weight that is
    not finite.
    """
    wanted = {**weights, **(query.weights if query is not None else {})}
    unknown = sorted(set(wanted) - set(actions))
    if unknown:
        raise SettingError(f"weights: nobody predicts {unknown}; the actions are {', '.join(actions)}")
    wrong = {action: weight for action, weight in wanted.items() if not np.isfinite(weight)}
    if wrong:
        raise SettingError(f"weights: {wrong} must be finite numbers")
    row = np.array([wanted.get(action, 0.0) for action in actions], np.float32)
    if not wanted:
        row[0] = 1.0
    return np.asarray(predictions @ row, np.float32)
