"""Routes of the portal: pages and their files, served from the package with a strict content policy.

Pages hold nothing of anybody: what they show they ask of the public APIs, in the name of who is signed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib.resources import files
from string import Template
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
_STYLES: Final = ("portal.css", "forms.css")
_IMPORTED: Final = re.compile(r'from "/portal/([\w-]+\.js)"')


@dataclass(frozen=True, slots=True)
class _Page:
    """single: there is a page of one thing below it; in_menu: else letters lead there; main: not made by script."""

    title: str
    path: str
    script: str
    single: bool = True
    in_menu: bool = True
    main: str = "empty.html"


_DISCOVER: Final = _Page("Discover", "/", "discover.js", single=False, main="discover.html")
_START: Final = _Page("Start", "/", "start.js", single=False)
_REQUESTS: Final = _Page("Requests", "/requests", "requests.js")
_PERMITS: Final = _Page("Permits", "/permits", "permits.js")
_ORGANISATIONS: Final = _Page("Organisations", "/organisations", "organisations.js")
_CASES: Final = _Page("Cases", "/cases", "cases.js")
_NOTICES: Final = _Page("Notices", "/notices", "notices.js", single=False, in_menu=False)
_INVITATION: Final = _Page("Invitation", "/invitation", "invitation.js", single=False, in_menu=False)


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
    """What the pages need to know of their node. hubs: addresses by id, where requests are made."""

    title: str
    notice: str
    hubs: Mapping[str, str]


def portal_routes(facts: PortalFacts) -> list[Route]:
    """At a hub: the network at `/`, requests, permits, organisations, cases; and where its letters lead."""
    pages = (_DISCOVER, _REQUESTS, _PERMITS, _ORGANISATIONS, _CASES, _NOTICES, _INVITATION)
    return _routes(pages, asdict(facts))


def node_page_routes(facts: NodeFacts) -> list[Route]:
    """At a node: its cases and the permits that open its data, for those who answer for them."""
    return _routes((_START, _CASES, _PERMITS, _NOTICES), asdict(facts))


def _routes(pages: Sequence[_Page], facts: Mapping[str, object]) -> list[Route]:
    """Pages, their files under `/portal/`, and the facts with the menu as JSON."""
    contents = {name: (_STATIC / name).read_bytes() for name in (*_STYLES, *_scripts(pages))}
    menu = [{"title": page.title, "path": page.path} for page in pages if page.in_menu]
    told = msgspec.json.encode({**facts, "pages": menu})

    async def static_file(request: Request) -> Response:
        name = request.path_params["name"]
        return _file(name, contents[name]) if name in contents else Response(status_code=404)

    async def facts_of_service(_: Request) -> Response:
        return Response(told, media_type="application/json", headers=_HEADERS)

    return [
        *(route for page in pages for route in _page_routes(page)),
        Route("/portal/facts.json", facts_of_service, methods=["GET"]),
        Route("/portal/{name}", static_file, methods=["GET"]),
    ]


def _page_routes(page: _Page) -> list[Route]:
    frame = Template((_STATIC / "frame.html").read_text(encoding="utf-8"))
    main = (_STATIC / page.main).read_text(encoding="utf-8").rstrip()
    content = frame.substitute(title=escape(page.title), script=page.script, main=main).encode()

    async def give(_: Request) -> Response:
        return _file("page.html", content)

    paths = (page.path, f"{page.path}/{{id}}") if page.single else (page.path,)
    return [Route(path, give, methods=["GET"]) for path in paths]


def _scripts(pages: Iterable[_Page]) -> frozenset[str]:
    """The modules of pages, and those that they import; nothing else is served."""
    found: set[str] = set()
    wanted = {page.script for page in pages}
    while wanted:
        name = wanted.pop()
        found.add(name)
        text = (_STATIC / name).read_text(encoding="utf-8")
        wanted |= set(_IMPORTED.findall(text)) - found
    return frozenset(found)


def _file(name: str, content: bytes) -> Response:
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=_HEADERS)
