"""Pages of single parts: static files with a strict content policy, which ask the APIs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_TYPES: Final = {"html": "text/html", "js": "text/javascript", "css": "text/css"}


def static_routes(folder: Traversable, files: Mapping[str, str]) -> list[Route]:
    """files: names in the folder, by path."""
    return [_route(path, (folder / name).read_bytes(), name) for path, name in files.items()]


def _route(path: str, content: bytes, name: str) -> Route:
    media_type = f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"

    async def give(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return Route(path, give, methods=["GET"])
