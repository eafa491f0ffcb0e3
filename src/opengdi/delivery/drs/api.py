"""DRS over HTTP: one ASGI app, every failure in the standard's form.

Spec: GA4GH DRS 1.5.0, paths `/service-info`, `/objects/…`. OPTIONS of the standard collides with a browser's preflight:
a request with `Access-Control-Request-Method` is the latter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from opengdi.delivery.drs.ports import Passports
from opengdi.delivery.drs.service import Addresses, Objects, authorizations, each
from opengdi.delivery.http import (
    JSON,
    PREFLIGHT,
    Identify,
    Origins,
    answer,
    answer_json,
    encode,
    json_body,
    segments_below,
)
from opengdi.kernel.errors import GdiError, Invalid, NotFound
from opengdi.kernel.http.faults import BodyTooLarge, Fault, fault_of
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.principal import Principal
from opengdi.standards.drs import BASE_PATH, SPEC_VERSION
from opengdi.standards.drs.ids import unescape_id
from opengdi.standards.drs.requests import (
    BulkAccessRequest,
    BulkRequest,
    ObjectRequest,
    bulk_answer,
    error_document,
    service_members,
)
from opengdi.standards.faults import Malformed
from opengdi.standards.service_info import GA4GH, Service, ServiceType

SERVICE_TYPE: Final = ServiceType(GA4GH, "drs", SPEC_VERSION)

_TRUTHS: Final = {"": False, "false": False, "true": True}


@dataclass(frozen=True, slots=True)
class DrsProfile:
    """What the service says of itself. tells_totals: whether everybody learns how many files there are."""

    service: Service
    most_in_bulk: int
    tells_totals: bool = False


class DrsApi:
    """The ASGI app below `BASE_PATH`. addresses: by the way the caller came."""

    served: ClassVar[Mapping[str, str]] = {
        "service-info": "GET",
        "objects": "POST OPTIONS",
        "objects/access": "POST",
        "objects/{id}": "GET POST OPTIONS",
        "objects/{id}/access/{access}": "GET POST",
    }
    """Methods by path, with parameters unfilled."""

    def __init__(
        self,
        objects: Objects,
        passports: Passports,
        identify: Identify,
        profile: DrsProfile,
        addresses: Callable[[Scope], Addresses],
        *,
        allowed_origins: Sequence[str] = (),
    ) -> None:
        self._objects = objects
        self._passports = passports
        self._identify = identify
        self._profile = profile
        self._addresses = addresses
        self._origins = Origins(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        cors = self._origins.headers(scope)
        try:
            path = segments_below(scope, BASE_PATH)
            if scope["method"] == "OPTIONS" and PREFLIGHT.decode() in request.headers:
                headers = self._origins.preflight(scope, _allowed(path).encode())
                await answer(scope, send, HTTPStatus.NO_CONTENT, b"", headers)
                return
            await answer_json(scope, send, await self._respond(request, path), cors)
        except (Malformed, GdiError) as error:
            fault = fault_of(error if isinstance(error, GdiError) else Invalid(str(error)), "")
            headers = [(b"content-type", JSON), *fault.headers, *cors]
            await answer(scope, send, fault.status, shape(fault)[1], headers)
        except _WrongMethod:
            fault = Fault(HTTPStatus.METHOD_NOT_ALLOWED, f"Possible here: {_allowed(path)}.", "")
            headers = [(b"content-type", JSON), (b"allow", _allowed(path).encode()), *cors]
            await answer(scope, send, fault.status, shape(fault)[1], headers)

    async def _respond(self, request: Request, path: Sequence[str]) -> dict[str, Any]:
        scope, method = request.scope, request.method
        if method not in _allowed(path).split(", "):
            raise _WrongMethod
        match path:
            case ("service-info",):
                scope[TEMPLATE] = "service-info"
                return await self._service_info()
            case ("objects",):
                scope[TEMPLATE] = "objects"
                return await self._many(request)
            case ("objects", "access") if method == "POST":
                scope[TEMPLATE] = "objects/access"
                return await self._many_urls(request)
        object_id, access_id = _ids(path)
        scope[TEMPLATE] = "objects/{id}" if access_id is None else "objects/{id}/access/{access}"
        if method == "OPTIONS":
            return authorizations(self._passports.issuers).of(object_id).as_document()
        asker = await self._asker(request)
        if access_id is None:
            return await self._describe(asker, object_id, scope)
        return await self._access(asker, (object_id, access_id), request)

    async def _asker(self, request: Request) -> Principal:
        """Who asks for one object: by the bearer token, or by the passports of a POST. Raises Malformed."""
        asker = self._identify(request.scope)
        if request.method != "POST":
            _truth(request.query_params.get("expand", ""))
            return asker
        body = ObjectRequest.from_document(await json_body(request))
        return await self._believed(asker, body.passports)

    async def _believed(self, asker: Principal, passports: Sequence[str]) -> Principal:
        return await self._passports.holder(passports, asker) if passports else asker

    async def _describe(self, asker: Principal, object_id: str, scope: Scope) -> dict[str, Any]:
        """Bundles hold files alone, so that `expand` has nothing more to show."""
        return (await self._objects.describe(asker, object_id, self._addresses(scope))).as_document()

    async def _access(self, asker: Principal, wanted: tuple[str, str], request: Request) -> dict[str, Any]:
        at = self._addresses(request.scope)
        return (await self._objects.access(asker, *wanted, request.headers, at)).as_document()

    async def _many(self, request: Request) -> dict[str, Any]:
        body = BulkRequest.from_document(await json_body(request))
        self._check_number(len(body.ids))
        if request.method == "OPTIONS":
            how = authorizations(self._passports.issuers)
            told = [how.of(object_id).as_document() for object_id in body.ids]
            return bulk_answer(told, [], under="resolved_drs_object")
        _truth(request.query_params.get("expand", ""))
        asker = await self._believed(self._identify(request.scope), body.passports)
        resolved, unresolved = await each(
            body.ids, lambda object_id: self._describe(asker, object_id, request.scope), asker
        )
        return bulk_answer(resolved, unresolved, under="resolved_drs_object")

    async def _many_urls(self, request: Request) -> dict[str, Any]:
        body = BulkAccessRequest.from_document(await json_body(request))
        self._check_number(len(body.wanted))
        asker = await self._believed(self._identify(request.scope), body.passports)

        async def url(wanted: tuple[str, str]) -> dict[str, Any]:
            found = await self._access(asker, wanted, request)
            return {"drs_object_id": wanted[0], "drs_access_id": wanted[1], **found}

        resolved, refused = await each(body.wanted, url, asker)
        unresolved = [(object_id, status) for (object_id, _), status in refused]
        return bulk_answer(resolved, unresolved, under="resolved_drs_object_access_urls")

    def _check_number(self, asked: int) -> None:
        most = self._profile.most_in_bulk
        if asked > most:
            raise BodyTooLarge(f"{asked} objects are asked for at once; at most {most} may be")

    async def _service_info(self) -> dict[str, Any]:
        profile = self._profile
        totals = await self._objects.totals() if profile.tells_totals else (None, None)
        return profile.service.as_document() | service_members(profile.most_in_bulk, *totals)


def shape(fault: Fault) -> tuple[bytes, bytes]:
    """The standard's error shape, for faults that the edge meets before or around this app."""
    return JSON, encode(error_document(fault.detail or fault.status.phrase, int(fault.status)))


class _WrongMethod(Exception):
    """A method that the path does not know (405)."""


def _allowed(path: Sequence[str]) -> str:
    """Methods of a path. Raises NotFound for none of the standard's."""
    match path:
        case ("service-info",):
            return "GET, HEAD"
        case ("objects",):
            return "POST, OPTIONS"
        case ("objects", *rest) if rest[-1]:
            return "GET, HEAD, POST" if _names_access(rest) else "GET, HEAD, POST, OPTIONS"
    raise NotFound("no such path", public="There is nothing at this address.")


def _ids(path: Sequence[str]) -> tuple[str, str | None]:
    """Object id and access id, if there is one; an id whose `/` a proxy has decoded is put together again.

    Raises Malformed.
    """
    rest = path[1:]
    if _names_access(rest):
        return unescape_id("/".join(rest[:-2])), unescape_id(rest[-1])
    return unescape_id("/".join(rest)), None


def _names_access(rest: Sequence[str]) -> bool:
    return len(rest) > 2 and rest[-2] == "access"


def _truth(text: str) -> bool:
    """In any case: Python's clients write `True`."""
    if text.lower() not in _TRUTHS:
        raise Malformed("expand must be true or false")
    return _TRUTHS[text.lower()]
