"""dgf: Deep Gated Fusion, the deep rankers and two more views of an item under one gate. See docs/dgf.md for the name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zhiyin.arrays import Array
from zhiyin.errors import SettingError
from zhiyin.item import Items
from zhiyin.part import learned, part, setting
from zhiyin.ranking.deep import DeepRanker, tensors
from zhiyin.ranking.deep_inputs import DeepInputs
from zhiyin.ranking.deep_rows import Encoded, Shape

if TYPE_CHECKING:
    from torch.nn import Module

    from zhiyin.ranking.deep_layers import Sizes
    from zhiyin.ranking.deep_networks import DGFNetwork

BRANCHES = ("linear", "wide", "fm", "deep", "din", "graph", "text")
"""Every branch there is. "wide" is "linear" with hashed crosses: name one of the two."""


@part
class DGF(DeepRanker):
    """logit = Σ over branches of gate · logit of the branch, learned together.

    Branches: "linear" first-order terms; "wide" the same with hashed crosses; "fm" second order; "deep" an MLP; "din"
    target attention over the history; "graph" where candidate and history lie in the graph (the graph of what follows
    what, vectors of a space "graph", columns of sources called graph…); "text" the same by text vectors. The gate sees the length
    of the history, the item's popularity and age, what is missing, and the context. It learns after the branches, on
    the rows kept aside, and stays open (1 for every branch) where it does not gain on half of these; `course` says what it
    gained. With the gate off, ("linear", "fm", "deep") is DeepFM, ("wide", "deep") is Wide & Deep and ("din",) is DIN.
    """

    branches: tuple[str, ...] = setting(("wide", "fm", "deep", "din", "graph", "text"))
    """Branches that are fused."""
    crosses: int = setting(1 << 17, least=2)
    """Rows of the table that pairs are hashed to."""
    gate: str = setting("softmax", options=("softmax", "sigmoid", "off"), tune=("softmax", "sigmoid", "off"))
    """How the gate weighs branches: against each other, each by itself, or not at all."""
    attention: int = setting(36, least=1)
    """Hidden units of the attention's MLP."""
    interest: int = setting(32, least=1)
    """Width to which an item is brought for the attention."""
    softmax: bool = setting(False)
    """Whether the attention's weights sum to 1. See DIN."""
    positions: bool = setting(True)
    """Whether an event's place in the history counts. See DIN."""

    course: dict[str, Any] = learned()

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = sorted(set(self.branches) - set(BRANCHES))
        if unknown or not self.branches or len(set(self.branches)) < len(self.branches):
            raise SettingError(
                f"DGF.branches = {self.branches!r}: name at least one of {', '.join(BRANCHES)}, each at most once"
            )
        if {"linear", "wide"} <= set(self.branches):
            raise SettingError("DGF.branches: 'wide' holds 'linear' already: name one of the two")

    def sizes(self) -> Sizes:
        """See DeepRanker."""
        own = super().sizes()
        return replace(
            own, attention=self.attention, interest=self.interest, softmax=self.softmax, positions=self.positions
        )

    def network(self, shape: Shape) -> Module:
        """See DeepRanker."""
        from zhiyin.ranking.deep_networks import DGFNetwork

        return DGFNetwork(shape, self.sizes(), self.branches, self.gate)

    def _learned(self, inputs: DeepInputs, some: list[Encoded], kept: list[Encoded], items: Items) -> dict[str, Array]:
        weights, self.course = super()._learned(inputs, some, kept, items), {}
        if self.gate == "off" or not kept:
            return weights
        from zhiyin.learning.loop import load_weights, weights_of
        from zhiyin.ranking.deep_gate import learn_gate

        network: DGFNetwork = self._fresh(inputs.shape)  # type: ignore[assignment]
        load_weights(network, weights)
        network.eval()
        parts = (kept[start : start + self.batch] for start in range(0, len(kept), self.batch))
        gain, error = learn_gate(network, (tensors(inputs.batch(one, items)) for one in parts), self.seed)
        self.course = {"gate gained": round(gain, 5), "standard error": round(error, 5)}
        return weights_of(network)
