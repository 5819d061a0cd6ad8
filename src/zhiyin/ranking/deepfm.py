"""deepfm: a factorisation machine and a deep network over the same embeddings (arXiv 1703.04247)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhiyin.part import part
from zhiyin.ranking.deep import DeepRanker
from zhiyin.ranking.deep_rows import Shape

if TYPE_CHECKING:
    from torch.nn import Module


@part
class DeepFM(DeepRanker):
    """y = first-order terms + Σ over pairs of fields of vᵢ·vⱼ xᵢ xⱼ + MLP, all over one table of embeddings (Guo 2017).

    A field with several values counts as their mean; a number is a field of one value, its vector times the number.
    """

    def network(self, shape: Shape) -> Module:
        """See DeepRanker."""
        from zhiyin.ranking.deep_networks import DeepFMNetwork

        return DeepFMNetwork(shape, self.sizes())
