"""Snapshot: everything one answer reads. Nothing in it changes; a write makes the next one, so readers need no lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zhiyin.arrays import Floats
from zhiyin.data.weights import EventWeights
from zhiyin.item import Item, Items
from zhiyin.recommender import Recommender
from zhiyin.serving.search import Search
from zhiyin.workspace.erased import without_users


@dataclass(frozen=True)
class Snapshot:
    """A version, the live catalogue, and what its parts learned of items that came later.

    Whoever answers takes one and reads nothing else, so that no answer sees half a change. The next one shares with it
    whatever did not change. number: counts the snapshots of one version.
    """

    version: str
    recommender: Recommender
    search: Search
    weights: EventWeights
    number: int = 0

    @property
    def items(self) -> Items:
        """The live catalogue."""
        return self.recommender.items

    def changed(self, items: Sequence[Item]) -> list[Item]:
        """Which of some items are new or different here; of an id that comes twice, the last."""
        newest = {item.item_id: item for item in items}
        rows, vocabulary = self.items.rows, self.items.vocabulary
        return [one for one in newest.values() if (at := vocabulary.get(one.item_id)) < 0 or rows[at] != one]

    def taking(self, items: Sequence[Item], vectors: Sequence[Mapping[str, Floats]] = ()) -> tuple[Snapshot, list[int]]:
        """The next one, in which these items are added or replaced; and their positions. See Items.taking."""
        table, positions = self.items.taking(items, vectors)
        return self._over(table, positions, self.search.taking(table, positions)), positions

    def with_vectors(self, space: str, positions: Sequence[int], vectors: Floats) -> Snapshot:
        """The next one, in which some items have these vectors. vectors: [positions, width]"""
        table = self.items.with_vectors(space, positions, vectors)
        return self._over(table, positions, self.search.taking(table, ()))

    def without_user(self, user_id: str) -> Snapshot:
        """The next one, in which a user's id is a stranger's, and nothing that was learned is theirs alone."""
        made = without_users(self.recommender, lambda one: one == user_id)
        return self if made is self.recommender else replace(self, recommender=made, number=self.number + 1)

    def _over(self, table: Items, positions: Sequence[int], search: Search) -> Snapshot:
        made = self.recommender.extended(table, positions)
        return replace(self, recommender=made, search=search, number=self.number + 1)
