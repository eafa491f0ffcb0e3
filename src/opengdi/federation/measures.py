"""What a hub counts of its networks, for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from opengdi.federation.keeping import KeptAnswers
from opengdi.kernel.metrics import NAMESPACE


class KeptAnswersMeter(Collector):
    """How often a kept answer spared a member a question, and how much is kept."""

    def __init__(self, kept: KeptAnswers) -> None:
        self._kept = kept

    def collect(self) -> Iterator[Metric]:
        """The metrics, as `prometheus_client` asks a collector for them."""
        looks = CounterMetricFamily(
            f"{NAMESPACE}_network_kept_answers",
            "Questions to members for which an answer might have been kept; hit: one was, and still held.",
            labels=("look",),
        )
        looks.add_metric(("hit",), self._kept.hits)
        looks.add_metric(("miss",), self._kept.misses)
        yield looks
        yield GaugeMetricFamily(
            f"{NAMESPACE}_network_kept_answers_bytes", "Size of the answers that are kept.", self._kept.bytes
        )
