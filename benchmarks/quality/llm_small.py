"""What can a small local model do? Three plain tasks on the built-in wines, each beside doing without it.

    python benchmarks/quality/llm_small.py [--model FILE.gguf] [--runs 40]

facts    the colour of a wine from its title and grapes, one of four, as many of each: right answers (by lot 25 %)
next     which of ten wines, shuffled, a person drank next, from the last five: right first, and mean reciprocal rank, beside the order
         of popularity and by lot (10 %, .293)
place    how often it puts the first-shown item first (by lot 10 %): a love of places, not of wines
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.data.split import last_event_cases
from zhiyin.data.weights import EventWeights
from zhiyin.errors import ModelError
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.demo import ingest_demo
from zhiyin.llm.guard import fenced
from zhiyin.llm.listwise import Listing, opinion, permutation
from zhiyin.llm.local import Local
from zhiyin.llm.schema import ask
from zhiyin.ports import Call, LanguageModel, Message, Reply
from zhiyin.ranking.llm import line_of
from zhiyin.stores.memory import MemoryStore

COLOURS = ("Red", "White", "Sparkling", "Rosé")


@dataclass(frozen=True)
class Colour:
    """The answer to `facts`."""

    colour: Literal["Red", "White", "Sparkling", "Rosé"]


def facts(model: LanguageModel, dataset: Dataset, runs: int) -> None:
    """Right colours."""
    by_colour: dict[str, list[int]] = defaultdict(list)
    for position, item in enumerate(dataset.items.rows):
        by_colour[str(item.attributes.get("type", ""))].append(position)
    chance = np.random.default_rng(0)
    asked = [
        (colour, int(chance.choice(by_colour[colour]))) for n in range(runs) if by_colour[colour := COLOURS[n % 4]]
    ]
    right: dict[str, list[bool]] = defaultdict(list)
    for colour, position in asked:
        item = dataset.items[position]
        told = f"{item.title}; {item.attributes.get('grapes', '')}"
        said = [
            Message("data", fenced(told, "wine")),
            Message("user", f"Which colour is this wine: {', '.join(COLOURS)}?"),
        ]
        right[colour].append(ask(model, Call(said, max_tokens=20), Colour).colour == colour)
    every = [one for values in right.values() for one in values]
    shown = ", ".join(f"{colour} {np.mean(values):.0%}" for colour, values in right.items())
    print(f"facts  right {np.mean(every):.1%} of {len(every)} (by lot 25 %): {shown}")


class FirstShown:
    """Passes calls on, and notes how often the first letter came first."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.firsts = model, list[bool]()
        self.identity = model.identity

    def complete(self, call: Call) -> Reply:
        """See LanguageModel."""
        reply = self.model.complete(call)
        self.firsts.append(permutation(reply.text, 10)[0][0] == 0)
        return reply


def next_item(model: LanguageModel, dataset: Dataset, runs: int) -> None:
    """Places of the wine that came next."""
    cases = last_event_cases(dataset).sample(runs, seed=0)
    popular = dataset.without_last(1).popularity().astype(np.float64)
    chance, watched = np.random.default_rng(0), FirstShown(model)
    places: dict[str, list[int]] = defaultdict(list)
    for row in range(len(cases)):
        history, right = cases.known.history(int(cases.users[row])), int(cases.targets[row][0])
        odds = popular.copy()
        odds[[*history.items, right]] = 0
        ten = chance.permutation([right, *chance.choice(len(odds), 9, replace=False, p=odds / odds.sum())])
        listing = Listing([line_of(dataset.items[int(one)]) for one in ten],
                          [dataset.items[int(one)].title for one in history.newest_first[:5]])  # fmt: skip
        said = opinion(watched, listing, passes=1, seed=(row,))
        if said.places is None:
            raise ModelError(f"run {row}: {said.notes}")
        at = int(np.flatnonzero(ten == right)[0])
        places["model"].append(1 + int((said.places < said.places[at]).sum()))
        places["popularity"].append(1 + int((popular[ten] > popular[right]).sum()))
    for name, found in places.items():
        print(f"next   {name:<11} right first {np.mean(np.array(found) == 1):.1%}, "
              f"mean reciprocal rank {np.mean(1 / np.array(found)):.3f} ({len(found)} people)")  # fmt: skip
    print(f"place  the first-shown item first {np.mean(watched.firsts):.0%} of {len(watched.firsts)} (by lot 10 %)")


def main() -> None:
    """Run and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--model", default="")
    asked.add_argument("--runs", type=int, default=40)
    given = asked.parse_args()
    store = MemoryStore()
    ingest_demo("wines", store, lambda text, done=None, total=None: None)
    dataset = dataset_from_store(store, EventWeights(), None)
    model = Local(given.model)
    facts(model, dataset, given.runs)
    next_item(model, dataset, given.runs)


if __name__ == "__main__":
    main()
