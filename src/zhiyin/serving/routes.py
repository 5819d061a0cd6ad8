"""The routes. Each turns the wire into one call of the engine, in the pool of threads that such calls have."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import StringConstraints

from zhiyin.errors import DataError
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.query import Condition
from zhiyin.serving import wire, wire_out
from zhiyin.serving.answers import item_json
from zhiyin.serving.asking import Waits
from zhiyin.serving.audit import Audited
from zhiyin.serving.bodies import message, plain, takes
from zhiyin.serving.callers import Needs
from zhiyin.serving.engine import Engine
from zhiyin.serving.failures import Refused
from zhiyin.serving.feedback import take_events
from zhiyin.serving.keys import SCOPES
from zhiyin.serving.pools import Pools
from zhiyin.text.attributes import Attribute
from zhiyin.text.ids import LONGEST
from zhiyin.workspace.audit import ERASED

ItemId = Annotated[wire.Id, Path(description="The item's id; may hold slashes.")]
UserId = Annotated[wire.Id, Path(description="The user's id; may hold slashes.")]
Many = Annotated[int, Query(ge=1, le=100)]
Ids = Annotated[list[wire.Id], Query(max_length=50)]
Filter = Annotated[
    list[Annotated[str, StringConstraints(max_length=400, pattern=r"^[^\x00:]+:[^\x00]*$")]],
    Query(max_length=20, description="attribute:value, attribute:one|two, or attribute:10..14 for a range."),
]
Weights = Annotated[
    list[Annotated[str, StringConstraints(max_length=160, pattern=r"^[^\x00:]+:[-+]?[0-9]{1,9}(\.[0-9]{1,9})?$")]],
    Query(
        max_length=16, description="action:weight, of what the ranker predicts, such as like:2; for this request alone."
    ),
]
Asked = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]

EVENTS, READ, WRITE, ADMIN = ([Depends(Needs(scope))] for scope in SCOPES)
"""What a route asks of a key."""
SHORT = 20_000
"""Bytes of a body that the loop may read itself, in a fraction of a millisecond."""


def reply(value: Any, status: int = 200) -> Response:
    """A value as JSON. Written directly: the wire types describe it, and checking it again would cost milliseconds."""
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "replace"), status, media_type="application/json")


def refusal(refused: Refused) -> Response:
    """A request that cannot be served, as the wire has it."""
    answer = reply({"detail": str(refused), "code": refused.code}, refused.status)
    if refused.retry_after is not None:
        answer.headers["retry-after"] = str(math.ceil(refused.retry_after))
    return answer


def make_routes(engine: Engine, pools: Pools, audited: Audited) -> APIRouter:
    """Every route of the API but those for operating it."""
    router = APIRouter(responses={404: {"model": wire.Failure}, 422: {"model": wire.Failure}})
    _answers(router, engine, pools)
    _events(router, engine, pools)
    _items(router, engine, pools, audited)
    _users(router, engine, pools, audited)
    return router


def _answers(router: APIRouter, engine: Engine, pools: Pools) -> None:
    async def answered(ask: Callable[..., dict[str, Any]], user_id: str, text: str = "") -> Response:
        """In the loop where that waits for nothing (decision 0007), else in a thread; words may need an encoder."""
        if not text and engine.live.at_hand(user_id):
            try:
                return reply(ask(at_once=True))
            except Waits:
                pass
        return await (pools.encoding if text else pools.answers)(lambda: reply(ask()))

    @router.get(
        "/users/{user_id:id}/recommendations",
        response_model=wire.AnswerOut,
        tags=["recommendations"],
        dependencies=READ,
    )
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
        return await answered(ask, user_id)

    @router.post(
        "/recommendations", response_model=wire.AnswerOut, tags=["recommendations"], dependencies=READ,
        openapi_extra=takes(wire.RecommendationsIn),
    )  # fmt: skip
    async def ask(request: Request) -> Response:
        """Recommend items for a full request: also to guests, whose history is used and not stored."""
        raw = await request.body()
        if len(raw) > SHORT:
            return await pools.encoding(lambda: reply(recommend_body(engine, message(raw, wire.RecommendationsIn))))
        asked = message(raw, wire.RecommendationsIn)
        return await answered(partial(recommend_body, engine, asked), asked.user_id, asked.text)

    @router.get(
        "/items/{item_id:id}/similar", response_model=wire.AnswerOut, tags=["recommendations"], dependencies=READ
    )
    async def similar(item_id: ItemId, n: Many = 10, lang: wire.Language = "en") -> Response:
        """Items like this one."""
        return await pools.answers(lambda: reply(engine.similar(item_id, n, lang)))

    @router.get("/search", response_model=wire.AnswerOut, tags=["recommendations"], dependencies=READ)
    async def search(
        q: Asked,
        n: Many = 10,
        lang: wire.Language = "en",
        user_id: wire.Id | None = None,
        filter: Filter = [],  # noqa: A002, B006
    ) -> Response:
        """Items that match a text in words or meaning."""
        conditions = [condition_of(one) for one in filter]
        return await pools.encoding(lambda: reply(engine.search(q, n, conditions, lang)))


def _events(router: APIRouter, engine: Engine, pools: Pools) -> None:
    @router.post(
        "/events", response_model=wire.EventsOut, responses={207: {"model": wire.EventsOut}}, openapi_extra=takes("Events"),
        tags=["events"], dependencies=EVENTS,
    )  # fmt: skip
    async def events(request: Request) -> Response:
        """Store one event or up to 1000. When this returns, what was accepted is on disk and the next answer knows it."""
        raw = await request.body()
        status, answer = await pools.writes(lambda: take_events(engine, plain(raw)))
        request.app.state.measurements.events.labels("accepted").inc(answer["accepted"])
        request.app.state.measurements.events.labels("rejected").inc(len(answer["rejected"]))
        return reply(answer, status)


def _items(router: APIRouter, engine: Engine, pools: Pools, audited: Audited) -> None:
    @router.post(
        "/items",
        response_model=wire_out.ItemsOut,
        tags=["items"],
        dependencies=WRITE,
        openapi_extra=takes(wire.ItemsIn),
    )
    async def put_items(request: Request) -> Response:
        """Add or replace up to 1000 items."""
        raw = await request.body()

        def put() -> Response:
            body = message(raw, wire.ItemsIn)
            changed = engine.put_items([item_of(one.item_id, one) for one in body.items])
            return reply({"received": len(body.items), "changed": changed})

        return await pools.writes(put)

    @router.put(
        "/items/{item_id:id}", response_model=wire_out.ItemPut, tags=["items"], dependencies=WRITE,
        openapi_extra=takes(wire.ItemIn),
    )  # fmt: skip
    async def put_item(request: Request, item_id: ItemId) -> Response:
        """Add or replace an item. It can be recommended in the next request, from its text alone."""
        raw = await request.body()

        def put() -> Response:
            changed = engine.put_items([item_of(item_id, message(raw, wire.ItemIn))])
            return reply({"item_id": item_id, "changed": bool(changed)})

        return await pools.writes(put)

    patching = Lock()

    @router.patch(
        "/items/{item_id:id}", response_model=wire_out.ItemPut, tags=["items"], dependencies=WRITE,
        openapi_extra=takes(wire.ItemPatch),
    )  # fmt: skip
    async def patch_item(request: Request, item_id: ItemId) -> Response:
        """Change what is given of an item and leave the rest; an attribute given as null is taken away."""
        raw = await request.body()

        def patch() -> Response:
            changes = message(raw, wire.ItemPatch).model_dump(exclude_unset=True)
            with patching:  # so that of two changes at once neither is lost
                changed = engine.put_items([patched(engine.item(item_id), changes)])
            return reply({"item_id": item_id, "changed": bool(changed)})

        return await pools.writes(patch)

    @router.get("/items/{item_id:id}", response_model=wire_out.ItemOut, tags=["items"], dependencies=READ)
    async def get_item(item_id: ItemId) -> Response:
        """An item."""
        return reply(item_json(engine.item(item_id)))

    @router.delete("/items/{item_id:id}", response_model=wire_out.ItemDeleted, tags=["items"], dependencies=ADMIN)
    async def delete_item(request: Request, item_id: ItemId) -> Response:
        """Erase an item's content and never show it again."""

        def delete() -> Response:
            audited(request, "delete item", lambda: engine.delete_item(item_id), about=f"item {item_id}")
            return reply({"item_id": item_id, "deleted": True})

        return await pools.erasing(delete)

    @router.get("/facets", response_model=wire_out.FacetsOut, tags=["items"], dependencies=READ)
    async def facets() -> Response:
        """The attributes one can filter by, with their commonest values or their range."""
        return await pools.answers(lambda: reply({"facets": engine.facets()}))


def _users(router: APIRouter, engine: Engine, pools: Pools, audited: Audited) -> None:
    @router.get("/users", response_model=wire_out.UsersOut, tags=["users"], dependencies=READ)
    async def users(q: Annotated[str, StringConstraints(max_length=LONGEST)] = "", limit: Many = 40) -> Response:
        """Users whose id holds a text, those with the most events first."""
        return await pools.answers(lambda: reply(engine.people.find(q, limit)))

    @router.get("/users/{user_id:id}/profile", response_model=wire_out.ProfileOut, tags=["users"], dependencies=READ)
    async def profile(user_id: UserId) -> Response:
        """What is known of a user: topics with their weight and the items behind them."""
        return await pools.answers(lambda: reply(engine.profile(user_id)))

    @router.patch(
        "/users/{user_id:id}/profile", response_model=wire_out.ProfileOut, tags=["users"], dependencies=WRITE,
        responses={409: {"model": wire.Failure}}, openapi_extra=takes(wire.ProfileEdit),
    )  # fmt: skip
    async def edit_profile(request: Request, user_id: UserId) -> Response:
        """A user's own edits; they win over what is inferred from the next answer on."""
        raw = await request.body()
        return await pools.writes(
            lambda: reply(engine.edit_profile(user_id, message(raw, wire.ProfileEdit).model_dump()))
        )

    @router.get("/users/{user_id:id}/export", response_model=wire_out.ExportOut, tags=["users"], dependencies=ADMIN)
    async def export(request: Request, user_id: UserId) -> Response:
        """Everything kept of a user."""
        return await pools.writes(
            lambda: reply(audited(request, "export user", lambda: engine.export(user_id), user=user_id))
        )

    @router.put(
        "/users/{user_id:id}", response_model=wire_out.UserPut, tags=["users"], dependencies=WRITE,
        openapi_extra=takes(wire.UserIn),
    )  # fmt: skip
    async def put_user(request: Request, user_id: UserId) -> Response:
        """Register a user, with attributes and friends."""
        raw = await request.body()

        def put() -> Response:
            body = message(raw, wire.UserIn)
            stored = engine.put_user(user_id, body.attributes, body.friends, body.personalise)
            return reply({"user_id": user_id, "version": stored.version})

        return await pools.writes(put)

    @router.get("/users/{user_id:id}", response_model=wire_out.UserOut, tags=["users"], dependencies=READ)
    async def get_user(user_id: UserId) -> Response:
        """What a user registered, and how many events they have."""
        return await pools.answers(lambda: reply(engine.user(user_id)))

    @router.delete("/users/{user_id:id}", response_model=wire_out.UserDeleted, tags=["users"], dependencies=ADMIN)
    async def delete_user(request: Request, user_id: UserId) -> Response:
        """Forget a user: events, profile and everything made of them."""
        return await pools.erasing(
            lambda: reply(audited(request, "delete user", lambda: engine.delete_user(user_id), about=ERASED))
        )


def recommend_body(engine: Engine, body: wire.RecommendationsIn, at_once: bool = False) -> dict[str, Any]:
    """A full request as a call of the engine. at_once: see Engine.recommend."""
    now = engine.clock()
    past = [
        Event("guest", one.item_id, one.event_type, now if one.timestamp is None else one.timestamp, one.value, event_id=f"seen-{row}")
        for row, one in enumerate(body.history)
    ]  # fmt: skip
    conditions = [Condition(one.attribute, tuple(one.values), one.least, one.most) for one in body.conditions]
    return engine.recommend(
        body.user_id, body.n, body.shelf, text=body.text, seeds=body.seeds, exclude=body.exclude,
        conditions=conditions, history=past, refusals=body.refusals, weights=body.weights, context=body.context,
        language=body.language, explain=body.explain, trace=body.trace, seed=body.seed, at_once=at_once,
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
