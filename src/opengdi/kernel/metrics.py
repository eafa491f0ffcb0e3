"""Measurements in the Prometheus text format: one registry per process, never a global one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
NAMESPACE: Final = "opengdi"

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the latency buckets."""


class MetricsRegistry:
    """What this process counts. Labels are few and fixed: never an id, an address or a parameter of a request."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def counter(self, name: str, meaning: str, labels: Iterable[str] = ()) -> Counter:
        """A number that only grows; `_total` is added to its name."""
        return Counter(name, meaning, tuple(labels), namespace=NAMESPACE, registry=self._registry)

    def gauge(self, name: str, meaning: str, labels: Iterable[str] = ()) -> Gauge:
        """A number that goes up and down."""
        return Gauge(name, meaning, tuple(labels), namespace=NAMESPACE, registry=self._registry)

    def histogram(self, name: str, meaning: str, labels: Iterable[str] = ()) -> Histogram:
        """Durations in seconds by bucket."""
        return Histogram(
            name, meaning, tuple(labels), namespace=NAMESPACE, registry=self._registry, buckets=SECONDS
        )

    def exposition(self) -> bytes:
        """Everything, in the text format of `MEDIA_TYPE`."""
        return generate_latest(self._registry)


class RequestMeter:
    """Requests by method, route template and status, and their latency by template."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self._requests = registry.counter(
            "http_requests", "Requests answered.", ("method", "route", "status")
        )
        self._seconds = registry.histogram("http_request_seconds", "Time to answer, in seconds.", ("route",))
        # Looking a labelled child up costs more than counting in it.
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def observe(self, method: str, template: str, status: int, seconds: float) -> None:
        """Take note of one request; an empty template is a path that no route knows."""
        key = (method if method in _METHODS else "other", template or "unknown", status)
        counted = self._counters.get(key)
        if counted is None:
            counted = self._counters[key] = self._requests.labels(*key)
        timed = self._histograms.get(key[1])
        if timed is None:
            timed = self._histograms[key[1]] = self._seconds.labels(key[1])
        counted.inc()
        timed.observe(seconds)


_METHODS: Final = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Others share a label: a stranger must not be able to grow the registry."""
