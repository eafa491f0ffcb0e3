"""`/access/v1/permits` at a node: what permits opened here, and the end that its holder may put to it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.answers import json_answer
from opengdi.access.permits.entitlements.service import Entitlements
from opengdi.access.permits.entitlements.store import Listed
from opengdi.access.permits.service import text_in
from opengdi.access.permits.wire import BASE, json_object
from opengdi.access.query import is_dry_run
from opengdi.kernel.doors import known, on_duty
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.principal import Principal, Role

MINE: Final = "/access/v1/entitlements"

MAY_REVOKE: Final = (Role.DATA_HOLDER, Role.NATIONAL_COORDINATION_POINT)
MAY_LOOK: Final = (*MAY_REVOKE, Role.AUDITOR, Role.OPERATOR)
_MEMBERS: Final = frozenset({"datasets", "people", "text"})
_MOST_REVOKED: Final = 10_000
"""Of people and datasets together in one request: each pair is written down."""


def entitlement_routes(entitlements: Entitlements, identify: Callable[[Scope], Principal]) -> list[Route]:
    """The asker's own entitlements; of a permit, for those on duty; and `revoke`."""

    async def mine(request: Request) -> Response:
        subject = known(identify(request.scope))
        found = await asyncio.to_thread(entitlements.of_person, subject)
        return json_answer({"items": [_told(each) for each in found]})

    async def of_permit(request: Request) -> Response:
        asker, permit = identify(request.scope), request.path_params["id"]
        known(asker)  # a stranger does not learn which permits there are
        on_duty(asker, *MAY_LOOK, of=await _body_of(entitlements, asker, permit, MAY_LOOK))
        found = await asyncio.to_thread(_answered_for, entitlements, asker, permit)
        return json_answer({"items": [_told(each) for each in found]})

    async def revoke(request: Request) -> Response:
        asker, permit = identify(request.scope), request.path_params["id"]
        known(asker)  # a stranger does not learn which permits there are
        data = _read(await json_object(request))
        for body in await _bodies(entitlements, permit, data["datasets"]):
            on_duty(asker, *MAY_REVOKE, of=body)
        if is_dry_run(request.query_params):
            return json_answer({"permit": permit, "ended": 0})
        ended = await asyncio.to_thread(
            lambda: entitlements.revoke(
                permit,
                by=asker.subject,
                datasets=data["datasets"],
                people=data["people"],
                reason=data["text"],
            )
        )
        return json_answer({"permit": permit, "ended": ended})

    return [
        Route(MINE, mine, methods=["GET"]),
        Route(f"{BASE}/{{id}}/entitlements", of_permit, methods=["GET"]),
        Route(f"{BASE}/{{id}}/commands/revoke", revoke, methods=["POST"]),
    ]


def _answered_for(entitlements: Entitlements, asker: Principal, permit: str) -> list[Listed]:
    """What a permit led to in the data that the asker answers for. Blocks."""
    found = entitlements.of_permit(permit)
    bodies = {
        dataset: entitlements.bodies_of(permit, [dataset])
        for dataset in {each.entitlement.dataset for each in found}
    }
    return [each for each in found if _may_look(asker, bodies[each.entitlement.dataset])]


def _may_look(asker: Principal, bodies: Collection[str]) -> bool:
    """bodies: that decided; none: the permit does not name them any more, so it takes a role for the whole node."""
    return any(asker.holds(role, body) for role in MAY_LOOK for body in bodies or [""])


async def _body_of(entitlements: Entitlements, asker: Principal, permit: str, roles: Sequence[Role]) -> str:
    """A body of the permit for which the asker has one of the roles; any of them, if there is none."""
    bodies = sorted(await _bodies(entitlements, permit, ()))
    return next((body for body in bodies if any(asker.holds(role, body) for role in roles)), bodies[0])


async def _bodies(entitlements: Entitlements, permit: str, datasets: Sequence[str]) -> frozenset[str]:
    """Bodies that a revocation touches. Raises NotFound where the permit names no data of this node."""
    found = await asyncio.to_thread(entitlements.bodies_of, permit, datasets)
    if not found:
        raise NotFound(f"permit {permit} names none of these data of this node")
    return found


def _read(data: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(data) - _MEMBERS):
        raise Invalid(f"{unknown[0]!r} is not known; known are {', '.join(sorted(_MEMBERS))}")
    lists = {name: data.get(name, []) for name in ("datasets", "people")}
    for name, found in lists.items():
        if not isinstance(found, list) or not all(isinstance(x, str) and 0 < len(x) <= 200 for x in found):
            raise Invalid(f"{name} must be a list of texts of 200 characters at most")
    if max(1, len(lists["datasets"])) * max(1, len(lists["people"])) > _MOST_REVOKED:
        raise Invalid(f"datasets times people must be {_MOST_REVOKED} at most")
    return {**lists, "text": text_in(data)}


def _told(each: Listed) -> dict[str, Any]:
    held = each.entitlement
    told: dict[str, Any] = {
        "permit": held.permit,
        "subject": held.subject,
        "dataset": held.dataset,
        "version": held.version,
        "source": held.source,
        "asserted": held.asserted,
        "start": held.start,
        "until": held.until,
        "regions": held.regions,
    }
    return told | ({"ended": each.ended, "reason": each.reason} if each.ended else {})
