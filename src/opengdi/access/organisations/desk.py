"""How handlers of access read a request and answer it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.types import Scope

from opengdi.access.organisations.ports import Presence
from opengdi.access.query import place_of, size_of_page
from opengdi.kernel.errors import Invalid
from opengdi.kernel.http.callers import LOGGED_IN
from opengdi.kernel.http.edge import REQUEST_ID

MOST: Final = 1000

T = TypeVar("T")


def presence_of(scope: Scope, subject: str) -> Presence:
    """How somebody is there: digests of what proves their session, never that itself."""
    proof = b""
    for name, value in scope["headers"]:
        if name in {b"authorization", b"cookie"}:
            proof += bytes(value)
    logged_in = scope.get(LOGGED_IN)
    return Presence(
        subject,
        logged_in if isinstance(logged_in, datetime) else None,
        hashlib.sha256(proof).hexdigest() if proof else "",
        str(scope.get(REQUEST_ID, "")),
    )


async def run(work: Callable[[], T]) -> T:
    """The result of work that blocks."""
    return await asyncio.to_thread(work)


def page_of(request: Request, known: frozenset[str]) -> tuple[str | None, int]:
    """What to go on after, and how many lines at most. Raises Invalid, also for parameters that are not known."""
    known |= {"after", "limit"}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise Invalid(f"parameter {unknown[0][:40]!r} is not known; known are {', '.join(sorted(known))}")
    limit = size_of_page(request.query_params, "limit", 100, MOST)
    return place_of(request.query_params), limit
