"""Attachments of a case, where the body decides: asked of the hub that keeps them, and checked against the offer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.cases.service import CaseService
from opengdi.kernel.doors import known
from opengdi.kernel.errors import NotFound, Unavailable
from opengdi.kernel.principal import Principal

CASE_ATTACHMENT: Final = "/access/v1/cases/{id}/attachments/{attachment}"

_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class KeptAtHub(Protocol):
    """Fetches attachments from hubs."""

    async def __call__(self, hub: str, application: str, attachment: str, size: int) -> bytes:
        """size: the hub gives no more. Raises NotFound if it is no longer kept, Unavailable."""
        ...


def attachment_route(service: CaseService, identify: Callable[[Scope], Principal], kept: KeptAtHub) -> Route:
    """For whoever may read the case: a file that was offered with it, byte for byte."""

    async def one(request: Request) -> Response:
        asker = identify(request.scope)
        known(asker)
        id_, wanted = request.path_params["id"], request.path_params["attachment"]
        offer = await asyncio.to_thread(_offer, service, asker, id_)
        file = next((each for each in _files(offer) if each["id"] == wanted), None)
        if file is None:
            raise NotFound(f"case {id_} was offered without attachment {wanted[:60]!r}")
        content = await kept(offer["hub"], offer["application"]["id"], wanted, file["size"])
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            raise Unavailable(
                f"attachment {wanted} of {id_} is not what was offered",
                public="The hub gives another file than the one that was offered with the case; tell its operators.",
            )
        named = f"attachment; filename*=UTF-8''{quote(file['name'], safe='')}"
        return Response(
            content, media_type="application/octet-stream", headers={**_HEADERS, "content-disposition": named}
        )

    return Route(CASE_ATTACHMENT, one, methods=["GET"])


def _offer(service: CaseService, asker: Principal, id_: str) -> Mapping[str, Any]:
    """Raises NotFound for whoever may not read the case, and once the offer was erased."""
    case, _, _ = service.open(asker, id_)
    text = service.texts([case.offer]).get(case.offer, "")
    if not text:
        raise NotFound(f"what was offered with {id_} is no longer kept")
    found: Mapping[str, Any] = msgspec.json.decode(text)
    return found


def _files(offer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(offer["application"].get("attachments") or ())
