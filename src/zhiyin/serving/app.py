"""The application: routes, failures, the page, and what operating it needs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import generate_latest
from pydantic import StringConstraints
from starlette.exceptions import HTTPException
from starlette.types import Scope

import zhiyin
from zhiyin.errors import DataError, MissingExtra, ModelError, SavedVersionError, SettingError, UnknownId, ZhiyinError
from zhiyin.query import Query as Ask
from zhiyin.serving import wire
from zhiyin.serving.chat import make_chat
from zhiyin.serving.engine import Engine
from zhiyin.serving.failures import Refused
from zhiyin.serving.feedback import sentence
from zhiyin.serving.forgetting import forget_with
from zhiyin.serving.gate import Gate, Measurements
from zhiyin.serving.paths import IdPaths
from zhiyin.serving.pictures import make_pictures
from zhiyin.serving.portraits import make_portraits
from zhiyin.serving.reference import reference_page
from zhiyin.serving.routes import make_routes, reply

LOG = logging.getLogger("zhiyin.serving")

VersionName = Annotated[str, StringConstraints(min_length=1, max_length=64)]

WEB = Path(__file__).parent / "web"

STATUS: tuple[tuple[type[ZhiyinError], int, str], ...] = (
    (UnknownId, 404, "unknown_id"),
    (DataError, 422, "invalid_request"),
    (SettingError, 422, "invalid_request"),
    (SavedVersionError, 409, "unusable_version"),
    (ModelError, 503, "model_failed"),
    (MissingExtra, 503, "not_installed"),
)
"""How each error raised on purpose is said over HTTP; the first that fits."""

CODES = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed"}


def create_app(engine: Engine) -> FastAPI:
    """The API and the page over an engine."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.close()

    app = FastAPI(title="Zhiyin", version=zhiyin.__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.engine = engine
    app.state.measurements = Measurements(engine)
    _say_failures(app)
    app.include_router(_operations(app, engine))
    app.include_router(make_portraits(engine))
    app.include_router(make_pictures(engine))
    app.include_router(make_routes(engine))
    app.include_router(make_chat(engine))
    forget_with(engine)
    app.mount("/web", Assets(directory=WEB, check_dir=False), name="web")
    app.add_middleware(IdPaths)
    app.add_middleware(Gate, engine=engine, measurements=app.state.measurements)
    return app


def _operations(app: FastAPI, engine: Engine) -> APIRouter:
    router = APIRouter(responses={422: {"model": wire.Failure}})

    @router.get("/", include_in_schema=False)
    def page() -> Response:
        return FileResponse(WEB / "index.html", headers={"cache-control": "no-cache"})

    @router.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return Response(reference_page(app.openapi()), media_type="text/html; charset=utf-8")

    @router.get("/health/live", tags=["operations"])
    def live() -> Response:
        """The process runs."""
        return reply({"live": True})

    @router.get("/health/ready", tags=["operations"], responses={503: {"model": wire.Failure}})
    def ready() -> Response:
        """The store and the version that serves both answer."""
        try:
            engine.store.meta.get("schema")
            engine.live.recommender.recommend(Ask(n=1, now=engine.clock()))
        except Exception:
            LOG.exception("not ready")
            raise Refused(503, "not_ready", "the store or the model does not answer") from None
        return reply({"ready": True, "model_version": engine.live.version})

    @router.get("/metrics", tags=["operations"])
    def metrics() -> Response:
        """Measurements for Prometheus."""
        return Response(generate_latest(app.state.measurements.registry), media_type="text/plain; version=0.0.4")

    @router.get("/models", tags=["operations"])
    def models() -> Response:
        """The version that serves, its shelves and parts, and the versions there are."""
        return reply(engine.models())

    @router.get("/erasures", tags=["operations"])
    def erasures() -> Response:
        """The receipts of what was erased, newest first; ids stand in them as keyed hashes alone."""
        return reply({"erasures": engine.erasures()})

    failures: dict[int | str, dict[str, Any]] = {404: {"model": wire.Failure}, 409: {"model": wire.Failure}}

    @router.post("/models/{version}/promote", tags=["operations"], responses=failures)
    def promote(version: VersionName) -> Response:
        """Serve this version from the next request on."""
        return reply(engine.promote(version))

    @router.post("/models/{version}/rollback", tags=["operations"], responses=failures)
    def rollback(version: VersionName) -> Response:
        """Leave this version for the one that served before it."""
        return reply(engine.rollback(version))

    return router


def _say_failures(app: FastAPI) -> None:
    @app.exception_handler(ZhiyinError)
    async def on_purpose(request: Request, error: ZhiyinError) -> Response:
        if isinstance(error, Refused):
            return reply({"detail": str(error), "code": error.code}, error.status)
        status, code = next(((s, c) for kind, s, c in STATUS if isinstance(error, kind)), (500, "internal"))
        return reply({"detail": str(error), "code": code}, status)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return reply({"detail": sentence(error.errors()), "code": "invalid_request"}, 422)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        answer = reply({"detail": str(error.detail), "code": CODES.get(error.status_code, "error")}, error.status_code)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        LOG.error("unforeseen", exc_info=error)
        return reply({"detail": "something failed inside; the server's log says what", "code": "internal"}, 500)


class Assets(StaticFiles):
    """The page's files: always asked for again, answered 304 when unchanged, so that an update shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See StaticFiles."""
        response = await super().get_response(path, scope)
        fonts = path.endswith(".woff2")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if fonts else "no-cache"
        return response
