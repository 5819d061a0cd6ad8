"""Phrases: what people say around topics, as patterns over folded text, English and Chinese: negations, intents, places."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from zhiyin.packs.pack import Pack
from zhiyin.understanding.lexicon import words_in

NEGATORS = (
    r"\b(?:no|not|non|without|except(?: for)?|excluding|avoid|hate|dislike|nothing|never|nor|neither|(?:anything|everything|all|any) but|other than|"
    r"apart from|skip|exclude|allergic to|can ?t stand|don ?t|doesn ?t|isn ?t|aren ?t|won ?t|can ?t|do not|does not|is not|sick of|tired of|instead of|rather than)\b"
    r"|不要|不想要?|不喜欢|不爱|不吃|不喝|不含|不带|不是|不能|不用|别|除了|除开|没有|讨厌|拒绝|避免|避开|排除|非|无|不"
)
NOT_A_NEGATOR = re.compile(
    r"(?:nothing but|not only|no problem|not bad|don ?t mind|doesn ?t matter|why not|no idea|not sure|no limit|never mind|don ?t know|"
    r"不错|不过|不管|不论|不仅|不同|不限|不知道?|不贵|差不多|要不|好不好|是不是|有没有|可不可以|能不能|特别|别的|别人|无所谓|非常|不得不|不超过|不低于|不高于|不太知道)"
)
NEGATOR = re.compile(NEGATORS)
TURN = re.compile(
    r"\b(?:but|only|just|instead|prefer|rather|give me|show me|i want|i d like|i would like|please|how about|maybe)\b|但|而是|只要|我要|我想|想要|给我|换成|改成|来点|来个|来一|要"
)
CLAUSES = re.compile(r"[,.;!?，。；！？\n]+")
EITHER = re.compile(r"\bor\b|/|或|要么|还是")
JOINING = re.compile(r"\b(?:or|nor|and)\b|或|和|以及|跟|与")

INTENTS = (
    (
        "reset",
        r"\b(?:start over|start again|reset|forget (?:that|it|all|everything)|never mind|clear everything)\b|重新开始|重来|从头|清空|忘掉|算了",
    ),
    (
        "profile",
        r"\bwhat do you (?:know|think)\b.{0,80}\bme\b|\bmy (?:profile|taste)\b|你了解我|我的口味|我的画像|知道我",
    ),
    ("explain", r"\bwhy\b|\bexplain\b|\breason|\btell me (?:more )?about\b|为什么|为啥|解释|理由|介绍一下|怎么推荐"),
    (
        "another",
        r"\b(?:another|other ones|others|more like (?:this|these|that)|something else|anything else|what else|more (?:options|ideas|of)|next|different ones?|show more|any more)\b|换一|再来|再换|还有(?:吗|别的|其他|没有)|其他的|别的|下一|另外",
    ),
    (
        "thanks",
        r"^(?:thanks?|thank you|great|perfect|cheers|bye|ok|okay|cool|谢谢|多谢|好的|再见|太好了|不错)(?: (?:a lot|so much|you|all))?$",
    ),
    (
        "hello",
        r"^(?:hi|hello|hey|good (?:morning|evening|afternoon)|help|你好|您好|嗨|在吗|帮助)(?: (?:there|zhiyin))?$",
    ),
)
PATTERNS = [(intent, re.compile(pattern)) for intent, pattern in INTENTS]
LIKENESS = re.compile(
    r"(?:\b(?:similar to|something like|anything like|sort of like|more like|same as|reminds me of|close to|along the lines of|like)\s{1,4}(?P<en>.+))"
    r"|(?:(?:像|类似于?|和|跟|与)(?P<zh>.{1,60}?)(?:一样|这样|那样|差不多|相似|类似|那种|这种|相近|的)(?:.*))|(?:(?:像|类似于?)(?P<rest>.+))"
)
LIKING = re.compile(
    r"(?:\b(?:i|you|we|they|not|would|to|also|really|do)|n['’]t|['’]d)\s{1,4}(?:really\s{1,4}|also\s{1,4})?$"
)
QUOTED = re.compile(r"[“\"《「『](.{1,200}?)[”\"》」』]")
OPINION = re.compile(
    r"(?P<no>\b(?:i (?:do not|don ?t|didn ?t) (?:like|want)|i hate|i dislike|not (?:a fan of|for me)|bad)\b|不喜欢|讨厌|不好|不爱|不合适)"
    r"|(?P<yes>\bi (?:really )?(?:like|love|loved|liked|enjoyed|adore)\b|喜欢|爱|很好|不错)"
)
RANKS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "last": -1, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5,
    "第一": 1, "第二": 2, "第三": 3, "第四": 4, "第五": 5, "第六": 6, "第1": 1, "第2": 2, "第3": 3, "第4": 4, "第5": 5, "最后": -1,
}  # fmt: skip
THAT = re.compile(r"^(?:that|this|it|that one|this one|these|those|them)\b|^(?:这个|那个|这款|那款|它)")
COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "ten": 10, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "八": 8, "十": 10}  # fmt: skip
MORE = re.compile(r"\b(?:also|as well|add)\b|\btoo$|^(?:or|and)\b|也|还要|加上|^(?:或者?|和)")
REMEMBER = re.compile(
    r"\b(?:never (?:show|recommend|suggest|again|ever)|from now on|for good|always|ever again)\b|永远|以后都|再也|从此|一直"
)
FREE = re.compile(
    r"(?:\b(?:any|whatever|no matter (?:the|which)|forget the|never mind the|regardless of(?: the)?|drop the)\s{1,4}(?P<en>[a-z]+))|(?:(?:不限|不管|任何|随便什么|不论什么?)(?P<zh>[\u4e00-\u9fff]{2}))"
)
SIGNS = r"我你您他她它们的了吗呢吧啊呀一二两三四五六个款瓶支部件种有没在是要想来给请帮找推荐适合搭配配喝看吃点些和或与跟也都很比较最好什么怎么可以能今晚今天晚上明天明晚点儿用去上下里中这那就再为对说话人家带口味味型式类呗嘛"
"""Signs of Chinese that are no wish."""
RANKED = r"first|second|third|fourth|fifth|sixth|last|1st|2nd|3rd|4th|5th"
COUNTED = r"one|two|three|four|five|six|seven|eight|ten|\d{1,2}"
THINGS = (
    "item",
    "items",
    "idea",
    "ideas",
    "option",
    "options",
    "suggestion",
    "suggestions",
    "recommendation",
    "recommendations",
)
"""What anything may be called that is asked for."""


class Phrases:
    """The patterns with words of one pack in them.

    after: a refusal behind what is refused. list: nothing but what joins values. rank, count: which of a list, and how
    many. signs: signs of Chinese that are no wish. stop: words that are none. labels: words that name an attribute or
    compare.
    """

    def __init__(self, pack: Pack) -> None:
        words = "|".join(re.escape(one) for one in _longest(pack.nouns) if one.isascii()) or "(?!)"
        signs = "|".join(re.escape(one) for one in _longest(pack.nouns) if not one.isascii()) or "(?!)"
        things = "|".join(map(re.escape, _longest((*THINGS, *pack.nouns, *pack.counted))))
        self.after = re.compile(
            rf"^\s?(?:的|那种|类)?(?:{signs})?\s?(?:都|就)?(?:不要|不行|不喜欢|除外|免了|算了|以外|之外|不想要|不想喝|不爱)"
            rf"|^\s?(?:{words})?\s?(?:excluded|is out|are out|is not ok|isn t for me)"
        )
        # Possessive: a pack may have a word that is two of its others, and each way to read a long row of them would be tried.
        self.list = re.compile(
            rf"^(?:\s|\b(?:and|or|nor|any|the|either|{words})\b|和|或者?|以及|跟|与|也|的|{signs})*+$"
        )
        self.rank = re.compile(
            rf"\b(?:the )?(?P<en>{RANKED})(?: (?:one|item|{words}))?\b|(?:number|no|#)\s?(?P<n>\d)\b"
            r"|(?P<zh>第[一二三四五六12345]|最后)[个款支瓶部件]?一?[个款支瓶部件]?"
        )
        self.count = re.compile(
            rf"(?:\b(?P<en>{COUNTED})\s{{1,4}}(?:\w{{1,30}}\s{{1,4}}){{0,3}}?(?:{things})\b)"
            r"|(?:(?P<zh>[一两二三四五六八十]|\d{1,2})\s{0,4}(?:款|瓶|支|部|个|件|种))"
        )
        self.signs = re.compile(rf"(?:{signs}|[{SIGNS}])+")
        self.stop = words_in("common") | words_in("stop") | frozenset(one for one in pack.nouns if one.isascii())
        said = [word for words in pack.called.values() for word in words]
        said += [word for two in pack.relative.values() for words in two for word in words]
        said += ["不限", "不管", "任何", "随便"]
        self.labels = re.compile(
            "|".join(rf"\b{re.escape(one)}\b" if one.isascii() else re.escape(one) for one in _longest(said))
        )


def _longest(words: Iterable[str]) -> list[str]:
    """Longest first, so that a word inside another does not take its place."""
    return sorted(dict.fromkeys(words), key=lambda word: (-len(word), word))


@lru_cache(maxsize=64)
def phrases_of(pack: Pack) -> Phrases:
    """The patterns of a pack, made once."""
    return Phrases(pack)


def negated(folded: str) -> list[tuple[int, int]]:
    """The spans of a clause that stand under a negation: from the negator to a turn or the end."""
    masked = NOT_A_NEGATOR.sub(lambda match: "\x00" * len(match.group()), folded)
    spans: list[tuple[int, int]] = []
    for match in NEGATOR.finditer(masked):
        if spans and match.start() < spans[-1][1]:
            continue
        turn = TURN.search(masked, match.end())
        while turn and turn.group() == "要" and masked[turn.start() - 1 : turn.start()] in ("不", "想"):
            turn = TURN.search(masked, turn.end())
        # "i don't want green": the verb after the negator is no turn.
        spans.append((match.end(), turn.start() if turn and turn.start() > match.end() + 1 else len(folded)))
    return spans
