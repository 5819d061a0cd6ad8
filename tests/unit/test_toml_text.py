"""A recipe written out reads back as the same document."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from zhiyin.evaluation.toml_text import to_toml, with_settings

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
plain = st.one_of(st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(exclude_categories=["Cs"])))  # fmt: skip
tables = st.dictionaries(keys, st.one_of(plain, st.lists(plain, max_size=3)), max_size=4)
documents = st.dictionaries(keys, st.one_of(plain, tables, st.lists(tables, min_size=1, max_size=3)), max_size=4)


@given(documents)
def test_round_trip(document):
    assert tomllib.loads(to_toml(document)) == document


def test_only_the_named_source_changes():
    text = 'name = "x"\n[[retrieve]]\nuse = "transition"\ndecay = 0.8\n[[retrieve]]\nname = "new"\nuse = "popular"\n'
    changed = tomllib.loads(with_settings(text, {"new": {"half_life": 7.0}}))
    assert changed["retrieve"][0] == {"use": "transition", "decay": 0.8}
    assert changed["retrieve"][1] == {"name": "new", "use": "popular", "half_life": 7.0}
