"""Bodies: JSON from the wire as messages, read and checked in the thread that uses them, never in the loop."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from zhiyin.serving.failures import Refused
from zhiyin.serving.feedback import sentence

M = TypeVar("M", bound=BaseModel)

LISTED = 1000
"""Mistakes up to which they are looked at one by one: four million bytes can hold a million, and each costs a kilobyte."""


def message(raw: bytes, model: type[M]) -> M:
    """A body as a message. Raises Refused: 400 for what is no JSON, 422 for what is no such message."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        count = error.error_count()
        if count > LISTED:
            raise Refused(422, "invalid_request", f"{count:,} values are wrong, too many to list; see /docs") from None
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        if errors[0]["type"] == "json_invalid":
            raise Refused(400, "invalid_json", f"the body is no JSON: {errors[0]['msg']}") from None
        raise Refused(422, "invalid_request", sentence(errors)) from None


def plain(raw: bytes) -> Any:
    """A body as plain values. Raises Refused (400)."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "invalid_json", f"the body is no JSON: {type(error).__name__}") from None


def takes(model: type[BaseModel] | str, required: bool = True) -> dict[str, Any]:
    """What a route that reads a body itself says of it in the schema. model: one of the wire, or its name there."""
    name = model if isinstance(model, str) else model.__name__
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}
