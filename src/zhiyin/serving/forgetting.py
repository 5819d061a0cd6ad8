"""Forgetting: what beside the store knows of a user, and is told when they are deleted."""

from __future__ import annotations

from zhiyin.explanation.rephrased import Rephrased
from zhiyin.serving.engine import Engine


def forget_with(engine: Engine) -> None:
    """From now on a deleted user's rephrased reasons and remembered model replies go too."""

    def forget(user_id: str) -> None:
        for part in engine.live.recommender.explainers:
            if isinstance(part, Rephrased):
                part.forget(user_id)
        models = getattr(engine.versions, "models", None)  # a Workspace has them
        if models is not None:
            models.forget(user_id)

    engine.on_forget.append(forget)
