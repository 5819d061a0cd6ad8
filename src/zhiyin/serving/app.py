"""The application: the routes, what stands before them, and how failures are said."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import zhiyin
from zhiyin.errors import ZhiyinError
from zhiyin.serving.audit import Audited
from zhiyin.serving.callers import Callers
from zhiyin.serving.chat import labels_of, make_chat
from zhiyin.serving.domain import domain_module
from zhiyin.serving.engine import Engine
from zhiyin.serving.failures import refusal_of
from zhiyin.serving.feedback import sentence
from zhiyin.serving.forgetting import forget_with
from zhiyin.serving.gate import Gate
from zhiyin.serving.measurements import Measurements
from zhiyin.serving.operations import WEB, Assets, make_health, make_operations, make_page, make_sessions
from zhiyin.serving.paths import IdPaths, closed
from zhiyin.serving.pictures import make_pictures
from zhiyin.serving.pools import Pools
from zhiyin.serving.portraits import make_portraits
from zhiyin.serving.readiness import Readiness
from zhiyin.serving.routes import make_routes, refusal, reply
from zhiyin.serving.schema import openapi_of
from zhiyin.workspace.audit import Audit

LOG = logging.getLogger("zhiyin.serving")

CODES = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed"}


def create_app(engine: Engine) -> FastAPI:
    """The API and the page over an engine."""
    settings, readiness, pools = engine.settings, Readiness(engine), Pools()
    callers = Callers(settings)
    audited = Audited(Audit(settings.audit, engine.clock) if settings.audit is not None else None)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        readiness.close()
        engine.close()

    app = FastAPI(title="Zhiyin", version=zhiyin.__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.engine = engine
    app.state.measurements = Measurements(engine)
    app.openapi = lambda: openapi_of(app, callers.keyring.guarded)  # type: ignore[method-assign]
    _say_failures(app)
    app.include_router(closed(make_page(app)))
    app.include_router(closed(make_health(engine, readiness)))
    app.include_router(closed(make_operations(app, engine, pools, audited)))
    app.include_router(closed(make_sessions(callers)))
    app.include_router(closed(make_portraits(engine, pools, audited)))
    app.include_router(closed(make_pictures(engine, pools)))
    app.include_router(closed(make_routes(engine, pools, audited)))
    app.include_router(closed(make_chat(engine, pools)))
    forget_with(engine)
    if audited.audit is not None:
        engine.on_forget.append(audited.audit.forget)
    app.mount("/web", Assets(lambda: _domain(engine), directory=WEB, check_dir=False), name="web")
    app.add_middleware(IdPaths)
    app.add_middleware(Gate, settings=settings, callers=callers, measurements=app.state.measurements)
    if settings.origins:
        app.add_middleware(CORSMiddleware, **_cors(sorted(settings.origins)))
    return app


def _domain(engine: Engine) -> str:
    return domain_module(engine.live.recommender.items.pack, labels_of(engine))


def _cors(origins: list[str]) -> dict[str, Any]:
    """What pages of other origins may send: a key of theirs, and never the session of the page's own user."""
    return {
        "allow_origins": origins,
        "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
        "allow_headers": ["content-type", "x-api-key"],
        "allow_credentials": False,
        "expose_headers": ["retry-after"],
    }


def _say_failures(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return reply({"detail": sentence(error.errors()), "code": "invalid_request"}, 422)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        answer = reply({"detail": str(error.detail), "code": CODES.get(error.status_code, "error")}, error.status_code)
        answer.headers.update(error.headers or {})
        return answer

    async def expected(request: Request, error: Exception) -> Response:
        refused = refusal_of(error)
        if refused is None:
            return await unforeseen(request, error)
        return refusal(refused)

    for kind in (ZhiyinError, DBAPIError, OSError):
        app.add_exception_handler(kind, expected)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        LOG.error("unforeseen", exc_info=error)
        return reply({"detail": "something failed inside; the server's log says what", "code": "internal"}, 500)
