"""Measurements in the Prometheus text format: one registry per process, never a global one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
NAMESPACE: Final = "opengdi"
UNKNOWN_ROUTE: Final = "unknown"
"""Label of requests for paths that no route knows: a stranger must not be able to grow the registry."""

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

    def add(self, collector: Collector) -> None:
        """Ask `collector` too, at every exposition."""
        self._registry.register(collector)

    def exposition(self) -> bytes:
        """Everything, in the text format of `MEDIA_TYPE`."""
        return generate_latest(self._registry)


@dataclass(slots=True)
class _Route:
    """What was measured of one template; `buckets[i]` counts durations up to `SECONDS[i]`, the last all longer ones."""

    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))


class RequestMeter(Collector):
    """Requests by method, route template and status, and their latency by template.

    Counts in plain numbers and becomes metrics when asked, which costs a request a fifth of what the library's
    own counters with their locks do. One thread observes; any may collect.
    """

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._routes: dict[str, _Route] = {}

    def observe(self, method: str, template: str, status: int, seconds: float) -> None:
        """Take note of one request; an empty template is a path that no route knows."""
        key = (method, template, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        route = self._routes.get(template)
        if route is None:
            route = self._routes[template] = _Route()
        route.seconds += seconds
        route.buckets[bisect_left(SECONDS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """The metrics, as `prometheus_client` asks a collector for them."""
        requests = CounterMetricFamily(
            f"{NAMESPACE}_http_requests", "Requests answered.", labels=("method", "route", "status")
        )
        for (method, template, status), number in list(self._requests.items()):
            requests.add_metric((method, template or UNKNOWN_ROUTE, str(status)), number)
        yield requests
        latency = HistogramMetricFamily(
            f"{NAMESPACE}_http_request_seconds", "Time to answer, in seconds.", labels=("route",)
        )
        ends = (*map(str, SECONDS), "+Inf")
        for template, route in list(self._routes.items()):
            cumulative = list(zip(ends, accumulate(route.buckets), strict=True))
            latency.add_metric((template or UNKNOWN_ROUTE,), cumulative, sum_value=route.seconds)
        yield latency
