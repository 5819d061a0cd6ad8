"""The routes. Each turns the wire into one call of the engine; nothing is decided here."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import StringConstraints

from zhiyin.attributes import Attribute
from zhiyin.errors import DataError
from zhiyin.event import Event
from zhiyin.ids import LONGEST
from zhiyin.item import Item
from zhiyin.query import Condition
from zhiyin.serving import wire
from zhiyin.serving.answers import item_json
from zhiyin.serving.engine import Engine
from zhiyin.serving.failures import Refused
from zhiyin.serving.feedback import take_events

ItemId = Annotated[wire.Id, Path(description="The item's id; may hold slashes.")]
UserId = Annotated[wire.Id, Path(description="The user's id; may hold slashes.")]
Many = Annotated[int, Query(ge=1, le=100)]
Ids = Annotated[list[wire.Id], Query(max_length=50)]
Filter = Annotated[
    list[Annotated[str, StringConstraints(max_length=400, pattern=r"^[^\x00:]+:[^\x00]*$")]],
    Query(max_length=20, description="attribute:value, attribute:one|two, or attribute:10..14 for a range."),
]
Weights = Annotated[
    list[Annotated[str, StringConstraints(max_length=160, pattern=r"^[^\x00:]+:[-+.0-9eE]+$")]],
    Query(
        max_length=16, description="action:weight, of what the ranker predicts, such as like:2; for this request alone."
    ),
]
Asked = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]

EVENTS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        wire.EventIn.model_json_schema(),
                        {"type": "array", "items": wire.EventIn.model_json_schema(), "minItems": 1, "maxItems": 1000},
                    ]
                }
            }
        },
    }
}


def reply(value: Any, status: int = 200) -> Response:
    """A value as JSON. Written directly: the wire types describe it, and checking it again would cost milliseconds."""
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "replace"), status, media_type="application/json")


def make_routes(engine: Engine) -> APIRouter:
    """Every route of the API but those for operating it."""
    router = APIRouter(responses={422: {"model": wire.Failure}, 404: {"model": wire.Failure}})
    _answers(router, engine)
    _events(router, engine)
    _items(router, engine)
    _users(router, engine)
    return router


def _answers(router: APIRouter, engine: Engine) -> None:
    @router.get("/users/{user_id:id}/recommendations", response_model=wire.AnswerOut, tags=["recommendations"])
    async def recommendations(
        user_id: UserId,
        n: Many = 10,
        shelf: wire.Name = "for_you",
        explain: bool = True,
        lang: wire.Language = "en",
        trace: bool = False,
        seeds: Ids = [],  # noqa: B006  FastAPI copies defaults
        exclude: Ids = [],  # noqa: B006
        filter: Filter = [],  # noqa: A002, B006
        weights: Weights = [],  # noqa: B006
    ) -> Response:
        """Recommend items to a user. A user nobody has met gets what is popular."""
        conditions = [condition_of(one) for one in filter]
        ask = partial(
            engine.recommend, user_id, n, shelf, explain=explain, language=lang, trace=trace, seeds=seeds,
            exclude=exclude, conditions=conditions, weights=dict(weight_of(one) for one in weights),
        )  # fmt: skip
        return reply(ask() if engine.live.at_hand(user_id) else await run_in_threadpool(ask))

    @router.post("/recommendations", response_model=wire.AnswerOut, tags=["recommendations"])
    async def ask(body: wire.RecommendationsIn) -> Response:
        """Recommend items for a full request: also to guests, whose history is used and not stored."""
        if not body.text and engine.live.at_hand(body.user_id):
            return reply(recommend_body(engine, body))
        return reply(await run_in_threadpool(recommend_body, engine, body))

    @router.get("/items/{item_id:id}/similar", response_model=wire.AnswerOut, tags=["recommendations"])
    def similar(item_id: ItemId, n: Many = 10, lang: wire.Language = "en") -> Response:
        """Items like this one."""
        return reply(engine.similar(item_id, n, lang))

    @router.get("/search", response_model=wire.AnswerOut, tags=["recommendations"])
    def search(
        q: Asked,
        n: Many = 10,
        lang: wire.Language = "en",
        user_id: wire.Id | None = None,
        filter: Filter = [],  # noqa: A002, B006
    ) -> Response:
        """Items that match a text in words or meaning."""
        return reply(engine.search(q, n, [condition_of(one) for one in filter], lang))


def _events(router: APIRouter, engine: Engine) -> None:
    @router.post(
        "/events",
        response_model=wire.EventsOut,
        responses={207: {"model": wire.EventsOut}, 400: {"model": wire.Failure}},
        openapi_extra=EVENTS_BODY,
        tags=["events"],
    )
    async def events(request: Request) -> Response:
        """Store one event or up to 1000. When this returns, what was accepted is on disk and the next answer knows it."""
        raw = await request.body()
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "invalid_json", f"the body is not JSON: {type(error).__name__}") from None
        status, answer = await run_in_threadpool(take_events, engine, body)
        request.app.state.measurements.events.labels("accepted").inc(answer["accepted"])
        request.app.state.measurements.events.labels("rejected").inc(len(answer["rejected"]))
        return reply(answer, status)


def _items(router: APIRouter, engine: Engine) -> None:
    @router.post("/items", tags=["items"])
    def put_items(body: wire.ItemsIn) -> Response:
        """Add or replace up to 1000 items."""
        changed = engine.put_items([item_of(one.item_id, one) for one in body.items])
        return reply({"received": len(body.items), "changed": changed})

    @router.put("/items/{item_id:id}", tags=["items"])
    def put_item(item_id: ItemId, body: wire.ItemIn) -> Response:
        """Add or replace an item. It can be recommended in the next request, from its text alone."""
        changed = engine.put_items([item_of(item_id, body)])
        return reply({"item_id": item_id, "changed": bool(changed)})

    patching = Lock()

    @router.patch("/items/{item_id:id}", tags=["items"])
    def patch_item(item_id: ItemId, body: wire.ItemPatch) -> Response:
        """Change what is given of an item and leave the rest; an attribute given as null is taken away."""
        with patching:  # so that of two changes at once neither is lost
            changed = engine.put_items([patched(engine.item(item_id), body.model_dump(exclude_unset=True))])
        return reply({"item_id": item_id, "changed": bool(changed)})

    @router.get("/items/{item_id:id}", tags=["items"])
    def get_item(item_id: ItemId) -> Response:
        """An item."""
        return reply(item_json(engine.item(item_id)))

    @router.delete("/items/{item_id:id}", tags=["items"])
    def delete_item(item_id: ItemId) -> Response:
        """Erase an item's content and never show it again."""
        engine.delete_item(item_id)
        return reply({"item_id": item_id, "deleted": True})

    @router.get("/facets", tags=["items"])
    def facets() -> Response:
        """The attributes one can filter by, with their commonest values or their range."""
        return reply({"facets": engine.facets()})


def _users(router: APIRouter, engine: Engine) -> None:
    @router.get("/users", tags=["users"])
    def users(q: Annotated[str, StringConstraints(max_length=LONGEST)] = "", limit: Many = 40) -> Response:
        """Users whose id holds a text, those with the most events first."""
        return reply(engine.people.find(q, limit))

    @router.get("/users/{user_id:id}/profile", tags=["users"])
    def profile(user_id: UserId) -> Response:
        """What is known of a user: topics with their weight and the items behind them."""
        return reply(engine.profile(user_id))

    @router.patch("/users/{user_id:id}/profile", tags=["users"], responses={409: {"model": wire.Failure}})
    def edit_profile(user_id: UserId, body: wire.ProfileEdit) -> Response:
        """A user's own edits; they win over what is inferred from the next answer on."""
        return reply(engine.edit_profile(user_id, body.model_dump()))

    @router.get("/users/{user_id:id}/export", tags=["users"])
    def export(user_id: UserId) -> Response:
        """Everything kept of a user."""
        return reply(engine.export(user_id))

    @router.put("/users/{user_id:id}", tags=["users"])
    def put_user(user_id: UserId, body: wire.UserIn) -> Response:
        """Register a user, with attributes and friends."""
        stored = engine.put_user(user_id, body.attributes, body.friends)
        return reply({"user_id": user_id, "version": stored.version})

    @router.get("/users/{user_id:id}", tags=["users"])
    def get_user(user_id: UserId) -> Response:
        """What a user registered, and how many events they have."""
        return reply(engine.user(user_id))

    @router.delete("/users/{user_id:id}", tags=["users"])
    def delete_user(user_id: UserId) -> Response:
        """Forget a user: events, profile and everything made of them."""
        return reply(engine.delete_user(user_id))


def recommend_body(engine: Engine, body: wire.RecommendationsIn) -> dict[str, Any]:
    """A full request as a call of the engine."""
    now = engine.clock()
    past = [
        Event("guest", one.item_id, one.event_type, now if one.timestamp is None else one.timestamp, one.value, event_id=f"seen-{row}")
        for row, one in enumerate(body.history)
    ]  # fmt: skip
    conditions = [Condition(one.attribute, tuple(one.values), one.least, one.most) for one in body.conditions]
    return engine.recommend(
        body.user_id, body.n, body.shelf, text=body.text, seeds=body.seeds, exclude=body.exclude,
        conditions=conditions, history=past, refusals=body.refusals, weights=body.weights, context=body.context,
        language=body.language, explain=body.explain, trace=body.trace, seed=body.seed,
    )  # fmt: skip


def item_of(item_id: str, body: wire.ItemIn) -> Item:
    """An item from the wire."""
    attributes: dict[str, Attribute] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in body.attributes.items()
    }
    return Item(
        item_id, body.title, body.text, attributes, tuple(body.images), body.available_from, body.available_until, body.hidden
    )  # fmt: skip


def patched(item: Item, changes: dict[str, Any]) -> Item:
    """An item with what a PATCH gives of it."""
    given = {name: value for name, value in changes.items() if name != "attributes"}
    given |= {name: "" for name in ("title", "text") if name in given and given[name] is None}
    if "images" in given:
        given["images"] = tuple(given["images"] or ())
    if "hidden" in given:
        given["hidden"] = bool(given["hidden"])
    attributes = {**item.attributes, **(changes.get("attributes") or {})}
    kept = {name: tuple(one) if isinstance(one, list) else one for name, one in attributes.items() if one is not None}
    return replace(item, attributes=kept, **given)


def condition_of(text: str) -> Condition:
    """attribute:value, attribute:one|two, attribute:10..14, attribute:..14."""
    name, _, value = text.partition(":")
    least, dots, most = value.partition("..")
    if not dots:
        return Condition(name, tuple(value.split("|")))
    try:
        return Condition(name, (), float(least) if least else None, float(most) if most else None)
    except ValueError:
        raise DataError(f"filter '{text}': a range is two numbers, like {name}:10..14") from None


def weight_of(text: str) -> tuple[str, float]:
    """action:weight, such as like:2."""
    name, _, value = text.partition(":")
    try:
        weight = float(value)
    except ValueError:
        raise DataError(f"weights '{text}': must be action:number, like like:2") from None
    return name, weight
