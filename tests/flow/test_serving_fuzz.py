"""Nothing a stranger sends makes the server fail: requests drawn from its own schema, and from outside of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving_world import NOW, fill, fitted

from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.stores.sql import SqlStore

IDS = st.sampled_from(["w01", "w07", "ann-1", "ann-2", "country", "Merlot", "e1", "for_you", "related", "click", "en"])
ODD = st.sampled_from(["", "\x00", "\ud800", "a/b", "../..", "%2e%2e", "é" * 300, "NaN", "1e999", "' OR 1=1 --", "{}"])
TEXTS = st.one_of(*[IDS] * 8, ODD, st.text(max_size=20))
NUMBERS = st.one_of(
    st.integers(-5, 200), st.just(10**30), st.floats(width=64), st.sampled_from([-0.0, 1e308, NOW, 2**63, float("nan")])
)
USUAL = {
    "event_type": st.sampled_from(["click", "like", "dislike", "rating", "impression", "search"]),
    "item_id": st.sampled_from(["w01", "w07", "w11"]),
    "seeds": st.lists(st.sampled_from(["w01", "w07"]), max_size=2),
    "shelf": st.sampled_from(["for_you", "related", "trending"]),
    "filter": st.lists(st.sampled_from(["country:Italy", "alcohol:9..11", "alcohol:..", "x:a|b"]), max_size=2),
    "version": st.none(),
}
"""What each field usually holds, so that most requests come past the checks of form."""
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def values_of(schema: dict[str, Any], parts: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly values of a JSON schema, sometimes anything."""
    fitting = _fitting(schema, parts)
    return st.integers(0, 24).flatmap(lambda draw: fitting if draw else ANYTHING)


def _named(name: str, schema: dict[str, Any], parts: dict[str, Any]) -> st.SearchStrategy[Any]:
    other = values_of(schema, parts)
    return st.integers(0, 9).flatmap(lambda draw: USUAL[name] if draw and name in USUAL else other)


def _fitting(schema: dict[str, Any], parts: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _fitting(parts[schema["$ref"].rpartition("/")[2]], parts)
    if "anyOf" in schema:
        return st.one_of(*[_fitting(one, parts) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return st.tuples(*[values_of(one, parts) for one in schema["prefixItems"]]).map(list)
        return st.lists(values_of(schema.get("items", {}), parts), min_size=schema.get("minItems", 0), max_size=3)
    if kind == "object" and "properties" in schema:
        needed = set(schema.get("required", ()))
        given = {name: _named(name, one, parts) for name, one in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: one for name, one in given.items() if name in needed},
            optional={name: one for name, one in given.items() if name not in needed},
        )
    if kind == "object":
        more = schema.get("additionalProperties")
        return st.dictionaries(TEXTS, values_of(more, parts) if isinstance(more, dict) else ANYTHING, max_size=3)
    if kind == "integer":
        return st.integers(schema.get("minimum", -3), min(schema.get("maximum", 50), 10**6))
    if kind == "number":
        return NUMBERS
    return {"boolean": st.booleans(), "null": st.none()}.get(str(kind), TEXTS)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    store = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('fuzz') / 'world.db'}")
    fill(store)
    engine = Engine(fitted(store), store, clock=lambda: NOW)
    with TestClient(create_app(engine), raise_server_exceptions=False) as client:
        yield client
    store.close()


def escaped(text: Any) -> str:
    return quote(str(text).encode("utf-8", "replace"), safe="")


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_request_gets_an_answer_or_a_reason(client: TestClient, data: st.DataObject) -> None:
    schema = client.app.openapi()  # type: ignore[attr-defined]
    parts = schema["components"]["schemas"]
    routes = [(path, method) for path, table in schema["paths"].items() for method in table]
    path, method = data.draw(st.sampled_from(routes))
    route = schema["paths"][path][method]
    query = []
    for one in route.get("parameters", ()):
        value = data.draw(_named(one["name"], one["schema"], parts), label=one["name"])
        if one["in"] == "path":
            path = path.replace("{" + one["name"] + "}", escaped(value) or "x")
        else:
            query += [f"{one['name']}={escaped(v)}" for v in (value if isinstance(value, list) else [value])]
    content = None
    if "requestBody" in route:
        body = data.draw(values_of(route["requestBody"]["content"]["application/json"]["schema"], parts))
        content = json.dumps(body).encode()
    answer = client.request(
        method.upper(), f"{path}?{'&'.join(query)}", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code < 500, (method, path, query, content, answer.text)
    if answer.headers["content-type"].startswith("application/json"):  # neither measurements nor a streamed chat
        said = answer.json()
        if answer.status_code >= 400:
            assert said["detail"]
            assert said["code"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"null", b"[]", b"9" * 5000]
)
@pytest.mark.parametrize("path", ["/events", "/recommendations", "/items"])
def test_a_body_that_is_no_message_is_refused(client: TestClient, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    if path == "/recommendations" and body == b"null":
        assert answer.status_code in (200, 422)
        return
    assert answer.status_code in (400, 422)
    assert answer.json()["code"]
