"""What do the uses of a language model make of a small one? Portraits, descriptions, reasons, plans: asked, usable, kept.

    python benchmarks/quality/llm_uses.py [--model FILE.gguf] [--portraits 8] [--items 6] [--reasons 20] [--messages 8] [--kept FILE.db]

Everything goes through the code that serves. "Usable": valid in the shape asked for. "Kept": found true by the checks and so shown; the
rest is replaced by rules and templates. Plans: messages made of the catalogue's values, in English and Chinese, with what they
ask for known; the rules alone beside the rules joined with the model's plan. Wines; seconds are of the wall, with the processor's behind.
"""

from __future__ import annotations

import argparse
import logging
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np

from zhiyin.data.weights import EventWeights
from zhiyin.errors import InvalidReply, ModelError
from zhiyin.explanation.evidence import Evidence
from zhiyin.explanation.rephrased import Rephrased
from zhiyin.explanation.templates import Templates
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.demo import ingest_demo
from zhiyin.ingest.profiles import live_profile
from zhiyin.item import Items
from zhiyin.llm.cache import Cached
from zhiyin.llm.database import Database
from zhiyin.llm.guard import Guarded
from zhiyin.llm.local import Local
from zhiyin.llm.schema import parse
from zhiyin.packs.pack import load_pack
from zhiyin.ports import Call, LanguageModel, Message, Reply, StoredProfile
from zhiyin.query import Query
from zhiyin.recommender import Recommender
from zhiyin.retrieval.item_knn import ItemKNN
from zhiyin.retrieval.popular import Popular
from zhiyin.stores.memory import MemoryStore
from zhiyin.understanding.conversation import Ask
from zhiyin.understanding.enrich import described, enriched
from zhiyin.understanding.planned import planning
from zhiyin.understanding.portrait import Portrait, portrayed
from zhiyin.understanding.reading import Reading, read
from zhiyin.understanding.saying import Voice
from zhiyin.vocabulary import Vocabulary


class Timed:
    """Passes calls on, and keeps replies and what they took."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.identity = model, model.identity
        self.replies, self.walls, self.cpus = list[Reply](), list[float](), list[float]()

    def complete(self, call: Call) -> Reply:
        """See LanguageModel."""
        started, cpu = time.perf_counter(), time.process_time()
        reply = self.model.complete(call)
        if not reply.cached:
            self.walls.append(time.perf_counter() - started)
            self.cpus.append(time.process_time() - cpu)
        self.replies.append(reply)
        return reply

    def told(self, what: str, text: str) -> None:
        """Print a line with the median time of a call, and begin anew."""
        took = (
            f"median {np.median(self.walls):.1f} s ({np.median(self.cpus):.1f} cpu-s)" if self.walls else "from memory"
        )
        print(f"{what:<10}{text}; {took}, {len(self.replies)} calls", flush=True)
        self.replies.clear(), self.walls.clear(), self.cpus.clear()


def sentences(text: str) -> int:
    """How many sentences a text has, nearly."""
    return sum(text.count(one) for one in ".!?") or bool(text.strip())


def portraits(model: Timed, store: MemoryStore, items: Items, users: list[str], weights: EventWeights) -> None:
    """Summaries and latent interests of some people."""
    usable, said, kept, reasons, true = 0, 0, 0, 0, 0
    logging.getLogger("zhiyin.understanding").setLevel(logging.ERROR)
    for user in users:
        profile = live_profile(user, store.log.of_user(user), None, items, dataset_users(users), weights)
        made = portrayed(Guarded(model), profile, StoredProfile(user), items, 0.0)
        try:
            answer = parse(model.replies[-1].text, Portrait)
        except InvalidReply:
            continue
        usable, said, reasons = usable + 1, said + sentences(answer.summary), reasons + len(answer.latent)
        true += sum(one.reason in [hunch.reason for hunch in answer.latent] for one in made.interests)
        own = made.summary.partition(". ")[0] in answer.summary
        kept += sentences(made.summary) if own else 0
    model.told(
        "portraits",
        f"{usable} of {len(users)} usable; {kept} of {said} sentences kept; {true} of {reasons} reasons kept",
    )


def dataset_users(users: list[str]) -> Vocabulary:
    """A vocabulary of users."""
    return Vocabulary(users)


def descriptions(model: Timed, items: Items, rows: np.ndarray) -> None:
    """Items described in three ways."""
    kept, tags = Counter[str](), 0
    for row in rows:
        item = items[int(row)]
        found, plain = (
            enriched(item, items, Guarded(model), timeout=300.0),
            described(item, Voice("en", items.pack.labels), items.pack.telling),
        )
        kept.update(
            name
            for name in ("summary", "facts", "occasion", "audience")
            if getattr(found, name) != getattr(plain, name)
        )
        tags += found.tags != plain.tags
    shown = ", ".join(f"{name} {kept[name]}" for name in ("summary", "facts", "occasion", "audience"))
    model.told("describe", f"of {len(rows)} items, texts kept in part or whole: {shown}; tags {tags}")


def reasons(model: Timed, store: MemoryStore, count: int) -> None:
    """Reasons in other words."""
    dataset = dataset_from_store(store, EventWeights(), None)
    maker = Recommender(retrieve=[ItemKNN(), Popular()], explain=[Evidence(), Templates()]).fit(dataset)
    part, why = Rephrased(timeout=300.0, waiting=1000), Counter[str]()

    class Heard(logging.Handler):
        """Counts why sentences were refused."""

        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage().removeprefix("not said: ")
            why_not = (
                "other words" if text.startswith("the words") else re.sub(r"\d[\d.,]*|“.*”", "…", text.split(";")[0])
            )
            why[why_not] += 1

    log = logging.getLogger("zhiyin.explanation")
    log.setLevel(logging.INFO), log.addHandler(Heard())
    part.speak_with(Guarded(model))
    chosen = np.random.default_rng(0).permutation(len(dataset.users))
    for user in chosen:
        query = Query(dataset.profile(int(user)), n=3, language="en")
        answer = maker.recommend(query).candidates
        part.explain(query, answer, dataset.items)
        if len(part._asked) + len(part._known) >= count:
            break
    part.settle()
    kept = {key[1]: text for key, text in part._known.items() if text}
    same = sum(text == sentence.rstrip(".") for sentence, text in kept.items())
    model.told(
        "reasons",
        f"{len(kept)} of {len(part._known)} kept, {same} of them the template's own words; refused: {dict(why)}",
    )
    for sentence, text in list(kept.items())[:3]:
        print(f"    {sentence} -> {text}")


def plans(model: Timed, items: Items, count: int) -> None:
    """Messages understood."""
    chance = np.random.default_rng(0)
    right, added, wrong, failed = Counter[str](), 0, 0, 0
    reader = planning(Guarded(model), timeout=300.0)
    logging.getLogger("zhiyin.understanding").setLevel(logging.ERROR)
    for number in range(count):
        item = items[int(chance.integers(len(items)))]
        kind, country, grape = (first(item.attributes.get(name, "")) for name in ("type", "country", "grapes"))
        english = number % 2 == 0
        message = f"I'd like a {kind} from {country}, no {grape}" if english else f"想要{country}的{kind}，不要{grape}"
        wanted, unwanted = {("type", kind), ("country", country)}, {("grapes", grape)}
        rules = read(message, items)
        both = reader(message, items, Ask())
        for name, found in (("rules", rules), ("joined", both)):
            right[name] += topics(found) == (wanted, unwanted)
        new = (topics(both)[0] | topics(both)[1]) - (topics(rules)[0] | topics(rules)[1])
        added, wrong = added + len(new), wrong + len(new - wanted - unwanted)
        failed += both == rules
    model.told("plans", f"of {count} messages exactly right: rules {right['rules']}, rules with the plan {right['joined']}; "
               f"topics added by the plan {added}, of them wrong {wrong}; plan changed nothing {failed}")  # fmt: skip


def first(value: object) -> str:
    """The first of several values."""
    return str(value[0] if isinstance(value, tuple) and value else value)


def topics(found: Reading) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Wanted and unwanted topics of a reading."""
    return {(name, value) for name, values in found.wanted for value in values}, set(found.unwanted)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="")
    parser.add_argument("--portraits", type=int, default=8)
    parser.add_argument("--items", type=int, default=6)
    parser.add_argument("--reasons", type=int, default=20)
    parser.add_argument("--messages", type=int, default=8)
    parser.add_argument("--kept", type=Path, default=None)
    given = parser.parse_args()
    store = MemoryStore()
    ingest_demo("wines", store)
    items = Items.of(store.catalog.all()).with_pack(load_pack("wines", Path()))
    local: LanguageModel = Local(given.model)
    local.complete(Call([Message("user", "hello")], max_tokens=1))
    model = Timed(Cached(local, Database(given.kept)) if given.kept else local)
    print(local.identity)
    counts = store.log.columns(["user_id"])["user_id"].value_counts()
    many = sorted(user for user, events in counts.iter_rows() if events >= 15)
    users = [many[int(one)] for one in np.random.default_rng(0).choice(len(many), given.portraits, replace=False)]
    weights = EventWeights()
    for task in (
        lambda: reasons(model, store, given.reasons),
        lambda: portraits(model, store, items, users, weights),
        lambda: descriptions(model, items, np.random.default_rng(0).choice(len(items), given.items, replace=False)),
        lambda: plans(model, items, given.messages),
    ):
        try:
            task()
        except ModelError as error:
            print(f"failed: {error}")


if __name__ == "__main__":
    main()
