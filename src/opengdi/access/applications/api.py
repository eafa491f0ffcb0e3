"""Routes of applications, forms and what can be asked for, below `/access/v1`. JSON in camelCase.

Commands are `POST …/{id}/commands/{command}`; `?dry-run=true` only says whether it could be done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.answers import json_answer
from opengdi.access.applications import commands
from opengdi.access.applications.attachments import AttachmentStore, checked_name
from opengdi.access.applications.checks import Terms
from opengdi.access.applications.cohorts import Cohort, Counting, counted
from opengdi.access.applications.costs import PriceList, estimate, months_until, told_estimate
from opengdi.access.applications.decisions import Faulty
from opengdi.access.applications.hints import hints_for, told_hints
from opengdi.access.applications.model import Application, Attachment, Command, State
from opengdi.access.applications.service import Applications
from opengdi.access.applications.story import APPLICATIONS, body_mark, organisation_mark
from opengdi.access.applications.view import Views, told_events, told_faults
from opengdi.access.forms.reading import form_as_json
from opengdi.access.ports import Match, Matcher, OfferedDataset
from opengdi.access.query import is_dry_run, place_of, size_of_page
from opengdi.kernel.doors import known, on_duty
from opengdi.kernel.errors import Invalid, NotAuthenticated, NotFound, Unavailable
from opengdi.kernel.http.callers import PEER
from opengdi.kernel.http.faults import BodyTooLarge
from opengdi.kernel.principal import Principal, Role

BASE: Final = "/access/v1"
APPLICATIONS_BASE: Final = f"{BASE}/applications"
CASE_ATTACHMENTS: Final = f"{BASE}/case-attachments"

LONGEST_JSON: Final = 1_048_576
DEFAULT_PAGE: Final = 50
LONGEST_PAGE: Final = 200
MOST_EGRESS_GIB: Final = 1_000_000

Identify = Callable[[Scope], Principal]
_DROPPING: Final = frozenset({Command.REMOVE_ATTACHMENT, Command.REDACT_ATTACHMENT, Command.DELETE})
"""Commands after which nobody may read a file any longer."""

_Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes need."""

    applications: Applications
    views: Views
    store: AttachmentStore
    identify: Identify
    matcher: Matcher | None = None
    prices: dict[str, PriceList] | None = None
    count: Counting | None = None


def application_routes(desk: Desk) -> list[Route]:
    """All routes of this part."""
    api = _Api(desk)
    routes: list[tuple[str, str, _Handler]] = [
        ("GET", f"{BASE}/forms", api.forms),
        ("GET", f"{BASE}/forms/{{form}}/{{version}}", api.form),
        ("GET", f"{BASE}/terms", api.terms),
        ("GET", f"{BASE}/datasets", api.datasets),
        ("GET", APPLICATIONS_BASE, api.list),
        ("POST", APPLICATIONS_BASE, api.create),
        ("GET", f"{APPLICATIONS_BASE}/{{id}}", api.open),
        ("GET", f"{APPLICATIONS_BASE}/{{id}}/events", api.events),
        ("GET", f"{APPLICATIONS_BASE}/{{id}}/versions/{{number}}", api.version),
        ("GET", f"{APPLICATIONS_BASE}/{{id}}/hints", api.hints),
        ("GET", f"{APPLICATIONS_BASE}/{{id}}/estimate", api.estimate),
        ("PUT", f"{APPLICATIONS_BASE}/{{id}}/cohort", api.cohort),
        ("POST", f"{APPLICATIONS_BASE}/{{id}}/attachments", api.attach),
        ("GET", f"{APPLICATIONS_BASE}/{{id}}/attachments/{{attachment}}", api.attachment),
        ("POST", f"{APPLICATIONS_BASE}/{{id}}/commands/{{command}}", api.command),
    ]
    return [Route(path, handler, methods=[method]) for method, path, handler in routes]


def case_attachment_route(desk: Desk) -> Route:
    """`GET …/case-attachments/{id}/{attachment}` for nodes, behind a `PeerGate`: what a case of theirs names."""
    return Route(f"{CASE_ATTACHMENTS}/{{id}}/{{attachment}}", _Api(desk).case_attachment, methods=["GET"])


class _Api:
    """The handlers; each does its database work in a thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._applications = desk.applications
        self._around = desk.applications.around

    # -- what can be asked, and how

    async def forms(self, request: Request) -> Response:
        known(self._desk.identify(request.scope))
        purpose = request.query_params.get("purpose")
        library = self._around.forms
        found = library.all() if purpose is None else library.current(purpose)
        return json_answer({"items": [form_as_json(form) for form in found]})

    async def form(self, request: Request) -> Response:
        known(self._desk.identify(request.scope))
        version = request.path_params["version"]
        if not (version.isascii() and version.isdigit() and len(version) < 10):
            raise NotFound(f"no version {version!r} of a form")
        form = await asyncio.to_thread(self._around.forms.find, request.path_params["form"], int(version))
        return json_answer(form_as_json(form))

    async def terms(self, request: Request) -> Response:
        known(self._desk.identify(request.scope))
        return json_answer({"items": [_told_terms(terms) for terms in self._around.terms]})

    async def datasets(self, request: Request) -> Response:
        known(self._desk.identify(request.scope))
        found = await asyncio.to_thread(self._around.datasets.all)
        return json_answer({"items": [_told_dataset(offered) for offered in found], "next": None})

    # -- applications

    async def list(self, request: Request) -> Response:
        asker = self._desk.identify(request.scope)
        return json_answer(await asyncio.to_thread(self._listed, asker, request))

    def _listed(self, asker: Principal, request: Request) -> dict[str, Any]:
        known(asker)
        query = request.query_params
        signs_for = self._signs_for(asker)
        concerning: set[str] | None = _concerning(asker, signs_for)
        states = _states(query.get("state", ""))
        if query.get("scope", "mine") == "all":
            on_duty(asker, Role.COORDINATOR)
            concerning = None
            sent = set(State) - {State.NOTHING, State.DRAFT, State.DELETED}
            states = (set(states) & sent) if states else sent
            if not states:
                return {"items": [], "next": None}
        found = self._around.ledger.list(
            APPLICATIONS,
            concerning=concerning,
            states=states,
            after=place_of(query),
            most=size_of_page(query, "limit", DEFAULT_PAGE, LONGEST_PAGE),
        )
        return {"items": self._desk.views.lines(found.lines, asker, signs_for), "next": found.after}

    def _signs_for(self, asker: Principal) -> set[str]:
        """Organisations whose signing official the asker is."""
        standing = self._around.standings.of(asker.subject)
        mine = {standing.organisation} if asker.subject in standing.signing_officials else set()
        return mine | {duty.of for duty in asker.duties if duty.role is Role.SIGNING_OFFICIAL and duty.of}

    async def create(self, request: Request) -> Response:
        asker = self._desk.identify(request.scope)
        body = commands.read_as(await whole_body(request), commands.Create)
        done = await asyncio.to_thread(self._applications.create, asker, body)
        told = await asyncio.to_thread(self._whole, asker, done.application.id)
        return json_answer(told | dict(done.extra), 201)

    async def open(self, request: Request) -> Response:
        asker = self._desk.identify(request.scope)
        return json_answer(await asyncio.to_thread(self._whole, asker, request.path_params["id"]))

    def _whole(self, asker: Principal, id_: str) -> dict[str, Any]:
        state, roles = self._applications.seen(asker, id_)
        return self._desk.views.whole(state, roles)

    async def events(self, request: Request) -> Response:
        asker, id_ = self._desk.identify(request.scope), request.path_params["id"]

        def found() -> dict[str, Any]:
            state, _ = self._applications.seen(asker, id_)
            if not state.content:
                raise NotFound(f"{asker.subject} takes no part in {id_}")
            return {"items": told_events(self._around.ledger.events(APPLICATIONS, id_)), "next": None}

        return json_answer(await asyncio.to_thread(found))

    async def version(self, request: Request) -> Response:
        asker, text = self._desk.identify(request.scope), request.path_params["number"]

        def found() -> dict[str, Any]:
            state, roles = self._applications.seen(asker, request.path_params["id"])
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
            if not 1 <= number <= len(state.versions):
                raise NotFound(f"application {state.id} has no version {text!r}")
            return self._desk.views.version(state, number, roles)

        return json_answer(await asyncio.to_thread(found))

    async def command(self, request: Request) -> Response:
        asker, id_ = self._desk.identify(request.scope), request.path_params["id"]
        known(asker)
        command = _command(request.path_params["command"])
        body = commands.read_body(command, await whole_body(request))
        try:
            if is_dry_run(request.query_params):
                await asyncio.to_thread(self._applications.check, asker, id_, command, body)
                return json_answer({"possible": True})
            done = await asyncio.to_thread(self._applications.do, asker, id_, command, body)
        except Faulty as error:
            return _faulty(error)
        if command in _DROPPING:
            await self._desk.store.try_sweep()
        told = await asyncio.to_thread(self._after, asker, done.application)
        return json_answer(told | dict(done.extra))

    def _after(self, asker: Principal, state: Application) -> dict[str, Any]:
        """The application as the asker sees it now; one who may not any longer is told its state only."""
        try:
            return self._whole(asker, state.id)
        except NotFound:
            return {"id": state.id, "state": state.state, "permitted": []}

    # -- before submitting

    async def hints(self, request: Request) -> Response:
        asker, id_ = self._desk.identify(request.scope), request.path_params["id"]

        def found() -> dict[str, Any]:
            state, _ = self._applications.seen(asker, id_)
            if not state.content:
                raise NotFound(f"{asker.subject} takes no part in {id_}")
            content = self._applications.content(state.content)
            now = self._around.clock.now()
            hints = hints_for(state, content, self._matches(state, content.duo), now)
            return {"items": told_hints(hints), "errors": told_faults(self._applications.faults(state))}

        return json_answer(await asyncio.to_thread(found))

    def _matches(self, state: Application, duo: dict[str, Any]) -> dict[str, Match]:
        matcher = self._desk.matcher
        offered = [self._around.datasets.find(one.dataset, one.version) for one in state.datasets]
        if matcher is None:
            return {}
        return {one.dataset: matcher.match(state.purpose, duo, one) for one in offered if one is not None}

    async def estimate(self, request: Request) -> Response:
        asker, id_ = self._desk.identify(request.scope), request.path_params["id"]
        egress = _number(request.query_params.get("egressGiB", "0"), "egressGiB", MOST_EGRESS_GIB)

        def found() -> dict[str, Any]:
            state, _ = self._applications.seen(asker, id_)
            months = months_until(state.until, self._around.clock.now().date())
            items, without = estimate(
                state.datasets, self._desk.prices or {}, months=months, egress_gib=egress
            )
            return told_estimate(items, without, months)

        return json_answer(await asyncio.to_thread(found))

    async def cohort(self, request: Request) -> Response:
        """Whose data are asked for: counted by the network now, in the asker's name, and kept in the draft."""
        asker, id_ = self._desk.identify(request.scope), request.path_params["id"]
        known(asker)
        wish = commands.read_as(await whole_body(request), commands.DefineCohort)
        state = await asyncio.to_thread(self._applications.may, asker, id_, Command.SAVE_DRAFT)
        cohort: Cohort | msgspec.UnsetType = msgspec.UNSET
        if wish.filters:
            if self._desk.count is None:
                raise Unavailable("this hub has no network that counts people")
            now = self._around.clock.now()
            cohort = await counted(wish.filters, state.datasets, asker, self._desk.count, now)
        saved = commands.SaveCohort(base=wish.base, cohort=cohort)
        done = await asyncio.to_thread(self._applications.do, asker, id_, Command.SAVE_DRAFT, saved)
        return json_answer(await asyncio.to_thread(self._whole, asker, done.application.id))

    # -- attachments

    async def attach(self, request: Request) -> Response:
        asker, id_ = self._desk.identify(request.scope), request.path_params["id"]
        await asyncio.to_thread(self._applications.may, asker, id_, Command.ADD_ATTACHMENT)
        name, content = await uploaded(request, self._desk.store.limit_bytes)
        attachment = await self._desk.store.keep(name, content, asker.subject)
        done = await asyncio.to_thread(self._applications.attach, asker, id_, attachment, name)
        told = await asyncio.to_thread(self._whole, asker, id_)
        return json_answer(told | dict(done.extra), 201)

    async def attachment(self, request: Request) -> Response:
        id_, wanted = request.path_params["id"], request.path_params["attachment"]
        asker = self._desk.identify(request.scope)

        def found() -> tuple[Attachment, str]:
            state, _ = self._applications.seen(asker, id_)
            return self._named(state, wanted)

        return await self._sent(*await asyncio.to_thread(found))

    async def case_attachment(self, request: Request) -> Response:
        id_, wanted = request.path_params["id"], request.path_params["attachment"]
        peer: Principal | None = request.scope.get(PEER)
        if peer is None or not peer.hub:
            raise NotAuthenticated("only nodes ask for attachments of cases, by their signed header")
        node = peer.hub

        def found() -> tuple[Attachment, str]:
            state = self._applications.state(id_)
            nodes = {at.opened.node for at in state.cases if not at.withdrawn}
            submitted = {one for version in state.versions for one in version.attachments}
            if node not in nodes or wanted not in submitted:
                raise NotFound(f"node {node} has no case of {id_} with attachment {wanted!r}")
            return self._named(state, wanted)

        return await self._sent(*await asyncio.to_thread(found))

    def _named(self, state: Application, wanted: str) -> tuple[Attachment, str]:
        file = next((file for file in state.attachments if file.id == wanted), None)
        if file is None:
            raise NotFound(f"application {state.id} has no attachment {wanted!r}")
        return file, self._around.texts.of([file.name])[file.name]

    async def _sent(self, file: Attachment, name: str) -> Response:
        content = await self._desk.store.read(file)
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        return Response(content, media_type=file.media_type, headers={"content-disposition": disposition})


def _concerning(asker: Principal, signs_for: set[str]) -> set[str]:
    """Under which names applications concern the asker."""
    bodies = {
        body_mark(duty.of) for duty in asker.duties if duty.of and duty.role is not Role.SIGNING_OFFICIAL
    }
    return {asker.subject, *map(organisation_mark, signs_for), *bodies}


def _told_terms(terms: Terms) -> dict[str, str]:
    return {"id": terms.id, "title": terms.title, "url": terms.url}


def _told_dataset(offered: OfferedDataset) -> dict[str, Any]:
    return {
        "dataset": offered.dataset,
        "version": offered.version,
        "title": offered.title,
        "node": offered.node,
        "body": offered.body,
        "type": offered.dataset_type,
        "duo": list(offered.duo),
        "url": offered.url,
    }


def _command(text: str) -> Command:
    try:
        return Command(text)
    except ValueError as error:
        raise NotFound(f"there is no command {text!r}", public="There is no such command.") from error


def _states(text: str) -> set[State]:
    try:
        return {State(part) for part in text.split(",") if part}
    except ValueError as error:
        known_states = ", ".join(sorted(set(State) - {State.NOTHING}))
        raise Invalid(f"state must be of: {known_states}") from error


def _number(text: str, name: str, most: int, least: int = 0) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        raise Invalid(f"{name} must be a number from {least} to {most}")
    return int(text)


async def whole_body(request: Request) -> bytes:
    """The body. Raises BodyTooLarge: only attachments are long."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > LONGEST_JSON:
            raise BodyTooLarge(f"the body has {LONGEST_JSON} bytes at most")
        pieces.append(piece)
    return b"".join(pieces)


class _InMemory(MultiPartParser):
    """Keeps a file in memory however long it is: nothing of it may lie on a disk in the clear."""

    spool_max_size = 2**40


async def uploaded(request: Request, limit_bytes: int) -> tuple[str, bytes]:
    """Name and content of the one file, in the part `file`. Raises Invalid, BodyTooLarge."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Invalid("an attachment is sent as multipart/form-data, in a part named 'file'")
    try:
        form = await _InMemory(request.headers, request.stream(), max_files=1, max_fields=8).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Invalid(f"the multipart body cannot be read: {error}") from error
    try:
        file = form.get("file")
        if file is None or isinstance(file, str):
            raise Invalid("the part 'file' with a file name is missing")
        name = checked_name(file.filename or "")
        return name, await file.read(limit_bytes + 1)
    finally:
        await form.close()


def _faulty(error: Faulty) -> Response:
    told = {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": error.public,
        "errors": told_faults(error.faults),
    }
    return Response(msgspec.json.encode(told), 400, media_type="application/problem+json")
