"""Routes of the portal: pages and their files, served from the package with a strict content policy.

Pages hold nothing of anybody: what they show they ask of the public APIs, in the name of who is signed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_STATIC: Final = files("opengdi.portal") / "static"
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_FOR_ALL: Final = ("portal.css", "forms.css", "dom.js", "session.js", "words.js", "commands.js", "clocks.js")
_OF_CASES: Final = ("cases.html", "cases.js", "case.js", "case-commands.js")
_OF_REQUESTS: Final = (
    "requests.html",
    "requests.js",
    "new-request.js",
    "request.js",
    "request-commands.js",
    "draft.js",
    "fields.js",
    "purpose.js",
    "match.js",
)


@dataclass(frozen=True, slots=True)
class PortalFacts:
    """What the pages need to know of their hub; paths are relative to the hub's own address.

    notice: a sentence shown on every page, for instance that all data are synthetic; "" for none.
    """

    title: str
    notice: str
    aggregated_network: str
    subject_network: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the pages of cases need to know of their node. hubs: addresses by id, where attachments are."""

    title: str
    notice: str
    hubs: Mapping[str, str]


def portal_routes(facts: PortalFacts) -> list[Route]:
    """At a hub: the network at `/`, requests, cases, their files under `/portal/`, and the facts as JSON."""
    pages = {"/": "index.html", **_at("/requests", "requests.html"), **_at("/cases", "cases.html")}
    names = {"index.html", "portal.js", *_FOR_ALL, *_OF_CASES, *_OF_REQUESTS}
    return _routes(pages, names, {**asdict(facts), "requests": True})


def case_page_routes(facts: NodeFacts) -> list[Route]:
    """At a node: its cases, for its committees, and nothing else."""
    return _routes(_at("/cases", "cases.html"), {*_FOR_ALL, *_OF_CASES}, {**asdict(facts), "requests": False})


def _at(path: str, name: str) -> dict[str, str]:
    return {path: name, f"{path}/{{id}}": name}


def _routes(pages: Mapping[str, str], names: Iterable[str], facts: Mapping[str, object]) -> list[Route]:
    contents = {name: (_STATIC / name).read_bytes() for name in names}
    told = msgspec.json.encode(facts)

    async def static_file(request: Request) -> Response:
        name = request.path_params["name"]
        return _file(name, contents) if name in contents else Response(status_code=404)

    async def facts_of_service(_: Request) -> Response:
        return Response(told, media_type="application/json", headers=_HEADERS)

    return [
        *(_page(path, name, contents) for path, name in pages.items()),
        Route("/portal/facts.json", facts_of_service, methods=["GET"]),
        Route("/portal/{name}", static_file, methods=["GET"]),
    ]


def _page(path: str, name: str, contents: Mapping[str, bytes]) -> Route:
    async def page(_: Request) -> Response:
        return _file(name, contents)

    return Route(path, page, methods=["GET"])


def _file(name: str, contents: Mapping[str, bytes]) -> Response:
    return Response(contents[name], media_type=_TYPES[name.rpartition(".")[2]], headers=_HEADERS)
