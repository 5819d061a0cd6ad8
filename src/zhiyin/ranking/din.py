"""din: a deep interest network, which asks of each candidate which events of the history matter for it (arXiv 1706.06978)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zhiyin.part import part, setting
from zhiyin.ranking.deep import DeepRanker
from zhiyin.ranking.deep_rows import Shape

if TYPE_CHECKING:
    from torch.nn import Module

    from zhiyin.ranking.deep_layers import Sizes


@part
class DIN(DeepRanker):
    """Target attention over the liked history, which ends strictly before the request, then an MLP (Zhou 2018).

    An event's weight comes from an MLP over [q, k, q - k, q · k]; padding never changes a score, and an empty history is a
    vector of zeros. Items are read as hashed ids and attributes, as their place in the graph of what follows what,
    and as text vectors, so that items nobody met have something to be attended to by.
    """

    attention: int = setting(36, least=1)
    """Hidden units of the attention's MLP."""
    interest: int = setting(32, least=1, tune=(32, 64))
    """Width to which an item is brought for the attention."""
    softmax: bool = setting(False, tune=(False, True))
    """Whether the weights of the events sum to 1: no in the paper, yes in the authors' code."""
    positions: bool = setting(True, tune=(False, True))
    """Whether an event's place in the history counts: no in the paper; the order is most of the signal elsewhere."""

    def sizes(self) -> Sizes:
        """See DeepRanker."""
        own = super().sizes()
        return replace(
            own, attention=self.attention, interest=self.interest, softmax=self.softmax, positions=self.positions
        )

    def network(self, shape: Shape) -> Module:
        """See DeepRanker."""
        from zhiyin.ranking.deep_networks import DINNetwork

        return DINNetwork(shape, self.sizes())
