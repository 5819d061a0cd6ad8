"""The reference at /docs: one plain page made of the OpenAPI schema, so that nothing is loaded from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")


def reference_page(schema: dict[str, Any]) -> str:
    """The routes and the messages of an OpenAPI schema as HTML."""
    routes = [
        _route(method.upper(), path, table[method])
        for path, table in schema["paths"].items()
        for method in METHODS
        if method in table
    ]
    messages = [_message(name, one) for name, one in schema.get("components", {}).get("schemas", {}).items()]
    title = f"{escape(schema['info']['title'])} {escape(schema['info']['version'])}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}: API</title>'
        f'<h1>{title}: API</h1><p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>'
        f"<h2>Routes</h2>{''.join(routes)}<h2>Messages</h2>{''.join(messages)}</html>"
    )


def _route(method: str, path: str, route: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code><td>{escape(one['in'])}<td>{escape(_type(one['schema']))}"
        f"<td>{escape(one.get('description', ''))}"
        for one in route.get("parameters", ())
    )
    body = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    table = f"<table>{rows}</table>" if rows else ""
    sends = f"<p>Body: {escape(_type(body))}" if body else ""
    return f"<h3><code>{method} {escape(path)}</code></h3><p>{escape(route.get('description', ''))}{table}{sends}"


def _message(name: str, message: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code><td>{escape(_type(one))}<td>{escape(one.get('description', ''))}"
        for field, one in message.get("properties", {}).items()
    )
    return f"<h3>{escape(name)}</h3><p>{escape(message.get('description', ''))}<table>{rows}</table>"


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " or ".join(map(repr, schema["enum"]))
    return str(schema.get("title") if schema.get("type") == "object" else schema.get("type", "any"))
