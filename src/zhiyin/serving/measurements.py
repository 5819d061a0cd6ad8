"""Measurements: what Prometheus may read of one server."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from zhiyin.serving.engine import Engine
from zhiyin.trace import Trace

MILLISECONDS = (0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024, 0.032, 0.064, 0.128, 0.5, 2.0)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are counted by name: a label per word that somebody sends would grow without end."""


class Measurements:
    """What Prometheus may read of one server."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "zhiyin_requests_total",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "zhiyin_request_seconds", "Time of a request.", ("route",), buckets=MILLISECONDS, registry=self.registry
        )
        self.stages = Histogram(
            "zhiyin_stage_seconds", "Time of a stage.", ("stage", "part"), buckets=MILLISECONDS, registry=self.registry
        )
        self.events = Counter(
            "zhiyin_events_total", "Events by what became of them.", ("outcome",), registry=self.registry
        )
        self._gauge("zhiyin_items", "Items in the catalogue.", lambda: len(engine.live.recommender.items))
        self._gauge("zhiyin_items_without_vectors", "Items still to be encoded.", lambda: engine.live.encoding.waiting)
        self._gauge("zhiyin_impressions_written", "Impressions on disk.", lambda: engine.impressions.written)
        self._gauge("zhiyin_impressions_dropped", "Impressions lost.", lambda: engine.impressions.dropped)
        self._gauge("zhiyin_profile_hits", "Profiles found in memory.", lambda: engine.live.profiles.hits)
        self._gauge("zhiyin_profile_misses", "Profiles read from the log.", lambda: engine.live.profiles.misses)
        engine.observe = self.trace

    def _gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        Gauge(name, text, registry=self.registry).set_function(value)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. route: its pattern, never the path: a label per user would grow without end."""
        self.requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def trace(self, trace: Trace) -> None:
        """Count the stages of an answer."""
        for step in trace.steps:
            self.stages.labels(step.stage, step.part).observe(step.milliseconds / 1000)
