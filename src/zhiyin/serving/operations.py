"""The routes for operating a server, and the page: health, measurements, versions, sessions, the audit, the reference."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import generate_latest
from pydantic import StringConstraints
from starlette.types import Scope

from zhiyin.languages.messages import language_codes, messages
from zhiyin.serving import wire, wire_out
from zhiyin.serving.audit import Audited
from zhiyin.serving.bodies import message, takes
from zhiyin.serving.callers import Callers, address_of
from zhiyin.serving.domain import MODULE
from zhiyin.serving.engine import Engine
from zhiyin.serving.keys import Key
from zhiyin.serving.pools import Pools
from zhiyin.serving.readiness import Readiness
from zhiyin.serving.reference import reference_page
from zhiyin.serving.routes import ADMIN, READ, reply
from zhiyin.serving.sessions import cookie

WEB = Path(__file__).parent / "web"

VersionName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]

FAILS: dict[int | str, dict[str, Any]] = {404: {"model": wire.Failure}, 409: {"model": wire.Failure}}
TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


LANGUAGES = "js/languages.js"
"""The page's own sentences, made of the tables that all other sentences come from."""


class Assets(StaticFiles):
    """The page's files: always asked for again, answered 304 when unchanged, so that an update shows at once.

    domain: makes the module of what serves now, see domain_module.
    """

    def __init__(self, domain: Callable[[], str], **given: Any) -> None:
        super().__init__(**given)
        self.domain = domain

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See StaticFiles."""
        modules: dict[str, Callable[[], str]] = {LANGUAGES: languages_module, MODULE: self.domain}
        made = modules.get(Path(path).as_posix())
        if made is not None and scope["method"] in ("GET", "HEAD"):
            return Response(made(), media_type="text/javascript", headers={"cache-control": "no-cache"})
        response = await super().get_response(path, scope)
        fonts = path.endswith(".woff2")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if fonts else "no-cache"
        return response


@cache
def languages_module() -> str:
    """A module of JavaScript with every language's page: {code: {tag, one, texts}}."""
    tables = {code: messages(code) for code in language_codes()}
    page = {
        code: {
            "tag": table.tag,
            "one": sorted(table.ones),
            "texts": {key.removeprefix("page."): text for key, text in table.texts.items() if key.startswith("page.")},
        }
        for code, table in tables.items()
    }
    return f"export const LANGUAGES = {json.dumps(page, ensure_ascii=False)};\n"


def make_page(app: FastAPI) -> APIRouter:
    """The page and the reference."""
    router = APIRouter()

    @router.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(WEB / "index.html", headers={"cache-control": "no-cache"})

    @router.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(reference_page(app.openapi()), media_type="text/html; charset=utf-8")

    return router


def make_health(engine: Engine, readiness: Readiness) -> APIRouter:
    """Whether the process lives, and whether it can serve."""
    router = APIRouter(tags=["operations"])

    @router.get("/health/live", response_model=wire_out.LiveOut)
    async def live() -> Response:
        """The process runs. The gate answers this itself, before anything that could wait."""
        return reply({"live": True})

    @router.get(
        "/health/ready", response_model=wire_out.ReadyOut,
        responses={503: {"model": wire.Failure}, 507: {"model": wire.Failure}},
    )  # fmt: skip
    async def ready() -> Response:
        """Disk, store and model have room and answer; else what is wrong."""
        await readiness()
        return reply({"ready": True, "model_version": engine.live.version})

    return router


def make_operations(app: FastAPI, engine: Engine, pools: Pools, audited: Audited) -> APIRouter:
    """Measurements, versions and the audit."""
    router = APIRouter(tags=["operations"], responses={422: {"model": wire.Failure}})

    @router.get("/metrics", dependencies=READ, response_class=Response, responses=TEXT)
    async def metrics() -> Response:
        """Measurements for Prometheus."""
        return Response(generate_latest(app.state.measurements.registry), media_type="text/plain; version=0.0.4")

    @router.get("/models", response_model=wire_out.ModelsOut, dependencies=READ)
    async def models() -> Response:
        """The version that serves, its shelves and parts, and the versions there are."""
        return await pools.answers(lambda: reply(engine.models()))

    @router.post("/models/{version}/promote", response_model=wire_out.Promoted, responses=FAILS, dependencies=ADMIN)
    async def promote(request: Request, version: VersionName) -> Response:
        """Serve this version from the next request on."""
        return await pools.versions(
            lambda: reply(audited(request, "promote", lambda: engine.promote(version), about=f"version {version}"))
        )

    @router.post("/models/{version}/rollback", response_model=wire_out.Promoted, responses=FAILS, dependencies=ADMIN)
    async def rollback(request: Request, version: VersionName) -> Response:
        """Leave this version for the one that served before it."""
        return await pools.versions(
            lambda: reply(audited(request, "rollback", lambda: engine.rollback(version), about=f"version {version}"))
        )

    @router.get("/erasures", response_model=wire_out.ErasuresOut, dependencies=ADMIN)
    async def erasures() -> Response:
        """The receipts of what was erased, newest first; ids stand in them as keyed hashes alone."""
        return await pools.answers(lambda: reply({"erasures": engine.erasures()}))

    @router.get("/audit", response_model=wire_out.AuditOut, dependencies=ADMIN)
    async def audit(newest: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """What administrators did, with which key and when."""

        def read() -> Response:
            log = audited.audit
            return reply({"entries": [one.table() for one in log.entries(newest)] if log is not None else []})

        return await pools.answers(read)

    return router


def make_sessions(callers: Callers) -> APIRouter:
    """How the page logs in where keys are asked for."""
    router = APIRouter(tags=["session"], responses={401: {"model": wire.Failure}, 422: {"model": wire.Failure}})

    def seen(key: Key | None, value: str | None, request: Request) -> Response:
        scopes = list(key.scopes) if key is not None else []
        named = {"needed": callers.keyring.guarded, "name": key.name if key is not None else "", "scopes": scopes}
        answer = reply(named)
        answer.headers["cache-control"] = "no-store"
        if value is not None:
            answer.headers["set-cookie"] = cookie(value, request.url.scheme == "https")
        return answer

    @router.get("/session", response_model=wire_out.SessionOut)
    async def session(request: Request) -> Response:
        """Whether a key is needed here, and whose session this is."""
        return seen(callers.sessions.key_of(request.headers.get("cookie", "").encode("latin-1")), None, request)

    @router.post("/session", response_model=wire_out.SessionOut, openapi_extra=takes(wire.SessionIn))
    async def log_in(request: Request) -> Response:
        """Show a key once; from then on a cookie stands for it."""
        body = message(await request.body(), wire.SessionIn)
        key = callers.by_key(body.key.encode("utf-8", "replace"), address_of(request.scope))
        return seen(key, callers.sessions.opened(key), request)

    @router.delete("/session", response_model=wire_out.SessionOut)
    async def log_out(request: Request) -> Response:
        """End the session of this browser."""
        return seen(None, "", request)

    return router
