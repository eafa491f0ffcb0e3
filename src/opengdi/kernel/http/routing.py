"""Paths to handlers. A path without parameters costs one look-up in a table, however many routes there are.

Takes Starlette's `Route`s. A handler may be a function of a request, or (hot) an object that is an ASGI app itself.
Unlike Starlette's router it never redirects a trailing slash and names the matched template in the scope.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

TEMPLATE = "opengdi.template"
"""Key of the scope: the matched path with its parameters unfilled, for metrics."""


class Routing:
    """An ASGI app over routes. Raises HTTPException 404 or 405 (with `Allow`) for the edge to tell."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, list[Route]] = {}
        self._patterns: list[Route] = []
        for route in routes:
            if route.param_convertors:
                self._patterns.append(route)
            else:
                self._fixed.setdefault(route.path, []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, partial = scope["method"], []
        for route in self._candidates(scope["path"]):
            match, found = route.matches(scope)
            if match is Match.NONE:
                continue
            if match is Match.FULL:
                scope.update(found)
                scope[TEMPLATE] = route.path
                await route.app(scope, receive, send)
                return
            partial.append(route)
        raise _not_served(method, partial)

    def _candidates(self, path: str) -> list[Route]:
        return self._fixed.get(path) or self._patterns


def _not_served(method: str, same_path: list[Route]) -> HTTPException:
    if not same_path:
        return HTTPException(404, "There is nothing at this address.")
    allowed = sorted({name for route in same_path for name in route.methods or ()})
    detail = f"{method} is not possible here; {', '.join(allowed)} are."
    return HTTPException(405, detail, headers={"Allow": ", ".join(allowed)})
