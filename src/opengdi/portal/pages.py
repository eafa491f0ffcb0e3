"""Routes of the portal: one page and its files, served from the package with a strict content policy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_STATIC: Final = files("opengdi.portal") / "static"
_MEDIA_TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "portal.css": "text/css; charset=utf-8",
    "portal.js": "text/javascript; charset=utf-8",
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PortalFacts:
    """What the page needs to know of its hub; paths are relative to the hub's own address.

    notice: a sentence shown on every page, for instance that all data are synthetic; "" for none.
    """

    title: str
    notice: str
    aggregated_network: str
    subject_network: str


def portal_routes(facts: PortalFacts) -> list[Route]:
    """The page at `/`, its files under `/portal/`, and its facts as JSON."""
    contents = {name: (_STATIC / name).read_bytes() for name in _MEDIA_TYPES}
    facts_json = msgspec.json.encode(asdict(facts))

    async def page(_: Request) -> Response:
        return _file("index.html", contents)

    async def static_file(request: Request) -> Response:
        name = request.path_params["name"]
        return _file(name, contents) if name in contents else Response(status_code=404)

    async def facts_of_hub(_: Request) -> Response:
        return Response(facts_json, media_type="application/json", headers=_HEADERS)

    return [
        Route("/", page, methods=["GET"]),
        Route("/portal/facts.json", facts_of_hub, methods=["GET"]),
        Route("/portal/{name}", static_file, methods=["GET"]),
    ]


def _file(name: str, contents: dict[str, bytes]) -> Response:
    return Response(contents[name], media_type=_MEDIA_TYPES[name], headers=_HEADERS)
