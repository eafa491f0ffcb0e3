"""The web form by which an organisation registers: static files with a strict content policy; it posts to the API."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FORM: Final = "/organisations/register"

_STATIC: Final = files("opengdi.access.organisations") / "static"
_FILES: Final = {
    FORM: ("register.html", "text/html; charset=utf-8"),
    f"{FORM}.js": ("register.js", "text/javascript; charset=utf-8"),
    f"{FORM}.css": ("register.css", "text/css; charset=utf-8"),
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def page_routes() -> list[Route]:
    """The form and its files."""
    return [_route(path, *found) for path, found in _FILES.items()]


def _route(path: str, name: str, media_type: str) -> Route:
    content = (_STATIC / name).read_bytes()

    async def give(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return Route(path, give, methods=["GET"])
