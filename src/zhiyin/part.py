"""What a part is: one dataclass whose fields are its settings and whose learned fields are its state.

    @part
    class Ease(Scorer):
        regularization: float = setting(500.0, above=0, tune=(100.0, 500.0, 1000.0))
        '''λ, the weight of the ridge penalty.'''
        weights: FloatArray = learned()

The same declaration is the constructor, the repr, the TOML keys, the save format, the reference page and the tuning grid.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, dataclass_transform

from zhiyin.errors import NotFitted, SettingError

T = TypeVar("T")


def setting(
    default: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    options: tuple[Any, ...] = (),
    tune: tuple[Any, ...] = (),
    at_request: bool = False,
) -> Any:
    """Declare a setting: its default, the values allowed, and the values tuning may try.

    at_request: fit does not read it, so another value can be tried on the same fitted part. A list or dict default is
    copied for each part.
    """
    metadata = {"setting": True, "least": least, "above": above, "most": most, "options": options, "tune": tune}
    metadata["at_request"] = at_request
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def learned(users: tuple[int, ...] = (), added: bool = False) -> Any:
    """Declare a learned field: an array, sparse matrix, dict of arrays or JSON value, None until the part is fitted.

    users: the axes along which the field has a place for each user; a user who is erased is emptied out of them. Law: a
    field that has such an axis says so. added: versions saved before there was such a field are read, with None for it.
    """
    metadata = {"learned": True, "users": users, "added": added}
    return dataclasses.field(default=None, init=False, repr=False, compare=False, metadata=metadata)


@dataclass_transform(kw_only_default=True)
def part(cls: type[T]) -> type[T]:
    """Make a class a part: a keyword-only dataclass that checks its settings when it is constructed.

    Raises SettingError at construction when a value is outside what its field allows.
    """
    own_check: Callable[[Any], None] | None = getattr(cls, "__post_init__", None)  # its own, or that of its base part

    def __post_init__(self: Any) -> None:
        for field in settings_of(type(self)):
            setattr(self, field.name, checked(type(self).__name__, field, getattr(self, field.name)))
        if own_check is not None:
            own_check(self)

    cls.__post_init__ = __post_init__  # type: ignore[attr-defined]
    return dataclasses.dataclass(kw_only=True, eq=False)(cls)


def settings_of(cls: type) -> list[dataclasses.Field[Any]]:
    """The settings of a part, in the order they were written."""
    return [field for field in dataclasses.fields(cls) if not field.metadata.get("learned")]


def learned_of(cls: type) -> list[dataclasses.Field[Any]]:
    """The learned fields of a part, in the order they were written."""
    return [field for field in dataclasses.fields(cls) if field.metadata.get("learned")]


def settings(part: object) -> dict[str, Any]:
    """A part's settings by name."""
    return {field.name: getattr(part, field.name) for field in settings_of(type(part))}


def need_fitted(part: object) -> None:
    """Raise NotFitted unless every learned field of the part that has no value is allowed to have none.

    A part counts as fitted as soon as one learned field has a value; parts without learned fields always do.
    """
    fields = learned_of(type(part))
    if fields and all(getattr(part, field.name) is None for field in fields):
        raise NotFitted(part)


def checked(owner: str, field: dataclasses.Field[Any], value: Any) -> Any:
    """The value in the field's own type, or a SettingError that names argument, value and what is allowed."""
    default = default_of(field)
    where = f"{owner}.{field.name}"
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise SettingError(f"{where} = {value!r}: must be true or false")
        return value
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(default, tuple) and isinstance(value, list):
        value = tuple(value)
    if default is not None and value is not None and not isinstance(value, type(default)):
        raise SettingError(f"{where} = {value!r}: must be {type(default).__name__}, got {type(value).__name__}")
    for broken, allowed in _limits(field, value):
        if broken:
            raise SettingError(f"{where} = {value!r}: must be {allowed}")
    return value


def _limits(field: dataclasses.Field[Any], value: Any) -> Iterator[tuple[bool, str]]:
    rules = field.metadata
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and rules.get("least") is not None:
        yield not value >= rules["least"], f"at least {rules['least']}"
    if number and rules.get("above") is not None:
        yield not value > rules["above"], f"above {rules['above']}"
    if number and rules.get("most") is not None:
        yield not value <= rules["most"], f"at most {rules['most']}"
    if rules.get("options"):
        yield value not in rules["options"], "one of " + ", ".join(map(repr, rules["options"]))


def default_of(field: dataclasses.Field[Any]) -> Any:
    """A field's default value."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def describe(cls: type) -> dict[str, str]:
    """The text under each field of a part and of its base part, by field name: the one place a setting is documented."""
    texts: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        if "__dataclass_fields__" in one.__dict__:
            texts |= _described(one)
    return texts


def _described(cls: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    texts: dict[str, str] = {}
    for line, after in zip(tree.body, tree.body[1:], strict=False):
        is_text = (
            isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
        )
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and is_text:
            texts[line.target.id] = inspect.cleandoc(after.value.value)  # type: ignore[attr-defined]
    return texts
