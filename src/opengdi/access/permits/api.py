"""`/access/v1/permits` at the hub, and the public register of permits. Spec: EHDS Art 58(1) for the register."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.answers import json_answer
from opengdi.access.permits.model import Command
from opengdi.access.permits.pdf import render
from opengdi.access.permits.ports import Names
from opengdi.access.permits.rules import permitted
from opengdi.access.permits.service import Permits
from opengdi.access.permits.wire import (
    BASE,
    events_told,
    json_object,
    page_asked,
    page_told,
    permit_told,
)
from opengdi.access.query import is_dry_run
from opengdi.kernel.doors import known
from opengdi.kernel.errors import NotFound
from opengdi.kernel.principal import Principal

REGISTER: Final = "/access/v1/register"


def permit_routes(permits: Permits, identify: Callable[[Scope], Principal], names: Names) -> list[Route]:
    """Lists, single permits, the signed object, the print, and commands; and the register, which is public."""

    async def mine(request: Request) -> Response:
        asker, (after, most) = identify(request.scope), page_asked(request)
        return json_answer(page_told(await asyncio.to_thread(permits.mine, asker, after, most)))

    async def one(request: Request) -> Response:
        asker, id_ = identify(request.scope), request.path_params["id"]
        permit, roles = await asyncio.to_thread(permits.open, id_, asker)
        events = await asyncio.to_thread(permits.events, id_)
        title = await asyncio.to_thread(permits.title, permit)
        told = permit_told(permit, permitted(permit, roles), title)
        return json_answer(told | {"events": events_told(events)})

    async def signed(request: Request) -> Response:
        await asyncio.to_thread(permits.open, request.path_params["id"], identify(request.scope))
        found = await asyncio.to_thread(permits.signed, request.path_params["id"])
        return Response(found.jws, media_type="application/jose")

    async def printed(request: Request) -> Response:
        id_ = request.path_params["id"]
        permit, _ = await asyncio.to_thread(permits.open, id_, identify(request.scope))
        found = await asyncio.to_thread(permits.signed, id_)
        title = await asyncio.to_thread(permits.title, permit)
        pdf = await asyncio.to_thread(render, found, names, title)
        name = f'attachment; filename="{found.document.permit}.pdf"'
        return Response(pdf, media_type="application/pdf", headers={"content-disposition": name})

    async def command(request: Request) -> Response:
        asker, id_ = identify(request.scope), request.path_params["id"]
        known(asker)  # a stranger does not learn which permits there are
        data = await json_object(request)
        dry = is_dry_run(request.query_params)
        acted = await asyncio.to_thread(permits.command, id_, asker, _command(request), data, dry_run=dry)
        title = await asyncio.to_thread(permits.title, acted)
        return json_answer(permit_told(acted, permitted(acted, permits.roles(acted, asker)), title))

    async def register(request: Request) -> Response:
        after, most = page_asked(request)
        return json_answer(page_told(await asyncio.to_thread(permits.register, after, most)))

    return [
        Route(BASE, mine, methods=["GET"]),
        Route(f"{BASE}/{{id}}", one, methods=["GET"]),
        Route(f"{BASE}/{{id}}/jws", signed, methods=["GET"]),
        Route(f"{BASE}/{{id}}/pdf", printed, methods=["GET"]),
        Route(f"{BASE}/{{id}}/commands/{{command}}", command, methods=["POST"]),
        Route(REGISTER, register, methods=["GET"]),
    ]


def _command(request: Request) -> Command:
    try:
        return Command(request.path_params["command"])
    except ValueError as error:
        raise NotFound(f"there is no command {request.path_params['command']!r}") from error
