"""The listener for operators: is it alive, is it ready, what does it count, which version is it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from opengdi.kernel.clock import Clock
from opengdi.kernel.health import Condition, HealthBoard
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.metrics import MEDIA_TYPE, MetricsRegistry

_Handler = Callable[[Request], Awaitable[Response]]


def management_app(
    *, role: str, version: str, health: HealthBoard, metrics: MetricsRegistry, clock: Clock
) -> ASGIApp:
    """`/health/live` (cheap, says nothing but that requests are answered), `/health/ready`, `/metrics`, `/version`."""

    async def live(_request: Request) -> Response:
        return _json({"status": "ok"})

    async def ready(_request: Request) -> Response:
        report = await health.report()
        subsystems = {
            name: {"status": finding.condition, "detail": finding.detail}
            for name, finding in report.findings.items()
        }
        status = 503 if report.condition is Condition.FAILED else 200
        return _json({"status": report.condition, "subsystems": subsystems}, status)

    async def exposition(_request: Request) -> Response:
        return Response(metrics.exposition(), media_type=MEDIA_TYPE)

    async def tell_version(_request: Request) -> Response:
        return _json({"name": "opengdi", "role": role, "version": version})

    handlers: dict[str, _Handler] = {
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": exposition,
        "/version": tell_version,
    }
    return Edge(Routing(Route(path, handler) for path, handler in handlers.items()), clock=clock)


def _json(members: dict[str, object], status: int = 200) -> Response:
    return Response(msgspec.json.encode(members), status, media_type="application/json")
