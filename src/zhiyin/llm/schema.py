"""Schema: replies as our own dataclasses. JSON schema out, checked values in, one repair, then a named error.

    @dataclass(frozen=True)
    class Tags:
        mood: Literal["calm", "lively"]
        tags: tuple[str, ...] = limit(most=5, letters=30)

    ask(model, Call(messages), Tags)

Every text and list is bounded, in the schema and when a reply is read: a model that cannot stop is stopped.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from zhiyin.errors import InvalidReply
from zhiyin.llm.guard import clean
from zhiyin.ports import Call, LanguageModel, Message, Reply

T = TypeVar("T")

LETTERS = 400
"""Characters of a text field, unless its limit says otherwise."""

MANY = 20
"""Values in a list, unless its limit says otherwise."""

LONGEST = 40_000
"""Characters of a whole reply that are looked at."""

LARGEST = 1_000_000_000
"""A number without limits of its own, when a grammar chooses it."""

SMALLEST = 0.0001
"""The last digit of a number that a grammar chooses."""

Options = Mapping[str, Sequence[str]]
"""Texts allowed in a field, by its name: ids that are known only when the question is asked."""


def limit(
    *,
    least: float | None = None,
    most: float | None = None,
    letters: int | None = None,
    options: Sequence[str] = (),
    distinct: bool = False,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A dataclass field with limits.

    least, most: of a number, or of how many values a list has. letters: characters of a text, or of each text in a
    list. options: the texts allowed. distinct: a list repeats nothing. default: taken when a reply leaves the field out.
    """
    metadata = {"least": least, "most": most, "letters": letters, "options": tuple(options), "distinct": distinct}
    return dataclasses.field(default=default, metadata=metadata)


# -- out: the JSON schema ----------------------------------------------------------------------------------------------


def schema_of(cls: type, options: Options | None = None) -> dict[str, Any]:
    """The JSON schema of a dataclass: objects are closed, every field is required, texts and lists are bounded.

    Fields may be str, int, float, bool, Literal, another dataclass, tuple[X, ...] or list[X] of these, or X | None.
    Raises TypeError for any other field: that is a mistake of ours, not of a model.
    """
    properties: dict[str, Any] = {}
    for field, hint in _fields(cls):
        properties[field.name] = _schema(hint, _limits(field, options), options)
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _fields(cls: type) -> list[tuple[dataclasses.Field[Any], Any]]:
    hints = get_type_hints(cls)
    return [(field, hints[field.name]) for field in dataclasses.fields(cls)]


def _limits(field: dataclasses.Field[Any], options: Options | None) -> dict[str, Any]:
    limits = dict(field.metadata)
    if options and field.name in options:
        limits["options"] = tuple(options[field.name])
    return limits


def _schema(hint: Any, limits: Mapping[str, Any], options: Options | None) -> dict[str, Any]:
    inner, optional = _without_none(hint)
    if optional:
        return {"anyOf": [_schema(inner, limits, options), {"type": "null"}]}
    if dataclasses.is_dataclass(inner):
        return schema_of(cast(type, inner), options)
    if (item := _item_of(inner)) is not None:
        least, most = int(limits.get("least") or 0), int(limits.get("most") or MANY)
        rest = {key: value for key, value in limits.items() if key not in ("least", "most")}
        return {"type": "array", "items": _schema(item, rest, options), "minItems": least, "maxItems": most}
    if inner is str or get_origin(inner) is Literal:
        allowed = get_args(inner) if get_origin(inner) is Literal else limits.get("options")
        return {"type": "string", "enum": list(allowed)} if allowed else _text(limits)
    if inner is bool:
        return {"type": "boolean"}
    if inner in (int, float):
        ends = {"minimum": limits.get("least"), "maximum": limits.get("most")}
        kind = "integer" if inner is int else "number"
        return {"type": kind, **{key: value for key, value in ends.items() if value is not None}}
    raise TypeError(
        f"a reply cannot hold {hint!r}: use str, int, float, bool, Literal, a dataclass or a tuple of these"
    )


def _text(limits: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "string", "maxLength": int(limits.get("letters") or LETTERS)}


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        kept = [one for one in get_args(hint) if one is not type(None)]
        if len(kept) == 1:
            return kept[0], True
    return hint, False


def _item_of(hint: Any) -> Any:
    """What a list type is a list of, None for other types."""
    if get_origin(hint) is list or (get_origin(hint) is tuple and get_args(hint)[1:] == (Ellipsis,)):
        return get_args(hint)[0]
    return None


def for_grammar(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema as llguidance shall read it, so that no reply can go on without end or waste tokens.

    White space would cost a token each; a number may otherwise have digits for ever.
    """
    tight = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
    return {**_few_digits(schema), "x-guidance": tight}


def _few_digits(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_few_digits(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {key: one if key == "enum" else _few_digits(one) for key, one in schema.items()}
    if schema.get("type") in ("number", "integer"):
        found = {"minimum": -LARGEST, "maximum": LARGEST, **found}
    if schema.get("type") == "number":
        found["multipleOf"] = SMALLEST
    return found


# -- in: a reply -------------------------------------------------------------------------------------------------------


def parse(text: str, cls: type[T], options: Options | None = None) -> T:
    """A reply as an instance of a dataclass. Raises InvalidReply that names the field and what was allowed.

    The first JSON object in the reply is read, whatever stands around it. Fields that were not asked for are left
    out; texts are cleaned as guard.clean does.
    """
    return cast(T, _instance(_object(text), cls, options, ""))


def _object(text: str) -> Mapping[str, Any]:
    text = re.sub(r"<think>.*?(?:</think>|$)", "", text[:LONGEST], flags=re.DOTALL)
    start = text.find("{")
    if start < 0:
        raise InvalidReply(f"no JSON object in the reply: {_short(text)}")
    try:
        decoder = json.JSONDecoder(parse_constant=_no_constant)
        found, _ = decoder.raw_decode(text[start:])
    except (ValueError, RecursionError) as error:
        raise InvalidReply(f"the reply is not JSON ({error}): {_short(text)}") from error
    return cast(Mapping[str, Any], found)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _short(text: str) -> str:
    return repr(clean(text, 80))


def _instance(values: Mapping[str, Any], cls: type, options: Options | None, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise InvalidReply(f"{where or 'reply'}: must be an object, got {_kind(values)}")
    given: dict[str, Any] = {}
    for field, hint in _fields(cls):
        if field.name in values:
            path = f"{where}.{field.name}" if where else field.name
            given[field.name] = _value(values[field.name], hint, _limits(field, options), options, path)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise InvalidReply(f"{where or 'reply'}: field '{field.name}' is missing")
    return cls(**given)


def _value(value: Any, hint: Any, limits: Mapping[str, Any], options: Options | None, where: str) -> Any:
    inner, optional = _without_none(hint)
    if value is None and optional:
        return None
    if dataclasses.is_dataclass(inner):
        return _instance(value, cast(type, inner), options, where)
    if (item := _item_of(inner)) is not None:
        found = _list(value, item, limits, options, where)
        return found if get_origin(inner) is list else tuple(found)
    if inner is str or get_origin(inner) is Literal:
        allowed = get_args(inner) if get_origin(inner) is Literal else limits.get("options")
        return _string(value, allowed, int(limits.get("letters") or LETTERS), where)
    if inner is bool:
        if not isinstance(value, bool):
            raise InvalidReply(f"{where}: must be true or false, got {_kind(value)}")
        return value
    return _number(value, inner, limits, where)


def _list(value: Any, item: Any, limits: Mapping[str, Any], options: Options | None, where: str) -> list[Any]:
    least, most = int(limits.get("least") or 0), int(limits.get("most") or MANY)
    if not isinstance(value, list):
        raise InvalidReply(f"{where}: must be a list, got {_kind(value)}")
    if not least <= len(value) <= most:
        raise InvalidReply(f"{where}: {len(value)} values; {least} to {most} are allowed")
    rest = {key: one for key, one in limits.items() if key not in ("least", "most")}
    found = [_value(one, item, rest, options, f"{where}[{place}]") for place, one in enumerate(value)]
    if limits.get("distinct") and len(set(found)) < len(found):
        raise InvalidReply(f"{where}: a value comes twice; each may come once")
    return found


def _string(value: Any, allowed: Sequence[str] | None, letters: int, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidReply(f"{where}: must be a text, got {_kind(value)}")
    if allowed:
        if value not in allowed:
            raise InvalidReply(f"{where}: {_short(value)} is not one of {', '.join(map(repr, list(allowed)[:40]))}")
        return value
    text = clean(value, LONGEST)
    if len(text) > letters:
        raise InvalidReply(f"{where}: {len(text)} characters; at most {letters} are allowed")
    return text


def _number(value: Any, kind: Any, limits: Mapping[str, Any], where: str) -> int | float:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and not whole):
        raise InvalidReply(f"{where}: must be a {'whole ' if kind is int else ''}number, got {_kind(value)}")
    number = cast("int | float", kind(value)) if abs(value) < 1e15 else math.inf
    least, most = limits.get("least"), limits.get("most")
    if not math.isfinite(number) or (least is not None and number < least) or (most is not None and number > most):
        ends = f"{'-∞' if least is None else least} to {'∞' if most is None else most}"
        raise InvalidReply(f"{where}: {_short(str(value))}; {ends} is allowed")
    return number


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number") + f" ({_short(json.dumps(value, ensure_ascii=True)[:60])})"


# -- asking ------------------------------------------------------------------------------------------------------------

REPAIR = (
    "Your reply could not be used: {why}\n"
    "Answer again with one JSON object that satisfies this schema, and with nothing else:\n{schema}"
)


def ask(model: LanguageModel, call: Call, cls: type[T], options: Options | None = None) -> T:
    """Ask a model for a dataclass, whose schema the call gets. An unusable reply is sent back once with what is wrong, unless
    it broke off at max_tokens; then InvalidReply is raised."""
    return cast(T, ask_reply(model, call, cls, options).value)


def ask_reply(model: LanguageModel, call: Call, cls: type, options: Options | None = None) -> Reply:
    """As ask, with what the answer cost; the instance is the reply's value and a repair's tokens are counted in."""
    schema = schema_of(cls, options)
    call = dataclasses.replace(call, schema=schema)
    first = model.complete(call)
    try:
        return dataclasses.replace(first, value=parse(first.text, cls, options))
    except InvalidReply as error:
        if first.reply_tokens >= call.max_tokens:  # it would go on for ever again, for twice the price
            raise InvalidReply(f"{model.identity}: its reply broke off at {call.max_tokens} tokens") from error
        why = REPAIR.format(why=clean(str(error), 300), schema=json.dumps(schema, ensure_ascii=False))
        said = Message("assistant", clean(first.text, 2_000) or "…")
    second = model.complete(dataclasses.replace(call, messages=[*call.messages, said, Message("user", why)]))
    try:
        value: Any = parse(second.text, cls, options)
    except InvalidReply as error:
        # Not in the error's words: they quote the reply, which may quote the prompt, and errors get shown.
        raise InvalidReply(f"{model.identity}: its reply was unusable even after a repair") from error
    return dataclasses.replace(
        second,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        reply_tokens=first.reply_tokens + second.reply_tokens,
        seconds=first.seconds + second.seconds,
        value=value,
    )
