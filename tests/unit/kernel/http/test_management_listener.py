"""Operators ask: is it alive, is it ready, what does it count, which version is it."""

from __future__ import annotations

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.kernel.http.asgi_call import call

from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.health import Condition, Finding, HealthBoard, Probe
from opengdi.kernel.http.management import management_app
from opengdi.kernel.metrics import MetricsRegistry, RequestMeter


def app(*probes: Probe, metrics: MetricsRegistry | None = None, limit_s: float = 1.0):
    return management_app(
        role="node",
        version="1.2.3",
        health=HealthBoard(probes, limit_s),
        metrics=metrics or MetricsRegistry(),
        clock=FixedClock(),
    )


def well() -> Finding:
    return Finding(detail="3 releases")


def slow() -> Finding:
    return Finding(Condition.DEGRADED, "behind by 4 generations")


def broken() -> Finding:
    raise Unavailable("the index does not open")


def defective() -> Finding:
    return {}["secret value"]


async def test_alive_says_so_whatever_the_subsystems_say():
    answered = await call(app(Probe("index", broken)), "/health/live")
    assert (answered.status, answered.json) == (200, {"status": "ok"})


async def test_ready_tells_each_subsystem():
    answered = await call(app(Probe("database", well), Probe("index", slow)), "/health/ready")
    assert answered.status == 200
    assert answered.json == {
        "status": "degraded",
        "subsystems": {
            "database": {"status": "ok", "detail": "3 releases"},
            "index": {"status": "degraded", "detail": "behind by 4 generations"},
        },
    }


async def test_a_subsystem_that_is_needed_and_failed_makes_the_process_not_ready():
    answered = await call(app(Probe("database", well), Probe("index", broken)), "/health/ready")
    assert answered.status == 503
    assert answered.json["status"] == "failed"
    assert answered.json["subsystems"]["index"] == {"status": "failed", "detail": "the index does not open"}


async def test_a_failed_subsystem_that_is_not_needed_only_degrades():
    answered = await call(app(Probe("audit copy", broken, needed=False)), "/health/ready")
    assert (answered.status, answered.json["status"]) == (200, "degraded")


async def test_a_probe_that_hangs_has_failed():
    def hang() -> Finding:
        time.sleep(0.2)
        return Finding()

    answered = await call(app(Probe("store", hang), limit_s=0.02), "/health/ready")
    assert answered.json["subsystems"]["store"]["detail"] == "no answer within 0.02 s"


async def test_a_defect_in_a_probe_tells_its_type_only():
    answered = await call(app(Probe("store", defective)), "/health/ready")
    assert answered.json["subsystems"]["store"] == {"status": "failed", "detail": "KeyError"}


async def test_version_names_role_and_version():
    assert (await call(app(), "/version")).json == {"name": "opengdi", "role": "node", "version": "1.2.3"}


@pytest.mark.parametrize("path", ["/", "/docs", "/beacon/aggregated/v2/info"])
async def test_nothing_else_is_served_here(path):
    assert (await call(app(), path)).status == 404


async def test_metrics_tell_requests_by_route_and_no_path_or_id():
    metrics, meter = MetricsRegistry(), RequestMeter()
    metrics.add(meter)
    meter.observe("GET", "/datasets/{id}", 200, 0.0004)
    meter.observe("GET", "/datasets/{id}", 200, 0.3)
    meter.observe("GET", "", 404, 99.0)
    answered = await call(app(metrics=metrics), "/metrics")
    assert answered.headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answered.body.decode())
        for sample in family.samples
    }
    route = ("route", "/datasets/{id}")
    assert samples["opengdi_http_requests_total", ("method", "GET"), route, ("status", "200")] == 2
    assert samples["opengdi_http_request_seconds_bucket", ("le", "0.0005"), route] == 1
    assert samples["opengdi_http_request_seconds_bucket", ("le", "0.5"), route] == 2
    assert samples["opengdi_http_request_seconds_count", ("route", "unknown")] == 1
    assert samples["opengdi_http_request_seconds_sum", route] == pytest.approx(0.3004)
    assert samples["process_resident_memory_bytes",] > 0
