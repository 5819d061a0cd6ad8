"""Parts: settings are checked at construction, in the words of the field; texts under fields are found."""

from __future__ import annotations

import pytest

from zhiyin.errors import NotFitted, SettingError
from zhiyin.part import describe, learned, part, setting, settings
from zhiyin.query import Query
from zhiyin.retrieval.transition import Transition


@part
class Sample:
    """A sample."""

    rate: float = setting(0.5, above=0, most=1)
    """How fast."""
    mode: str = setting("a", options=("a", "b"))
    caps: dict[str, int] = setting({})
    on: bool = setting(False)

    table: list[int] = learned()


@part
class Finer(Sample):
    """A sample that inherits its settings."""

    steps: int = setting(3, least=1)
    """How many."""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": 0.0}, r"Sample\.rate = 0\.0: must be above 0"),
        ({"rate": 2}, r"Sample\.rate = 2\.0: must be at most 1"),
        ({"rate": "fast"}, r"Sample\.rate = 'fast': must be float, got str"),
        ({"mode": "c"}, r"Sample\.mode = 'c': must be one of 'a', 'b'"),
        ({"on": 1}, r"Sample\.on = 1: must be true or false"),
        ({"rate": float("nan")}, r"must be above 0"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_value_and_what_is_allowed(
    given: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        Sample(**given)  # type: ignore[arg-type]


def test_settings_keep_their_type_and_are_not_shared_between_parts() -> None:
    one, other = Sample(rate=1), Sample()
    assert settings(one) == {"rate": 1.0, "mode": "a", "caps": {}, "on": False}
    one.caps["x"] = 1
    assert other.caps == {}


def test_the_text_under_a_field_is_its_documentation() -> None:
    assert describe(Sample) == {"rate": "How fast."}


def test_a_part_inherits_settings_their_checks_and_their_texts() -> None:
    assert settings(Finer(rate=1)) == {"rate": 1.0, "mode": "a", "caps": {}, "on": False, "steps": 3}
    assert describe(Finer) == {"rate": "How fast.", "steps": "How many."}
    with pytest.raises(SettingError, match=r"Finer\.rate = 2"):
        Finer(rate=2)


def test_a_part_that_was_not_fitted_says_so() -> None:
    with pytest.raises(NotFitted, match="Transition has learned nothing yet"):
        Transition().scores([Query()])
