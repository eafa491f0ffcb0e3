"""refget over HTTP: sequences, their metadata, and what the service can do. Open to every web page.

Spec: GA4GH refget 2.0.0, "API Methods", "Errors", "CORS".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from opengdi.delivery.http import PREFLIGHT, Header, Origins, answer, encode, segments_below, start
from opengdi.delivery.refget.catalogue import Known
from opengdi.delivery.refget.shelf import SequenceShelf
from opengdi.delivery.streams import Sent, send_pieces
from opengdi.kernel.http.edge import REQUEST_ID
from opengdi.kernel.http.faults import Fault, as_problem
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.standards.refget import SPEC_VERSION
from opengdi.standards.refget.digests import ALGORITHMS, parse_id
from opengdi.standards.refget.media import JSON, SEQUENCE, is_accepted
from opengdi.standards.refget.requests import Part, Refused, asked_part
from opengdi.standards.service_info import GA4GH, Service, ServiceType

SERVICE_TYPE: Final = ServiceType(GA4GH, "refget", SPEC_VERSION)
_METHODS: Final = b"GET, HEAD, OPTIONS"


@dataclass(frozen=True, slots=True)
class RefgetProfile:
    """What the service says of itself. subsequence_limit: most bases by `start` and `end`; 0: no limit."""

    service: Service
    subsequence_limit: int = 0


class RefgetApi:
    """The ASGI app below `base`."""

    served: ClassVar[Mapping[str, str]] = {
        "sequence/service-info": "GET",
        "sequence/{id}": "GET",
        "sequence/{id}/metadata": "GET",
    }
    """Methods by path, with parameters unfilled."""

    def __init__(self, shelf: SequenceShelf, profile: RefgetProfile, *, base: str) -> None:
        self._shelf = shelf
        self._profile = profile
        self._base = base
        self._origins = Origins(("*",))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS" and any(name == PREFLIGHT for name, _ in scope["headers"]):
            headers = self._origins.preflight(scope, _METHODS)
            await answer(scope, send, HTTPStatus.NO_CONTENT, b"", headers)
            return
        try:
            await self._route(Request(scope, receive), send)
        except Refused as error:
            media_type, body = as_problem(Fault(error.status, f"{error}.", scope.get(REQUEST_ID, "")))
            allow = [(b"allow", _METHODS)] if error.status == HTTPStatus.METHOD_NOT_ALLOWED else []
            headers = [(b"content-type", media_type), *allow, *self._origins.headers(scope)]
            await answer(scope, send, error.status, body, headers)

    async def _route(self, request: Request, send: Send) -> None:
        scope = request.scope
        if scope["method"] not in {"GET", "HEAD"}:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Sequences are only read")
        match segments_below(scope, self._base):
            case ("sequence", "service-info"):
                scope[TEMPLATE] = "sequence/service-info"
                await self._tell(request, send, self._service_info())
            case ("sequence", sequence_id, "metadata"):
                scope[TEMPLATE] = "sequence/{id}/metadata"
                await self._tell(request, send, _metadata(self._find(sequence_id)))
            case ("sequence", sequence_id):
                scope[TEMPLATE] = "sequence/{id}"
                await self._send_sequence(request, send, self._find(sequence_id))
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address")

    def _find(self, segment: str) -> Known:
        wanted = parse_id(unquote(segment))
        found = self._shelf.catalogue().find(wanted) if wanted else ()
        if not found:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no sequence of that id")
        if len(found) > 1:
            raise Refused(HTTPStatus.CONFLICT, "Several sequences have that name; ask by a digest")
        return found[0]

    async def _send_sequence(self, request: Request, send: Send, one: Known) -> None:
        _check_accepted(request.headers, SEQUENCE)
        query = request.query_params
        part = asked_part(
            query,
            request.headers.get("range") if request.method == "GET" else None,
            length=one.length,
            circular=one.circular,
            limit=self._profile.subsequence_limit,
        )
        is_by_query = "start" in query or "end" in query
        headers = [
            (b"content-type", SEQUENCE.encode()),
            (b"content-length", b"%d" % part.length),
            (b"accept-ranges", b"none" if is_by_query else b"bytes"),
            *_content_range(part, one),
            *self._origins.headers(request.scope),
        ]
        await send(start(part.status, headers))
        if request.method == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        await send_pieces(self._shelf.read(one, part.spans), request.receive, send, Sent())

    async def _tell(self, request: Request, send: Send, document: dict[str, Any]) -> None:
        _check_accepted(request.headers, JSON)
        headers = [(b"content-type", JSON.encode()), *self._origins.headers(request.scope)]
        await answer(request.scope, send, HTTPStatus.OK, encode(document), headers)

    def _service_info(self) -> dict[str, Any]:
        refget = {
            "circular_supported": True,
            "algorithms": list(ALGORITHMS),
            "identifier_types": self._shelf.catalogue().naming_authorities(),
            "subsequence_limit": self._profile.subsequence_limit or None,
            "supported_api_versions": [SPEC_VERSION],
        }
        return self._profile.service.as_document() | {"refget": refget}


def _check_accepted(headers: Headers, media_type: str) -> None:
    if not is_accepted(headers.get("accept"), media_type):
        raise Refused(HTTPStatus.NOT_ACCEPTABLE, f"Only {media_type.partition(';')[0]} is told here")


def _content_range(part: Part, one: Known) -> list[Header]:
    if part.status != HTTPStatus.PARTIAL_CONTENT:
        return []
    ((first, stop),) = part.spans
    return [(b"content-range", f"bytes {first}-{stop - 1}/{one.length}".encode())]


def _metadata(one: Known) -> dict[str, Any]:
    """`id` is asked for by the OpenAPI file alone: "Normally the default checksum for a given service"."""
    return {
        "metadata": {
            "id": one.md5,
            "md5": one.md5,
            "ga4gh": f"ga4gh:{one.ga4gh}",
            "trunc512": one.trunc512,
            "length": one.length,
            "aliases": [
                {"alias": alias.alias, "naming_authority": alias.naming_authority} for alias in one.aliases
            ],
        }
    }
