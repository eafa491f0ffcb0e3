"""Routes of a visa issuer: its keys, for everybody; a person's visas, for the broker.

Spec: GA4GH AAI OIDC Profile 1.2.1 (`jku`); a list of visas is as LS-AAI and REMS have it, `{"ga4gh_passport_v1": […]}`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.identity.issuer.service import VisaIssuer
from opengdi.kernel.doors import on_duty
from opengdi.kernel.errors import Invalid
from opengdi.kernel.principal import Principal, Role
from opengdi.standards.passport import PASSPORT_CLAIM

JSON: Final = "application/json"
LONGEST_SUBJECT: Final = 255
KEYS_MAX_AGE_S: Final = 300
"""Much shorter than the time for which the next key is published before it signs."""


def issuer_routes(issuer: VisaIssuer, identify: Callable[[Scope], Principal], base: str) -> list[Route]:
    """`GET {base}/jwks`, `GET {base}/bodies/{body}/jwks` and `GET {base}/permissions/{user}`."""

    async def keys(request: Request) -> Response:
        found = await asyncio.to_thread(issuer.key_set, request.path_params.get("body", ""))
        headers = {"cache-control": f"public, max-age={KEYS_MAX_AGE_S}"}
        return Response(msgspec.json.encode(found), media_type=JSON, headers=headers)

    async def permissions(request: Request) -> Response:
        asker = identify(request.scope)
        on_duty(asker, Role.BROKER)
        subject = request.path_params["user"]
        if not subject.isprintable() or len(subject) > LONGEST_SUBJECT:
            raise Invalid(f"user must be printable, {LONGEST_SUBJECT} characters at most")
        visas = await asyncio.to_thread(issuer.issue, subject, asker.subject)
        headers = {"cache-control": "no-cache, no-store", "pragma": "no-cache"}
        return Response(msgspec.json.encode({PASSPORT_CLAIM: visas}), media_type=JSON, headers=headers)

    return [
        Route(f"{base}/jwks", keys, methods=["GET"]),
        Route(f"{base}/bodies/{{body}}/jwks", keys, methods=["GET"]),
        Route(f"{base}/permissions/{{user:path}}", permissions, methods=["GET"]),
    ]
