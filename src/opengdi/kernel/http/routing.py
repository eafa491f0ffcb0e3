"""Paths to handlers. A path without parameters costs one look-up in a table, however many routes there are.

Takes Starlette's `Route`s: a handler may be a function of a request, or (hot) an object that is an ASGI app itself.
An API that does its own routing is mounted whole. Unlike Starlette's router this one never redirects a trailing
slash, leaves the path as it is under a mount, and names the matched template in the scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

TEMPLATE = "opengdi.template"
"""Key of the scope: the matched path with its parameters unfilled, for metrics."""


class Routing:
    """An ASGI app over routes and mounts. Raises HTTPException 404 or 405 (with `Allow`) for the edge to tell.

    mounts: an app for everything at and below a base path; it may name its own templates, below the base.
    """

    def __init__(self, routes: Iterable[Route] = (), mounts: Mapping[str, ASGIApp] | None = None) -> None:
        self._mounts = sorted((mounts or {}).items(), key=lambda mount: -len(mount[0]))
        self._fixed: dict[str, list[Route]] = {}
        self._patterns: list[Route] = []
        for route in routes:
            if route.param_convertors:
                self._patterns.append(route)
            else:
                self._fixed.setdefault(route.path, []).append(route)

    def listed(self) -> Iterator[tuple[str, str]]:
        """(method, path with its parameters unfilled) of everything that is served here, in no order.

        HEAD goes with GET. An app that is mounted names its own as `served`; one that names none is `* {base}/…`.
        """
        for route in (*self._patterns, *(route for same in self._fixed.values() for route in same)):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, route.path
        for base, app in self._mounts:
            yield from _listed_below(base, app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path not in self._fixed:
            for base, app in self._mounts:
                if path.startswith(base) and path[len(base) : len(base) + 1] in {"", "/"}:
                    await _ask_mounted(base, app, scope, receive, send)
                    return
        route = self._match(scope)
        await route.app(scope, receive, send)

    def _match(self, scope: Scope) -> Route:
        """The route of the path and method; what it matched is put into the scope."""
        same_path = []
        for route in self._fixed.get(scope["path"]) or self._patterns:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                scope[TEMPLATE] = route.path
                return route
            if match is Match.PARTIAL:
                same_path.append(route)
        raise _not_served(scope["method"], same_path)


def _listed_below(base: str, app: ASGIApp) -> Iterator[tuple[str, str]]:
    inner = getattr(app, "app", app)  # a gate names what it stands before
    if isinstance(inner, Routing):
        yield from inner.listed()
        return
    served: Mapping[str, str] = getattr(inner, "served", {"…": "*"})
    above: str = getattr(
        inner, "base", base
    )  # an app may be mounted below its own base, for a part of its paths
    for template, methods in served.items():
        path = f"{above}/{template}" if template else above
        if path == base or path.startswith(f"{base}/"):
            for method in methods.split():
                yield method, path


async def _ask_mounted(base: str, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await app(scope, receive, send)
    finally:
        scope[TEMPLATE] = f"{base}/{scope.get(TEMPLATE, '…')}"


def _not_served(method: str, same_path: list[Route]) -> HTTPException:
    if not same_path:
        return HTTPException(404, "There is nothing at this address.")
    allowed = sorted({name for route in same_path for name in route.methods or ()})
    detail = f"{method} is not possible here; {', '.join(allowed)} are."
    return HTTPException(405, detail, headers={"Allow": ", ".join(allowed)})
