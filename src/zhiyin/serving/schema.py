"""The OpenAPI schema: FastAPI's own, with the bodies that routes read themselves and what the gate may answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from zhiyin.serving import wire
from zhiyin.serving.callers import needs_no_key
from zhiyin.serving.chat import ChatIn
from zhiyin.serving.gate import LIVE

TAKEN: tuple[type[BaseModel], ...] = (
    wire.Events, wire.RecommendationsIn, wire.ItemsIn, wire.ItemIn, wire.ItemPatch, wire.UserIn, wire.ProfileEdit, wire.SessionIn, ChatIn,
    wire.Failure,
)  # fmt: skip
"""Messages that routes read themselves."""

NAME = 128
"""Characters of a name at most; see wire.Name."""

METHODS = ("get", "post", "put", "patch", "delete")

ALWAYS = {
    400: "No request that can be read: a header that decides something comes twice.",
    403: "A page from elsewhere, or a key without the scope.",
    421: "A host that this server does not answer to.",
    429: "Too many requests, or too many wrong keys. Retry-After says when to come again.",
    503: "The store, an encoder or a model is busy or away. Retry-After says when to come again.",
}
WITH_KEY = {401: "No key, or one that is unknown or has expired."}
WITH_BODY = {
    400: "The body is no JSON.",
    408: "The body did not come whole in time.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "The body is no such message.",
}
WRITING = {507: "The disk is full; nothing of this was kept."}


def openapi_of(app: FastAPI, guarded: bool) -> dict[str, Any]:
    """The schema, made once. guarded: whether keys are asked for."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    made = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    _, own = models_json_schema([(one, "validation") for one in TAKEN], ref_template="#/components/schemas/{model}")
    schemas.update(own["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _close_names(schemas)
    if guarded:
        made["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    for path, method, operation in _operations(made):
        _said(operation, path, method)
        if guarded and not needs_no_key(path):
            operation["security"] = [{"key": []}]
    app.openapi_schema = made
    return made


def _close_names(schema: Any) -> None:
    """Say of tables that their names, too, must fit: pydantic lets every other name hold anything."""
    if isinstance(schema, list):
        for one in schema:
            _close_names(one)
    elif isinstance(schema, dict):
        patterns = schema.get("patternProperties")
        if isinstance(patterns, dict) and len(patterns) == 1:
            ((pattern, values),) = patterns.items()
            del schema["patternProperties"]
            names = {"type": "string", "pattern": pattern, "minLength": 1, "maxLength": NAME}
            schema |= {"additionalProperties": values, "propertyNames": names}
        for one in schema.values():
            _close_names(one)


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, table in made["paths"].items():
        for method in METHODS:
            if method in table:
                yield path, method, table[method]


def _said(operation: dict[str, Any], path: str, method: str) -> None:
    """Add what the gate and the pools may answer to what a route says of itself."""
    responses = operation["responses"]
    added = {} if path == LIVE else {**ALWAYS, **({} if needs_no_key(path) else WITH_KEY)}
    added |= WITH_BODY if "requestBody" in operation else {}
    added |= WRITING if method != "get" else {}
    if "{" not in path and "requestBody" not in operation and not operation.get("parameters"):
        responses.pop("422", None)  # nothing came that could be wrong
    for status, why in added.items():
        known = responses.setdefault(str(status), {})
        known["description"] = why
        known.setdefault("content", {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}})
