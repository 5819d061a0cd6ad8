"""Audited: what an administrator asks for over HTTP, done and written down. See zhiyin.workspace.audit for the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import Request

from zhiyin.serving.callers import name_of
from zhiyin.serving.failures import refusal_of
from zhiyin.workspace.audit import Audit

Made = TypeVar("Made")


class Audited:
    """Does what an administrator asked for and writes it down, also where it failed. audit: None writes nothing."""

    def __init__(self, audit: Audit | None) -> None:
        self.audit = audit

    def __call__(
        self, request: Request, what: str, work: Callable[[], Made], *, about: str = "", user: str = ""
    ) -> Made:
        """Whatever the work gives. what: was done; about: to what, or user: to whom."""
        if self.audit is None:
            return work()
        named = self.audit.user(user) if user else about
        try:
            made = work()
        except Exception as error:
            refused = refusal_of(error)
            self.audit.note(name_of(request), what, named, refused.status if refused is not None else 500)
            raise
        self.audit.note(name_of(request), what, named)
        return made
