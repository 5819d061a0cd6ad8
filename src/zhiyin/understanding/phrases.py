"""Phrases: what people say around topics, as patterns over folded text, English and Chinese: negations, intents, places."""

from __future__ import annotations

import re

from zhiyin.understanding.lexicon import table, words_in

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
AFTER = re.compile(
    r"^\s?(?:的|那种|类)?(?:酒|电影|片)?\s?(?:都|就)?(?:不要|不行|不喜欢|除外|免了|算了|以外|之外|不想要|不想喝|不爱)|^\s?(?:wines?|films?|movies?)?\s?(?:excluded|is out|are out|is not ok|isn t for me)"
)
TURN = re.compile(
    r"\b(?:but|only|just|instead|prefer|rather|give me|show me|i want|i d like|i would like|please|how about|maybe)\b|但|而是|只要|我要|我想|想要|给我|换成|改成|来点|来个|来一|要"
)
CLAUSES = re.compile(r"[,.;!?，。；！？\n]+")
EITHER = re.compile(r"\bor\b|/|或|要么|还是")
JOINING = re.compile(r"\b(?:or|nor|and)\b|或|和|以及|跟|与")
LIST = re.compile(r"^(?:\s|\b(?:and|or|nor|any|wines?|the|either)\b|和|或者?|以及|跟|与|也|的|酒)*$")

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
RANK = re.compile(
    r"\b(?:the )?(?P<en>first|second|third|fourth|fifth|sixth|last|1st|2nd|3rd|4th|5th)(?: (?:one|wine|film|movie|item))?\b|(?:number|no|#)\s?(?P<n>\d)\b|(?P<zh>第[一二三四五六12345]|最后)[个款支瓶部件]?一?[个款支瓶部件]?"
)
THAT = re.compile(r"^(?:that|this|it|that one|this one|these|those|them)\b|^(?:这个|那个|这款|那款|它)")
COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "ten": 10, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "八": 8, "十": 10}  # fmt: skip
COUNT = re.compile(
    r"(?:\b(?P<en>one|two|three|four|five|six|seven|eight|ten|\d{1,2})\s{1,4}(?:\w{1,30}\s{1,4}){0,3}?(?:wines?|bottles?|films?|movies?|items?|ideas?|options?|suggestions?|recommendations?|reds?|whites?)\b)"
    r"|(?:(?P<zh>[一两二三四五六八十]|\d{1,2})\s{0,4}(?:款|瓶|支|部|个|件|种))"
)
MORE = re.compile(r"\b(?:also|as well|add)\b|\btoo$|^(?:or|and)\b|也|还要|加上|^(?:或者?|和)")
REMEMBER = re.compile(
    r"\b(?:never (?:show|recommend|suggest|again|ever)|from now on|for good|always|ever again)\b|永远|以后都|再也|从此|一直"
)
FREE = re.compile(
    r"(?:\b(?:any|whatever|no matter (?:the|which)|forget the|never mind the|regardless of(?: the)?|drop the)\s{1,4}(?P<en>[a-z]+))|(?:(?:不限|不管|任何|随便什么|不论什么?)(?P<zh>[\u4e00-\u9fff]{2}))"
)
STOP_SIGNS = re.compile(
    r"[我你您他她它们的了吗呢吧啊呀一二两三四五六个款瓶支部件种有没在是要想来给请帮找推荐适合搭配配喝看吃点些酒电影片和或与跟也都很比较最好什么怎么可以能今晚今天晚上明天明晚点儿用去上下里中这那就再为对说话人家带口味味型式类呗嘛]+|葡萄酒"
)
STOP = words_in("common") | words_in("stop")


def _label_pattern() -> re.Pattern[str]:
    known = [word for words in table("labels").values() for word in words]
    known += [word for two in table("relative").values() for words in two for word in words]
    known += ["不限", "不管", "任何", "随便"]
    known.sort(key=len, reverse=True)
    return re.compile("|".join(rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word) for word in known))


LABELS = _label_pattern()
"""Words that name an attribute or compare."""


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
        # "i don't want merlot": the verb after the negator is no turn.
        spans.append((match.end(), turn.start() if turn and turn.start() > match.end() + 1 else len(folded)))
    return spans
