"""A small server for the page's tests: the real recommender over made wines, behind just the routes the page asks for.

What the page sends is checked by the real wire. It can be told to fail, which a healthy server cannot.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

import zhiyin
from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.item import Item, Items
from zhiyin.profile import History, Profile
from zhiyin.query import Condition, Query
from zhiyin.recommender import Recommender, Shelf, positions
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.serving.wire import EventIn, ProfileEdit, RecommendationsIn
from zhiyin.vocabulary import Vocabulary

WEB = Path(zhiyin.__file__).parent / "serving" / "web"
CSP = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'"
HOSTILE = "<img src=x onerror=\"window.hacked='title'\"><script>window.hacked='script'</script>"
COUNTRIES = ("France", "Italy", "Chile", "Spain")
GRAPES = ("Merlot", "Riesling", "Malbec")
TOPICS = ("country", "grapes")
EDITS = ("refuse", "allow", "wish", "unwish")


def made_items() -> list[Item]:
    """48 wines, four countries by three grapes; one has a hostile title, text and attribute."""
    items = []
    for number in range(48):
        country, grape = COUNTRIES[number % 4], GRAPES[number // 4 % 3]
        attributes = {"type": "Red", "country": country, "grapes": (grape,), "alcohol": 9.0 + number % 7}
        items.append(Item(f"w{number:02}", f"{grape} {country} {number}", "", attributes))
    attributes = {"type": HOSTILE, "country": "France", "grapes": ("Merlot",), "alcohol": 12.0}
    items[0] = Item("w00", HOSTILE, HOSTILE, attributes)
    return items


def made_dataset() -> Dataset:
    """30 people who stay with one country each; the first wines of a country are the popular ones."""
    items = Items.of(made_items())
    users = Vocabulary.of([f"ann-{number}" for number in range(30)], "user")
    rows = []
    for number in range(30):
        for step in range(6):
            wine = (number % 4) + 4 * ((number // 4 * step + step) % (3 + number % 9))
            rows.append((users.position(f"ann-{number}"), items.vocabulary.position(f"w{wine:02}"), 1000.0 + step))
    table = np.array(rows)
    return Dataset(users, items, Interactions.sort(table[:, 0], table[:, 1], table[:, 2]), as_of=2000.0)


class Engine:
    """The recommender, and what people said since."""

    def __init__(self) -> None:
        dataset = made_dataset()
        other = Shelf(("popular",))
        shelves = {"trending": other, "fresh": other, "surprise": other, "related": Shelf(("transition", "popular"))}
        self.recommender = Recommender(retrieve=[Transition(), Popular()], shelves=shelves).fit(dataset)
        self.items = self.recommender.items
        self.dataset = dataset
        self.events: list[dict[str, Any]] = []
        self.edits: dict[str, dict[str, list[list[str]]]] = {}
        self.failing: set[str] = set()

    def knows(self, user: str) -> bool:
        return user.startswith("guest-") or user in self.dataset.users

    def history(self, user: str) -> History:
        position = self.dataset.users.get(user)
        old = self.dataset.history(position) if position >= 0 else History()
        said = [
            event
            for event in self.events
            if event["user_id"] == user and event["event_type"] in ("click", "like", "dislike")
        ]
        items = [self.items.vocabulary.position(event["item_id"]) for event in said]
        weights = [-1.0 if event["event_type"] == "dislike" else 1.0 for event in said]
        return History(
            np.concatenate([old.items, np.array(items, np.int32)]).astype(np.int32),
            np.concatenate([old.times, np.full(len(said), 3000.0)]),
            np.concatenate([old.weights, np.array(weights, np.float32)]).astype(np.float32),
            np.concatenate([old.kinds, np.full(len(said), 2, np.uint8)]).astype(np.uint8),
        )

    def answer(self, ask: dict[str, Any]) -> dict[str, Any]:
        edits = self.edits.get(ask["user_id"], {})
        profile = Profile(
            ask["user_id"],
            self.dataset.users.get(ask["user_id"]),
            self.history(ask["user_id"]),
            refusals=tuple((name, value) for name, value in edits.get("refuse", [])),
        )
        conditions = tuple(
            Condition(one["attribute"], tuple(one.get("values", ())), one.get("least"), one.get("most"))
            for one in ask["conditions"]
        )
        seeds = positions(self.items, ask["seeds"])
        query = Query(profile, n=48, now=4000.0, shelf=ask["shelf"], seeds=seeds, conditions=conditions)
        answer = self.recommender.recommend(query)
        wanted = {value.casefold() for _, value in edits.get("wish", [])} | set(ask["text"].casefold().split())
        rows = list(zip(answer.candidates.items.tolist(), answer.candidates.scores.tolist(), strict=True))
        rows.sort(key=lambda row: -sum(value.casefold() in wanted for _, value in self.items[row[0]].tags()))
        listed = [
            self.row(item, score, rank, ask["language"]) for rank, (item, score) in enumerate(rows[: ask["n"]], 1)
        ]
        return {
            "request_id": f"r{len(self.events)}",
            "model_version": "0001",
            "items": listed,
            "trace": answer.trace.rows(),
        }

    def row(self, position: int, score: float, rank: int, language: str) -> dict[str, Any]:
        item = self.items[position]
        sentence = f"因为{item.title}" if language == "zh" else f"Because of {item.title}"
        reason = {
            "kind": "history",
            "items": [],
            "topic": None,
            "share": 0.5,
            "source": "transition",
            "sentence": sentence,
        }
        metadata = {"title": item.title, "text": item.text, "attributes": dict(item.attributes)}
        return {
            "item_id": item.item_id,
            "score": score,
            "rank": rank,
            "source": "transition",
            "reasons": [reason],
            "explanation": sentence,
            "metadata": metadata,
        }

    def profile(self, user: str) -> dict[str, Any]:
        history, edits = self.history(user), self.edits.get(user, {})
        refused = {tuple(topic) for topic in edits.get("refuse", [])}
        liked = [self.items[int(position)] for position in history.newest_first]
        counts = Counter(tag for item in liked for tag in item.tags() if tag[0] in TOPICS and tag not in refused)
        top = max(counts.values(), default=1)
        interests = [
            {
                "topic": list(tag),
                "weight": count / top,
                "evidence": [item.item_id for item in liked if tag in item.tags()],
            }
            for tag, count in counts.most_common()
        ]
        recent = [{"item_id": item.item_id, "title": item.title, "weight": 1} for item in liked]
        return {
            "events": len(history), "summary": "", "interests": interests, "dislikes": [], "history": recent,
            "refusals": edits.get("refuse", []), "wishes": edits.get("wish", []), "items": {item.item_id: item.title for item in liked},
        }  # fmt: skip


def create_app(engine: Engine) -> FastAPI:
    """The routes the page asks for, with the strictest policy it must live under."""
    app = FastAPI()
    app.mount("/web", StaticFiles(directory=WEB))

    @app.middleware("http")
    async def policy(request: Request, call_next: Any) -> Response:
        if any(request.url.path.startswith(path) for path in engine.failing):
            return JSONResponse({"detail": "told to fail", "code": "unavailable"}, 503)
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = CSP
        return response

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(WEB / "index.html")

    @app.get("/health/ready")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.get("/users")
    def users(q: str = "", limit: int = 40) -> dict[str, Any]:
        found = [user for user in sorted(engine.dataset.users) if q in user]
        return {"users": [{"user_id": user, "events": 6} for user in found[:limit]], "total": len(found)}

    @app.post("/recommendations")
    def recommendations(body: RecommendationsIn) -> Response:
        ask = body.model_dump()
        if not engine.knows(ask["user_id"]):
            return JSONResponse({"detail": f"unknown user '{ask['user_id']}'", "code": "unknown_user"}, 404)
        return JSONResponse(engine.answer(ask))

    @app.get("/items/{item_id}/similar")
    def similar(item_id: str, n: int = 8, lang: str = "en") -> dict[str, Any]:
        ask = {
            "user_id": "guest-",
            "n": n,
            "shelf": "related",
            "seeds": [item_id],
            "conditions": [],
            "text": "",
            "language": lang,
        }
        return engine.answer(ask)

    @app.get("/items/{item_id}")
    def item(item_id: str) -> dict[str, Any]:
        return engine.row(engine.items.vocabulary.position(item_id), 0.0, 1, "en")

    @app.get("/search")
    def search(q: str, n: int = 12, lang: str = "en") -> dict[str, Any]:
        found = [position for position, one in enumerate(engine.items.rows) if q.casefold() in one.content().casefold()]
        return {"items": [engine.row(position, 1.0, rank, lang) for rank, position in enumerate(found[:n], 1)]}

    @app.get("/users/{user_id}/profile")
    def profile(user_id: str) -> dict[str, Any]:
        return engine.profile(user_id)

    @app.patch("/users/{user_id}/profile")
    def edit(user_id: str, body: ProfileEdit) -> dict[str, bool]:
        patch = {name: [list(topic) for topic in topics] for name, topics in body.model_dump(include={*EDITS}).items()}
        edits = engine.edits.setdefault(user_id, {"refuse": [], "wish": []})
        edits["refuse"] = [one for one in edits["refuse"] if one not in patch.get("allow", [])] + patch.get(
            "refuse", []
        )
        edits["wish"] = [one for one in edits["wish"] if one not in patch.get("unwish", [])] + patch.get("wish", [])
        return {"changed": True}

    @app.post("/events")
    def events(body: EventIn) -> dict[str, int]:
        event = body.model_dump()
        assert event["timestamp"] <= time.time() + 1
        engine.events.append(event)
        return {"accepted": 1}

    @app.get("/facets")
    def facets() -> dict[str, Any]:
        texts = [{"attribute": "country", "values": COUNTRIES}, {"attribute": "grapes", "values": GRAPES}]
        counted = [
            {"attribute": one["attribute"], "values": [{"value": value, "count": 12} for value in one["values"]]}
            for one in texts
        ]
        return {"facets": [*counted, {"attribute": "alcohol", "least": 9.0, "most": 15.0}]}

    return app
