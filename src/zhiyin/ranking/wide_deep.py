"""wide_deep: a linear model over hashed cross products and a deep network, trained as one (arXiv 1606.07792)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhiyin.part import part, setting
from zhiyin.ranking.deep import DeepRanker
from zhiyin.ranking.deep_rows import Shape

if TYPE_CHECKING:
    from torch.nn import Module


@part
class WideDeep(DeepRanker):
    """The wide half remembers pairs (the last item and this one, a liked value and this one's, a source and its rank), the
    deep half generalises over embeddings; both add up to one logit and learn from one loss (Cheng 2016).

    The paper trains the wide half with FTRL and L1; here both halves use AdamW.
    """

    crosses: int = setting(1 << 17, least=2)
    """Rows of the table that pairs are hashed to."""

    def network(self, shape: Shape) -> Module:
        """See DeepRanker."""
        from zhiyin.ranking.deep_networks import WideDeepNetwork

        return WideDeepNetwork(shape, self.sizes())
