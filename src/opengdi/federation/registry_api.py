"""Routes of the registry: who the members are, and the signed document for those who pin its key.

Spec: GA4GH service-registry 1.0.0.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opengdi.federation.model import Json
from opengdi.federation.registry_files import RegistryWatch
from opengdi.kernel.errors import NotFound

REGISTRY_BASE = "/registry"


def registry_routes(watch: RegistryWatch, service_info: Json) -> list[Route]:
    """`/registry/services`, `/services/{id}`, `/services/types`, `/service-info`, and `/registry/signed`."""

    def services() -> list[Json]:
        watch.look()
        return list(watch.registry.services)

    def types() -> list[object]:
        kinds = [service["type"] for service in services()]
        return [kind for place, kind in enumerate(kinds) if kind not in kinds[:place]]

    async def one(request: Request) -> Response:
        wanted = request.path_params["id"]
        found = [service for service in services() if service.get("id") == wanted]
        if not found:
            raise NotFound(f"no service {wanted!r} in the registry")
        return _json(found[0])

    async def signed(_: Request) -> Response:
        services()
        return Response(watch.signed, media_type="application/jose")

    return [
        _route("/services", services),
        _route("/services/types", types),
        _route("/types", types),
        Route(f"{REGISTRY_BASE}/services/{{id}}", one, methods=["GET"]),
        _route("/service-info", lambda: service_info),
        Route(f"{REGISTRY_BASE}/signed", signed, methods=["GET"]),
    ]


def _route(path: str, make: Callable[[], object]) -> Route:
    async def tell(_: Request) -> Response:
        return _json(make())

    return Route(REGISTRY_BASE + path, tell, methods=["GET"])


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
