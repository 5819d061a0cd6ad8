"""commented: the topics that a user's comments speak for and against, each by the clause that names it."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.item import Items
from zhiyin.profile import Comment, Interest
from zhiyin.text.sentiment import clauses_of
from zhiyin.understanding.lexicon import Lexicon, Topic, fold

SAID = "said in a comment"
"""The reason of an interest that a comment names."""

STRENGTH = 4.0
"""The sum of strengths at which a topic's weight is 1."""


def commented(comments: Sequence[Comment], items: Items) -> tuple[tuple[Interest, ...], tuple[Interest, ...]]:
    """Topics spoken for, and topics spoken against, strongest first: "lovely wool, but too much red" is one of each."""
    if not comments:
        return (), ()
    lexicon, said = Lexicon.of(items), dict[Topic, list[tuple[float, Comment]]]()
    for comment in comments:
        for clause, strength in clauses_of(comment.text):
            for mention in lexicon.mentions(fold(clause)) if strength else ():
                if len(mention.values) == 1:  # a word that may mean several says none of them
                    said.setdefault(mention.topics[0], []).append((strength, comment))
    found = [_interest(topic, spoken) for topic, spoken in said.items()]
    found.sort(key=lambda one: (-one[1].weight, one[1].topic))
    return tuple(one for sign, one in found if sign > 0), tuple(one for sign, one in found if sign < 0)


def _interest(topic: Topic, spoken: Sequence[tuple[float, Comment]]) -> tuple[float, Interest]:
    total = sum(strength for strength, _ in spoken)
    evidence = tuple(dict.fromkeys(comment.event_id for strength, comment in spoken if strength * total > 0))
    times = [comment.time for _, comment in spoken]
    weight = round(min(abs(total) / STRENGTH, 1.0), 4)
    return total, Interest(topic, weight, evidence, min(times), max(times), reason=SAID)
