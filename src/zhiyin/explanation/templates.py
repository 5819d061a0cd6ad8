"""templates: the reasons said in English and Chinese. They name what the evidence names, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.candidates import Candidates, Reason
from zhiyin.item import Items
from zhiyin.kinds import CODES
from zhiyin.part import part, setting
from zhiyin.query import Query

LONGEST = 60
"""Signs of a title that are shown; titles are not ours and may be anything, and a card has little room."""

TAIL = ("people who chose {them} tend to choose this too", "选过的人往往也选这个")
TAILS = {
    "transition": ("people who chose {them} often choose this next", "选过的人接着常选这个"),
    "next_item": ("by a pattern learned from what people choose next", "这是从大家接下来的选择中学到的规律"),
}
"""Why cited items speak for another, by the source that said so: English, Chinese. A model counts nothing, so it claims no count."""

VERBS = {
    "liked": ({"like", "favourite", "rating"}, "liked", "喜欢"),
    "bought": ({"purchase"}, "bought", "买过"),
    "heard": ({"listen"}, "listened to", "听过"),
    "seen": (set(), "looked at", "看过"),
}
"""What a person did with the cited items: kinds of event, English, Chinese. The last one holds for every event."""


@part
class Templates:
    """A sentence for every reason, in the language of the request: "zh…" is Chinese, all others are English."""

    nouns: dict[str, str] = setting({})
    """What items are called, by language, e.g. {en = "wines", zh = "款酒"}; the default is "items" and "件"."""
    labels: dict[str, str] = setting({})
    """What attributes are called, by name or "language.name", e.g. {"zh.grapes" = "葡萄品种"}."""

    def explain(self, query: Query, candidates: Candidates, items: Items) -> tuple[tuple[Reason, ...], ...]:
        """See Explainer. Needs the reasons of an explainer before it; without them it has nothing to say."""
        done = Done(query, items)
        return tuple(
            tuple(one.said(self.sentence(one, query, items, len(reasons) == 1, done)) for one in reasons)
            for reasons in candidates.reasons
        ) or ((),) * len(candidates)

    def sentence(self, reason: Reason, query: Query, items: Items, alone: bool = True, done: Done | None = None) -> str:
        """One reason in words, without a full stop; empty when there is nothing to say.

        alone: it is the item's only one. done: of the query, where many reasons are said.
        """
        done = done or Done(query, items)
        chinese = query.language.casefold().startswith("zh")
        titles = [title(items, one) for one in reason.items]
        if reason.kind in ("history", "seeds", "text") and titles:
            verb = done.verb(reason)
            return _of_history_zh(reason, titles, verb) if chinese else _of_history_en(reason, titles, verb)
        if reason.kind == "attribute" and reason.topic:
            return self._of_attribute(reason, done.verb(reason), items, chinese)
        if reason.kind == "popular" and reason.number:
            count = f"{int(reason.number):,}"
            return f"{count} 人选过" if chinese else f"Chosen by {count} {'person' if reason.number == 1 else 'people'}"
        if reason.kind == "text":
            wish = shortened(query.text)
            return (f"符合你说的“{wish}”" if chinese else f"Matches your words “{wish}”") if wish else ""
        if reason.kind == "words" and reason.topic:
            words = shortened(reason.topic[1])
            return f"含有你的词：{words}" if chinese else f"Has of your words: {words}"
        if reason.kind == "meaning":
            wish = shortened(query.text)
            return f"意思与“{wish}”相近" if chinese else f"Close in meaning to “{wish}”"
        if reason.kind == "wish" and reason.topic:
            label, value = self._label(reason.topic[0], chinese), shortened(reason.topic[1])
            return f"你想要的{label}：{value}" if chinese else f"You asked for {label} {value}"
        if reason.kind == "explore" and not alone:
            return ""
        plain = PLAIN.get(reason.kind)
        return plain[chinese] if plain else ""

    def _of_attribute(self, reason: Reason, verb: tuple[str, str], items: Items, chinese: bool) -> str:
        assert reason.topic is not None
        name, value = reason.topic[0], shortened(reason.topic[1])
        count = int(reason.number or len(reason.items))
        label = self._label(name, chinese)
        if count == 1 and reason.items:
            only = title(items, reason.items[0])
            return f"与“{only}”有相同的{label}：{value}" if chinese else f"Shares {label} {value} with {only}"
        if chinese:
            return f"与你{verb[1]}的 {count:,} {self.nouns.get('zh', '件')}有相同的{label}：{value}"
        return f"Shares {label} {value} with {count:,} {self.nouns.get('en', 'items')} you {verb[0]}"

    def _label(self, name: str, chinese: bool) -> str:
        language = "zh" if chinese else "en"
        return self.labels.get(f"{language}.{name}") or self.labels.get(name) or name.replace("_", " ")


PLAIN = {
    "recent": ("Popular right now", "近期热门"),
    "fresh": ("New here", "新上架"),
    "friends": ("People you are connected with chose this", "你的好友选过"),
    "sequence": ("Tends to come next after what you chose lately", "常在你最近的选择之后被选"),
    "explore": ("Something different to try", "换个口味试试"),
}
"""Reasons that name nothing: English, Chinese."""


def joined(reasons: Sequence[Reason], language: str = "en", most: int = 2) -> str:
    """The sentences of an item's first reasons as one explanation."""
    chinese = language.casefold().startswith("zh")
    said = list(dict.fromkeys(one.sentence for one in reasons if one.sentence))[:most]
    return ("。" if chinese else ". ").join(said) + (("。" if chinese else ".") if said else "")


def title(items: Items, item_id: str) -> str:
    """What an item is called: its title in one line, its id when it has none."""
    position = items.vocabulary.get(item_id)
    return shortened(items[position].title if position >= 0 else "") or shortened(item_id)


def shortened(text: str) -> str:
    """A text of others in one line, printable, and not longer than LONGEST."""
    line = text[: 8 * LONGEST]
    if not line.isprintable():
        line = "".join(sign if sign.isprintable() else " " for sign in line)
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _of_history_en(reason: Reason, titles: list[str], verb: tuple[str, str]) -> str:
    if any("," in one or " and " in one for one in titles):
        titles = [f"“{one}”" for one in titles]
    names = titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
    them = "it" if len(titles) == 1 else "them"
    if reason.kind == "text":
        return f"Described much like {names}"
    start = f"Goes with {names}" if reason.kind == "seeds" else f"Because you {verb[0]} {names}"
    return f"{start}: {TAILS.get(reason.source, TAIL)[0].format(them=them)}"


def _of_history_zh(reason: Reason, titles: list[str], verb: tuple[str, str]) -> str:
    quoted = [f"“{one}”" for one in titles]
    names = quoted[0] if len(quoted) == 1 else "、".join(quoted[:-1]) + "和" + quoted[-1]
    if reason.kind == "text":
        return f"与{names}的描述相近"
    start = f"与{names}相配" if reason.kind == "seeds" else f"因为你{verb[1]}{names}"
    return f"{start}：{TAILS.get(reason.source, TAIL)[1]}"


class Done:
    """What a person did with the liked items of their history."""

    def __init__(self, query: Query, items: Items) -> None:
        history = query.profile.history.liked
        self._positions = items.vocabulary
        self._kinds: dict[int, set[int]] = {}
        for item, kind in zip(history.items.tolist(), history.kinds.tolist(), strict=True):
            self._kinds.setdefault(item, set()).add(kind)
        self._all = set(history.kinds.tolist())

    def verb(self, reason: Reason) -> tuple[str, str]:
        """The strongest word that is true of every cited item, in English and Chinese."""
        if reason.kind == "attribute" and (reason.number or 0) > len(reason.items):
            kinds = [{code} for code in self._all]  # more are counted than cited: true of all, or not said
        else:
            kinds = [self._kinds.get(self._positions.get(one), set()) for one in reason.items]
        for codes, english, chinese in CODED:
            if not codes or (kinds and all(codes & one for one in kinds)):
                return english, chinese
        raise AssertionError("the last verb holds for every event")


CODED = tuple(({CODES[kind] for kind in kinds}, english, chinese) for kinds, english, chinese in VERBS.values())
