"""Routes below `/api`, as REMS has them: applications and their commands, users, entitlements, visas, the audit log."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opengdi.access.answers import json_answer
from opengdi.access.applications.api import uploaded, whole_body
from opengdi.access.applications.attachments import AttachmentStore, Unwanted
from opengdi.access.query import is_set, place_of
from opengdi.access.rems import bodies
from opengdi.access.rems.callers import Callers
from opengdi.access.rems.catalogue import Workshop
from opengdi.access.rems.faults import BASE, COMMAND_FAULTS, command_errors
from opengdi.access.rems.model import Caller, Entitlement
from opengdi.access.rems.ports import AuditLines, Visas
from opengdi.access.rems.service import Page, Paged, Rems, sees_everybody
from opengdi.kernel.doors import on_duty
from opengdi.kernel.errors import GdiError, Invalid, NotFound, NotPermitted
from opengdi.kernel.http.faults import BodyTooLarge
from opengdi.kernel.principal import Principal, Role

MOST_LINES: Final = 500
"""Of one page of a list."""

UNSUPPORTED: Final = 415
NOT_IMPLEMENTED: Final = 501

Work = Callable[[Principal, bytes], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Counter:
    """Where clients are served. visas, audit_lines: None: not offered here."""

    rems: Rems
    workshop: Workshop
    callers: Callers
    store: AttachmentStore
    visas: Visas | None = None
    audit_lines: AuditLines | None = None


def rems_routes(counter: Counter) -> list[Route]:
    """All routes of this interface."""
    api, commands, makes = _Reading(counter), _Commands(counter), _Making(counter)
    get: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/my-applications": api.mine,
        "/applications": api.all,
        "/applications/attachment/{number}": api.attachment,
        "/applications/{number}": api.one,
        "/applications/{number}/raw": api.one,
        "/entitlements": api.entitlements,
        "/entitlements/export-csv": api.export,
        "/permissions/{user:path}": api.permissions,
        "/jwk": api.keys,
        "/audit-log": api.audit_log,
        "/catalogue": api.catalogue,
        "/catalogue-items": api.catalogue_items,
        "/catalogue-items/{number}": api.catalogue_item,
        "/resources": api.resources,
        "/resources/{number}": api.resource,
        "/forms": api.forms,
        "/forms/{number}": api.form,
        "/workflows": api.workflows,
        "/workflows/{number}": api.workflow,
        "/licenses": api.licenses,
        "/organizations": api.organizations,
        "/organizations/{id}": api.organization,
        "/health": api.health,
    }
    post = {
        "/users/create": makes.user,
        "/organizations/create": makes.organization,
        "/forms/create": makes.form,
        "/workflows/create": makes.workflow,
        "/resources/create": makes.resource,
        "/catalogue-items/create": makes.catalogue_item,
        "/applications/create": commands.create,
        "/applications/add-attachment": commands.attach,
        "/applications/accept-invitation": commands.accept_invitation,
        "/applications/{command}": commands.command,
    }
    return [
        *(Route(f"{BASE}{path}", handler, methods=["GET"]) for path, handler in get.items()),
        *(Route(f"{BASE}{path}", handler, methods=["POST"]) for path, handler in post.items()),
    ]


class _Commands:
    """`POST /api/applications/…`: status 200 whatever the application says to it, and `success`."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._rems = counter.rems
        rems = counter.rems
        self._work: Mapping[str, Work] = {
            "save-draft": _nothing(bodies.SaveDraft, rems.save),
            "accept-licenses": _nothing(bodies.AcceptLicenses, rems.accept_licenses),
            "submit": _numbered(rems.submit),
            "validate": _numbered(rems.check),
            "invite-member": self._invite,
            "uninvite-member": _nothing(bodies.OfMember, rems.uninvite),
            "remove-member": _nothing(bodies.OfMember, rems.remove_member),
            "change-resources": _nothing(bodies.ChangeResources, rems.change_resources),
            "copy-as-new": self._copy,
            "close": _nothing(bodies.Commented, rems.close),
            "remark": _nothing(bodies.Commented, rems.remark),
        }

    async def create(self, request: Request) -> Response:
        caller = await self._counter.callers.caller(request)
        body = bodies.read(await whole_body(request), bodies.Create)
        return await self._answered(
            lambda: {"application-id": self._rems.create(caller.principal, body)}, unknown=Invalid
        )

    async def command(self, request: Request) -> Response:
        caller = await self._counter.callers.caller(request)
        name, content = request.path_params["command"], await whole_body(request)
        if name == "delete":
            return await self._delete(caller, content)
        work = self._work.get(name)
        if work is None:
            raise NotFound(f"there is no command {name!r}")
        number = bodies.read(content, bodies.OfApplication).application_id
        return await self._answered(lambda: work(caller.principal, content), number)

    async def attach(self, request: Request) -> Response:
        caller = await self._counter.callers.caller(request)
        number = _number(request.query_params.get("application-id", ""), "application-id")
        id_ = await asyncio.to_thread(self._rems.may_attach, caller.principal, number)
        store = self._counter.store
        name, content = await uploaded(request, store.limit_bytes)
        try:
            attachment = await store.keep(name, content, caller.principal.subject)
        except BodyTooLarge:
            raise
        except Unwanted as error:
            return json_answer({"error": error.public}, UNSUPPORTED)
        given = await asyncio.to_thread(self._rems.attach, caller.principal, id_, attachment, name)
        return json_answer({"success": True, "id": given})

    async def accept_invitation(self, request: Request) -> Response:
        caller = await self._counter.callers.caller(request)
        token = bodies.read(await whole_body(request), bodies.AcceptInvitation).invitation_token
        return await self._answered(
            lambda: {"application-id": self._rems.accept_invitation(caller.principal, token)}
        )

    async def _delete(self, caller: Caller, content: bytes) -> Response:
        number = bodies.read(content, bodies.OfApplication).application_id
        answer = await self._answered(lambda: self._rems.delete(caller.principal, number), number)
        await self._counter.store.try_sweep()
        return answer

    def _invite(self, asker: Principal, content: bytes) -> Mapping[str, Any]:
        token = self._rems.invite(asker, bodies.read(content, bodies.OfMember))
        return {"invitation-token": token}

    def _copy(self, asker: Principal, content: bytes) -> Mapping[str, Any]:
        number = bodies.read(content, bodies.OfApplication).application_id
        return {"application-id": self._rems.copy(asker, number)}

    async def _answered(
        self,
        work: Callable[[], Mapping[str, Any] | None],
        number: int = 0,
        *,
        unknown: type[GdiError] | None = None,
    ) -> Response:
        """What a command comes to. number: of the application. unknown: how to tell what was not found."""
        try:
            told = await asyncio.to_thread(work)
        except tuple(COMMAND_FAULTS) as error:
            said = unknown(error.public) if unknown and isinstance(error, NotFound) else error
            forms = await asyncio.to_thread(self._rems.form_numbers, number) if number else {}
            return json_answer({"success": False, "errors": command_errors(said, forms)})
        return json_answer({"success": True, **(told or {})})


class _Reading:
    """What clients read."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._rems = counter.rems
        self._workshop = counter.workshop

    async def _asker(self, request: Request) -> Principal:
        return (await self._counter.callers.caller(request)).principal

    async def health(self, _request: Request) -> Response:
        return json_answer({"healthy": True})

    async def mine(self, request: Request) -> Response:
        asker, page = await self._asker(request), _page(request)
        return _paged(request, await asyncio.to_thread(self._rems.mine, asker, page))

    async def all(self, request: Request) -> Response:
        asker, page = await self._asker(request), _page(request)
        return _paged(request, await asyncio.to_thread(self._rems.all, asker, page))

    async def one(self, request: Request) -> Response:
        asker, number = await self._asker(request), _in_path(request)
        return json_answer(await asyncio.to_thread(self._rems.whole, asker, number))

    async def attachment(self, request: Request) -> Response:
        asker, number = await self._asker(request), _in_path(request)
        file, name = await asyncio.to_thread(self._rems.attachment, asker, number)
        content = await self._counter.store.read(file)
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        return Response(content, media_type=file.media_type, headers={"content-disposition": disposition})

    async def entitlements(self, request: Request) -> Response:
        found = await self._entitlements(request)
        return json_answer(await asyncio.to_thread(self._rems.shapes.entitlements, found))

    async def export(self, request: Request) -> Response:
        """Every entitlement, also those that ended, for those on duty."""
        asker = await self._asker(request)
        if not sees_everybody(asker):
            raise NotPermitted(f"{asker.subject} may not export entitlements")
        found = await asyncio.to_thread(lambda: self._rems.entitlements(asker, expired=True))
        told = await asyncio.to_thread(self._rems.shapes.entitlements, found)
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["resource", "application", "user", "start", "end"])
        rows.writerows(
            [_cell(row[name]) for name in ("resource", "application-id", "userid", "start", "end")]
            for row in told
        )
        return Response(text.getvalue(), media_type="text/csv; charset=utf-8")

    async def _entitlements(self, request: Request) -> list[Entitlement]:
        asker, query = await self._asker(request), request.query_params
        return await asyncio.to_thread(
            lambda: self._rems.entitlements(
                asker,
                subject=query.get("user", ""),
                dataset=query.get("resource", ""),
                expired=is_set(request.query_params, "expired"),
            )
        )

    async def permissions(self, request: Request) -> Response:
        """Entitlements as visas; one's own, or anybody's for those on duty."""
        asker, user, visas = await self._asker(request), request.path_params["user"], self._counter.visas
        if visas is None:
            return json_answer({"error": "not implemented"}, NOT_IMPLEMENTED)
        if user != asker.subject and not sees_everybody(asker):
            raise NotPermitted(f"{asker.subject} may not read the permissions of others")
        is_set(request.query_params, "expired")

        def signed() -> list[str]:
            # A visa of what ended would be believed by whoever does not look at its end: there is none.
            found = self._rems.entitlements(asker, subject=user)
            return visas.sign([each for each in found if each.subject == user], asker.subject)

        return json_answer({"ga4gh_passport_v1": await asyncio.to_thread(signed)})

    async def keys(self, _request: Request) -> Response:
        if self._counter.visas is None:
            return json_answer({"error": "not implemented"}, NOT_IMPLEMENTED)
        return json_answer(await asyncio.to_thread(self._counter.visas.key_set))

    async def audit_log(self, request: Request) -> Response:
        asker, lines = await self._asker(request), self._counter.audit_lines
        on_duty(asker, Role.AUDITOR)
        if lines is None:
            return json_answer({"error": "not implemented"}, NOT_IMPLEMENTED)
        actor = request.query_params.get("userid") or None
        return json_answer(await asyncio.to_thread(lines, actor))

    async def catalogue(self, request: Request) -> Response:
        await self._asker(request)
        return json_answer(await asyncio.to_thread(self._workshop.catalogue_items, ""))

    async def catalogue_items(self, request: Request) -> Response:
        await self._asker(request)
        resource = request.query_params.get("resource", "")
        return json_answer(await asyncio.to_thread(self._workshop.catalogue_items, resource))

    async def catalogue_item(self, request: Request) -> Response:
        await self._asker(request)
        return json_answer(await asyncio.to_thread(self._workshop.catalogue_item, _in_path(request)))

    async def resources(self, request: Request) -> Response:
        await self._asker(request)
        resid = request.query_params.get("resid", "")
        return json_answer(await asyncio.to_thread(self._workshop.resources, resid))

    async def resource(self, request: Request) -> Response:
        await self._asker(request)
        return json_answer(await asyncio.to_thread(self._workshop.resource, _in_path(request)))

    async def forms(self, request: Request) -> Response:
        await self._asker(request)
        return json_answer(await asyncio.to_thread(self._workshop.forms))

    async def form(self, request: Request) -> Response:
        await self._asker(request)
        return json_answer(await asyncio.to_thread(self._workshop.form, _in_path(request)))

    async def workflows(self, request: Request) -> Response:
        await self._asker(request)
        return json_answer(await asyncio.to_thread(self._workshop.workflows))

    async def workflow(self, request: Request) -> Response:
        await self._asker(request)
        return json_answer(await asyncio.to_thread(self._workshop.workflow, _in_path(request)))

    async def licenses(self, request: Request) -> Response:
        await self._asker(request)
        return json_answer(await asyncio.to_thread(self._rems.shapes.licenses))

    async def organizations(self, request: Request) -> Response:
        await self._asker(request)
        return json_answer(await asyncio.to_thread(self._workshop.organizations))

    async def organization(self, request: Request) -> Response:
        await self._asker(request)
        id_ = request.path_params["id"]
        return json_answer(await asyncio.to_thread(self._workshop.organization, id_))


class _Making:
    """What synchronisers and access management make. It never changes what may be asked for: nodes say that."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._workshop = counter.workshop

    async def user(self, request: Request) -> Response:
        caller = await self._counter.callers.caller(request)
        body = bodies.read(await whole_body(request), bodies.User)
        subject = caller.principal.subject
        if body.userid != subject and subject not in self._counter.callers.impersonating:
            raise NotPermitted(f"{subject} may not introduce others")
        people = self._counter.rems.people
        await asyncio.to_thread(people.introduce, body.userid, body.name, body.email)
        return json_answer({"success": True})

    async def organization(self, request: Request) -> Response:
        return await self._made(request, self._workshop.make_organization)

    async def form(self, request: Request) -> Response:
        return await self._made(request, self._workshop.make_form)

    async def workflow(self, request: Request) -> Response:
        return await self._made(request, self._workshop.make_workflow)

    async def resource(self, request: Request) -> Response:
        return await self._made(request, self._workshop.make_resource)

    async def catalogue_item(self, request: Request) -> Response:
        return await self._made(request, self._workshop.make_catalogue_item)

    async def _made(self, request: Request, make: Callable[[bytes], Mapping[str, Any]]) -> Response:
        caller = await self._counter.callers.caller(request)
        on_duty(caller.principal, Role.COORDINATOR, Role.OPERATOR)
        content = await whole_body(request)
        return json_answer({"success": True, **await asyncio.to_thread(make, content)})


def _nothing(kind: type[Any], work: Callable[[Principal, Any], None]) -> Work:
    """A command that has nothing to tell but that it worked."""
    return lambda asker, content: work(asker, bodies.read(content, kind))


def _numbered(work: Callable[[Principal, int], None]) -> Work:
    return lambda asker, content: work(asker, bodies.read(content, bodies.OfApplication).application_id)


def _in_path(request: Request) -> int:
    text = request.path_params["number"]
    if not (text.isascii() and text.isdigit() and len(text) < 11):
        raise NotFound(f"there is nothing with number {text[:20]!r}")
    return int(text)


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 11):
        raise Invalid(f"{name} must be a number")
    return int(text)


def _page(request: Request) -> Page:
    """All of a list, as these clients know it; with `limit` a page."""
    query = request.query_params
    if "limit" not in query:
        return Page()
    most = _number(query["limit"], "limit")
    if not 1 <= most <= MOST_LINES:
        raise Invalid(f"limit must be a number from 1 to {MOST_LINES}")
    return Page(most, place_of(query))


def _paged(request: Request, paged: Paged) -> Response:
    """The lines; where there are more, the next page is in the header `link`. Spec: RFC 8288."""
    answer = json_answer(paged.lines)
    if paged.after is not None:
        following = request.url.include_query_params(after=paged.after)
        answer.headers["link"] = f'<{following.path}?{following.query}>; rel="next"'
    return answer


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
