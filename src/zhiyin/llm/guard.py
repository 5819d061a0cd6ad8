"""Guard: what a text goes through before a language model reads it. Item texts, reviews and messages are hostile input.

    clean     no invisible, control, direction or chat-template characters, and no more than so many characters
    scrubbed  no e-mail address, telephone, card or identity number, no secret
    fenced    marked as data, between two marks that the data cannot write itself

Guarded wraps a model so that no use can forget the first two.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

from zhiyin.ports import Call, LanguageModel, Message, Reply

MOST = 2_000
"""Characters of one piece of data, unless told."""

MOST_OF_MESSAGE = 24_000
"""Characters of one whole message."""

# A model reads these as letters although they look like others or like nothing: what is forbidden in plain letters
# must not come back in them. Superscripts, fractions and Chinese punctuation keep their meaning and stay.
_FOLDED = frozenset({"<wide>", "<narrow>", "<font>", "<circle>", "<compat>", "<square>"})
_KEPT_CONTROLS = "\n\t"
_UNUSUAL = re.compile(r"[^\n\t -~\u00c0-\u017f\u3001\u3002\u4e00-\u9fff]")
"""Everything but what most texts consist of, which stays as it is."""
_MARKS_IN_A_ROW = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_TEMPLATE = re.compile(
    r"<\s*[|｜][^<>\n]{0,60}[|｜]\s*>"
    r"|</?\s*(?:s|unk|pad|bos|eos|think|tool_call|tool_response|tools?|system|assistant|user|start_of_turn|end_of_turn)\s*>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\]"
    r"|<</?SYS>>"
    r"|</?data-[a-z]*[^<>\n]{0,80}>",
    re.IGNORECASE,
)


def clean(text: str, most: int = MOST) -> str:
    """A text without what hides or breaks out: control, zero-width and direction characters, chat-template tokens.

    Look-alike letters and digits (full width, mathematical) become plain ones, floods of blank lines, spaces and
    combining marks are cut, and of the whole at most so many characters stay. Cleaning twice changes nothing.
    """
    text = _UNUSUAL.sub(lambda letter: _plain(letter[0]), unicodedata.normalize("NFC", text[: most * 4]))
    text = _MARKS_IN_A_ROW.sub(r"\1", text)
    text = _without_template(text)
    text = re.sub(r"[ \t]?\n[ \t]?", "\n", re.sub(r"[ \t]{2,}", " ", text))
    return re.sub(r"\n{3,}", "\n\n", unicodedata.normalize("NFC", text)).strip()[:most].strip()


def _without_template(text: str) -> str:
    """Taking one token out may join two halves of another: so again, and against endless nesting without any bracket."""
    for _ in range(4):
        without = _TEMPLATE.sub(" ", text)
        if without == text:
            return text
        text = without
    return re.sub(r"[<>\[\]]", " ", text)


def _plain(letter: str) -> str:
    if letter < "\x7f":
        return letter if letter >= " " or letter in _KEPT_CONTROLS else ""
    kind = unicodedata.category(letter)
    if kind in ("Zl", "Zp"):
        return "\n"
    if kind[0] == "Z":
        return " "
    if kind[0] == "C" or "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef":
        return ""
    if unicodedata.decomposition(letter).partition(" ")[0] in _FOLDED:
        folded = unicodedata.normalize("NFKC", letter)
        return folded if folded.isalnum() else letter
    return letter


# -- personal data -----------------------------------------------------------------------------------------------------

# No \b: to a regular expression a Chinese character is a letter too, so it sees no border before "https" or "tel".
_ALONE = r"(?<![A-Za-z0-9])"
_AT, _DOT = r"(?:@|＠|\s?[\[(（]\s?at\s?[\])）]\s?)", r"(?:\.|．|\s?[\[(（]\s?dot\s?[\])）]\s?)"
_NOT_IN_NUMBER = r"(?<!\d)(?<!\d[.,])", r"(?![\d]|[.,]\d)"


def _number(pattern: str) -> str:
    return _NOT_IN_NUMBER[0] + pattern + _NOT_IN_NUMBER[1]


def _is_card(match: re.Match[str]) -> bool:
    """Whether a number's check digit is right (Luhn), so that other long numbers stay."""
    digits = [int(one) for one in re.sub(r"\D", "", match[0])][::-1]
    doubled = (sum(divmod(2 * one, 10)) for one in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _always(match: re.Match[str]) -> bool:
    return True


@dataclass(frozen=True)
class _Kind:
    """One kind of personal datum: what takes its place, how it looks, and a last check."""

    placeholder: str
    pattern: re.Pattern[str]
    check: Callable[[re.Match[str]], bool] = _always


_KINDS = (
    # A link with a query, a fragment or a user in it may carry a token, so all of it goes.
    _Kind("[link]", re.compile(rf"{_ALONE}(?:https?|ftp|wss?)://[^\s<>\"'，。；）]{{0,300}}[?#@=][^\s<>\"'，。；）]*", re.I)),
    _Kind("[email]", re.compile(rf"(?<![A-Z0-9._+%-])[A-Z0-9._+%-]++{_AT}[A-Z0-9-]{{1,63}}(?:{_DOT}[A-Z0-9-]{{2,63}}){{1,4}}", re.I)),
    _Kind("[email]", re.compile(r"(?<![A-Z0-9._+%-])[A-Z0-9._+%-]++ at [A-Z0-9-]{1,63}(?: dot [A-Z]{2,20}){1,3}", re.I)),
    _Kind("[secret]", re.compile(rf"{_ALONE}(?:sk|pk|rk|ghp|gho|xox[abp]|AKIA|eyJ|glpat|hf)[-_]?[A-Za-z0-9_\-.]{{16,}}")),
    _Kind("[secret]", re.compile(rf"(?:{_ALONE}(?:password|passwd|pwd|api[ _-]?key)|密码|口令)\s{{0,4}}(?:是|为|[=:：])\s{{0,4}}\S{{4,}}", re.I)),
    _Kind(
        "[secret]",
        re.compile(
            rf"(?:{_ALONE}(?:password|pin|code|token|secret)|验证码|密码)\s{{0,4}}(?:is|是|为|[=:：])?\s{{0,4}}(?=[^\s\d]{{0,40}}\d)[\w!#$%^&*-]{{4,}}",
            re.I,
        ),
    ),
    _Kind("[secret]", re.compile(rf"{_ALONE}(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{{32,}}")),
    _Kind("[id number]", re.compile(_number(r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx]"))),
    _Kind("[id number]", re.compile(_number(r"\d{3}-\d{2}-\d{4}"))),
    _Kind("[account]", re.compile(rf"{_ALONE}[A-Z]{{2}}\d{{2}}(?: ?[A-Z0-9]{{4}}){{3,7}}(?: ?[A-Z0-9]{{1,3}})?(?![A-Za-z0-9])")),
    _Kind("[card]", re.compile(_number(r"\d(?:[ -]?\d){13,18}")), _is_card),
    _Kind("[phone]", re.compile(_number(r"(?:(?:\+|00)?86[ -]?)?1[ .-]?[3-9](?:[ .-]?\d){9}"))),
    _Kind("[phone]", re.compile(_number(r"\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,5}"))),
    _Kind("[phone]", re.compile(_number(r"00\d{2,3}[ -]\d{1,4}(?:[ .-]?\d{2,4}){2,5}"))),
    _Kind("[phone]", re.compile(_number(r"\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}"))),
    _Kind("[phone]", re.compile(_number(r"\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4}"))),
    _Kind("[phone]", re.compile(r"[零〇一二三四五六七八九幺两]{11}")),
    _Kind(
        "[phone]",
        re.compile(
            rf"(?:{_ALONE}(?:tel|phone|call me at|mobile)|电话|手机)(?:号码?)?\s{{0,4}}(?:is|no\.?|是)?\s{{0,4}}[:：]?\s{{0,4}}\+?\d[\d ().-]{{5,18}}\d",
            re.I,
        ),
    ),
    _Kind(
        "[contact]",
        re.compile(
            rf"(?:微信号?|{_ALONE}(?:wechat|weixin|vx|qq|telegram|whatsapp)号?)\s{{0,4}}(?:id)?\s{{0,4}}"
            r"(?:(?:is|是|[:：=])\s{0,4}@?[A-Za-z0-9_-]{5,20}|@?(?=[A-Za-z_-]{0,20}\d)[A-Za-z0-9_-]{5,20})",
            re.I,
        ),
    ),
    _Kind("[address]", re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d]|\.\d)")),
)  # fmt: skip

PLACEHOLDERS = tuple(dict.fromkeys(one.placeholder for one in _KINDS))
"""What takes the place of personal data."""


def scrubbed(text: str) -> str:
    """A text with placeholders for e-mail addresses, telephone, card and identity numbers, accounts, secrets and the
    links that may carry one. Prices, years and the numbers of items stay."""
    for kind in _KINDS:
        text = kind.pattern.sub(lambda match, kind=kind: kind.placeholder if kind.check(match) else match[0], text)  # type: ignore[misc]
    return text


# -- data as data ------------------------------------------------------------------------------------------------------


def fenced(text: str, label: str, most: int = MOST) -> str:
    """A text cleaned, scrubbed and put between marks that name it as data.

    The mark carries a hash of the text, so a text that held its own closing mark would have to hold its own hash; and
    anything that looks like a mark is taken out. The same text always gets the same mark, so replies can be cached.
    """
    inside = scrubbed(clean(text, most))
    name = "".join(chr(ord("a") + byte % 16) for byte in blake2b(inside.encode(), digest_size=10).digest())
    label = re.sub(r"[^\w ]", "", clean(label, 40))
    return f"<data-{name} {label}>\n{inside}\n</data-{name}>"


def names_mark(text: str) -> bool:
    """Whether a reply speaks of the marks around its data: a small model repeats what it was shown, and nobody should read that."""
    return bool(_MARK.search(text))


_PIECE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_]+(?:['’][^\W\d_]+)?")


def repeated(text: str) -> str:
    """Three words, or six Chinese signs, that a reply says three times over, "" when none: a small model that cannot stop
    says things for ever that are each allowed."""
    pieces = [one.casefold() for one in _PIECE.findall(text)]
    for size, joint in ((3, " "), (6, "")):
        runs = Counter(tuple(pieces[at : at + size]) for at in range(len(pieces) - size + 1))
        for run, count in runs.items():
            if count > 2 and (size > 3 or any(one < "\u3040" for one in run)):
                return joint.join(run)
    return ""


def as_data(text: str, label: str, most: int = MOST) -> Message:
    """A message of role "data" that holds a fenced text."""
    return Message("data", fenced(text, label, most))


_MARK = re.compile(r"data-[a-p]{10}(?![a-z])", re.IGNORECASE)
_CLOSING = re.compile(r"\n</data-([a-p]{10})>")
_OPENING = re.compile(r"^<data-([a-p]{10}) ([\w ]{0,40})>\n", re.MULTILINE)


def guarded(message: Message, most: int = MOST_OF_MESSAGE) -> Message:
    """A message cleaned, scrubbed and cut; fences made by `fenced` stay whole, with less inside where it is too long."""
    kept: list[str] = []
    left = most
    for text, label in _pieces(message.content[: most * 4]):
        if left > 0:
            safe = scrubbed(clean(text, left)) if label is None else fenced(text, label, left)
            kept.append(safe)
            left -= len(safe)
    return replace(message, content="\n".join(one for one in kept if one))


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """What stands inside fences, with the label, and what stands between them, with None."""
    ends: dict[str, list[int]] = {}
    for closing in _CLOSING.finditer(text):
        ends.setdefault(closing[1], []).append(closing.start())
    place = 0
    while opening := _OPENING.search(text, place):
        known = ends.get(opening[1], [])
        at = bisect_left(known, opening.end() - 1)
        if at == len(known):
            yield text[place : opening.end()], None
            place = opening.end()
            continue
        yield text[place : opening.start()], None
        yield text[opening.end() : known[at]], opening[2]
        place = known[at] + len(f"\n</data-{opening[1]}>")
    yield text[place:], None


@dataclass(frozen=True)
class Guarded:
    """A language model whose every message is cleaned and scrubbed first. The door that all uses go through."""

    model: LanguageModel
    most: int = MOST_OF_MESSAGE

    @property
    def identity(self) -> str:
        """See LanguageModel."""
        return self.model.identity

    def complete(self, call: Call) -> Reply:
        """See LanguageModel."""
        return self.model.complete(replace(call, messages=[guarded(one, self.most) for one in call.messages]))
