"""`/access/v1/cases`: what waits for me, a case with its application, commands with a dry run; and the bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.answers import json_answer
from opengdi.access.cases.model import Command, State
from opengdi.access.cases.service import Body, CaseService
from opengdi.access.cases.view import listed, opened, text_ids, waits_for
from opengdi.access.query import is_dry_run, is_set, place_of, size_of_page
from opengdi.kernel.doors import known
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.principal import Principal

CASES_BASE: Final = "/access/v1/cases"
BODIES_PATH: Final = "/access/v1/bodies"

DEFAULT_PAGE: Final = 50
LONGEST_PAGE: Final = 200

_PARAMETERS: Final = frozenset({"state", "waiting", "after", "limit"})


def case_routes(service: CaseService, identify: Callable[[Scope], Principal]) -> list[Route]:
    """Routes for the people of deciding bodies; the list of bodies is for everybody."""

    async def cases(request: Request) -> Response:
        asker = identify(request.scope)
        known(asker)
        return json_answer(await asyncio.to_thread(_page, service, asker, request.query_params))

    async def one(request: Request) -> Response:
        asker = identify(request.scope)
        known(asker)
        return json_answer(await asyncio.to_thread(_view, service, asker, request.path_params["id"]))

    async def command(request: Request) -> Response:
        asker = identify(request.scope)
        known(asker)
        id_, body = request.path_params["id"], await request.body()
        dry_run = is_dry_run(request.query_params)
        asked = _command(request.path_params["command"])
        await asyncio.to_thread(service.act, asker, id_, asked, body, dry_run=dry_run)
        told = await asyncio.to_thread(_view, service, asker, id_)
        return json_answer(told | {"dryRun": True} if dry_run else told)

    async def bodies(_request: Request) -> Response:
        return json_answer(
            {"items": [_body(body) for _, body in sorted(service.bodies.items())], "next": None}
        )

    return [
        Route(CASES_BASE, cases, methods=["GET"]),
        Route(f"{CASES_BASE}/{{id}}", one, methods=["GET"]),
        Route(f"{CASES_BASE}/{{id}}/commands/{{command}}", command, methods=["POST"]),
        Route(BODIES_PATH, bodies, methods=["GET"]),
    ]


def _page(service: CaseService, asker: Principal, query: Mapping[str, str]) -> dict[str, Any]:
    if unknown := sorted(set(query) - _PARAMETERS):
        raise Invalid(f"parameter {unknown[0]!r} is not known; known are {', '.join(sorted(_PARAMETERS))}")
    states = [_state(name) for name in query.get("state", "").split(",") if name]
    found = service.listing(
        asker,
        states=states,
        after=place_of(query),
        most=size_of_page(query, "limit", DEFAULT_PAGE, LONGEST_PAGE),
    )
    waiting = is_set(query, "waiting")
    lines = [line for line in found.lines if not waiting or waits_for(line, asker)]
    return {"items": [listed(line, asker) for line in lines], "next": found.after}


def _view(service: CaseService, asker: Principal, id_: str) -> dict[str, Any]:
    case, actor, events = service.open(asker, id_)
    return opened(case, actor, events, service.texts(text_ids(events) - {""}))


def _body(body: Body) -> dict[str, Any]:
    """silence: what it means if the body lets its time pass, so that an applicant knows beforehand."""
    return {
        "id": body.id,
        "name": body.name,
        "url": body.url,
        "country": body.rule.country,
        "silence": body.rule.silence,
        "keys": [body.key.public.as_jwk()],
    }


def _command(text: str) -> Command:
    try:
        return Command(text)
    except ValueError as error:
        raise NotFound(f"{text!r} is no command", public=f"Commands are {', '.join(Command)}.") from error


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError as error:
        raise Invalid(f"state is {text!r}; expected one of {', '.join(State)}") from error
