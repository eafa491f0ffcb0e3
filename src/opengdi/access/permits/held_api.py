"""`/access/v1/permits` at a node: permits that touch its data, for those who answer for these."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.answers import json_answer
from opengdi.access.permits.document import DocumentDataset, DocumentPerson
from opengdi.access.permits.entitlements.model import Release
from opengdi.access.permits.entitlements.overview import Seen
from opengdi.access.permits.entitlements.service import Entitlements
from opengdi.access.permits.revocation_api import MAY_LOOK, MAY_REVOKE
from opengdi.access.permits.wire import BASE, size_asked
from opengdi.kernel.doors import known
from opengdi.kernel.errors import Invalid, NotFound, NotPermitted
from opengdi.kernel.principal import Principal, Role

_LONGEST_NUMBER: Final = 40


def held_permit_routes(
    entitlements: Entitlements, identify: Callable[[Scope], Principal], node: str
) -> list[Route]:
    """The list, and one of them; whoever answers for a body sees only what touches data of that body."""

    async def many(request: Request) -> Response:
        asker = identify(request.scope)
        _answering(asker)
        after, most = request.query_params.get("after", ""), size_asked(request)
        if len(after) > _LONGEST_NUMBER:
            raise Invalid("after must be the `next` of the page before")
        found, more = await asyncio.to_thread(entitlements.overview, after, most)
        items = [_told(each, asker, node) for each in found if _concerns(each, asker, node)]
        return json_answer({"items": items, "next": more} if more else {"items": items})

    async def one(request: Request) -> Response:
        asker, id_ = identify(request.scope), request.path_params["id"]
        _answering(asker)
        found, _ = await asyncio.to_thread(lambda: entitlements.overview(only=id_))
        seen = next((each for each in found if _concerns(each, asker, node)), None)
        if seen is None:
            raise NotFound(f"permit {id_} names no data that {asker.subject} answers for")
        return json_answer(_told(seen, asker, node))

    return [Route(BASE, many, methods=["GET"]), Route(f"{BASE}/{{id}}", one, methods=["GET"])]


def _answering(asker: Principal) -> None:
    """Raises NotAuthenticated, and NotPermitted for whoever answers for no data here."""
    known(asker)
    if not any(duty.role in MAY_LOOK for duty in asker.duties):
        raise NotPermitted(
            f"{asker.subject} is no {' or '.join(MAY_LOOK)} here",
            public=f"Permits are shown to whoever is {', '.join(MAY_LOOK)} of this node.",
        )


def _bodies(seen: Seen, node: str) -> frozenset[str]:
    return frozenset(each.body for each in seen.document.datasets if each.node == node)


def _concerns(seen: Seen, asker: Principal, node: str) -> bool:
    return any(_holds(asker, MAY_LOOK, body) for body in _bodies(seen, node))


def _holds(asker: Principal, roles: Collection[Role], body: str) -> bool:
    return any(asker.holds(role, body) for role in roles)


def _told(seen: Seen, asker: Principal, node: str) -> dict[str, Any]:
    document = seen.document
    may_revoke = not seen.ended and all(_holds(asker, MAY_REVOKE, body) for body in _bodies(seen, node))
    datasets = [
        each for each in document.datasets if each.node == node and _holds(asker, MAY_LOOK, each.body)
    ]
    shown = {(each.dataset, each.version) for each in datasets}
    return {
        "id": document.permit,
        "hub": document.iss,
        "state": "ended" if seen.ended else document.state,
        "version": document.version,
        "purpose": document.purpose,
        "environment": document.environment,
        "people": [_person(person, seen, shown) for person in document.people],
        "datasets": [_dataset(each) for each in datasets],
        "duties": document.duties,
        "issued": document.issued,
        "until": document.until,
        "permitted": ["revoke"] if may_revoke else [],
    }


def _person(person: DocumentPerson, seen: Seen, shown: Collection[Release]) -> dict[str, Any]:
    """shown: releases of which the asker may know."""
    return {
        "subject": person.subject,
        "organisation": person.organisation,
        "role": person.role,
        "lacking": seen.lacking.get(person.subject, ()),
        "opens": [
            {"dataset": each.dataset, "version": each.version, "until": each.until}
            for each in seen.opens
            if each.subject == person.subject and (each.dataset, each.version) in shown
        ],
    }


def _dataset(each: DocumentDataset) -> dict[str, Any]:
    return {
        "dataset": each.dataset,
        "version": each.version,
        "body": each.body,
        "until": each.until,
        "conditions": each.conditions,
        "regions": each.regions,
    }
