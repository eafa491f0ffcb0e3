"""Routes of the Beacon networks, GET and POST alike, on the hub's public listener.

Spec: Beacon v2.2.0, framework `endpoints.json` and the default model's endpoints.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.federation import informational
from opengdi.federation.directory import Profile
from opengdi.federation.informational import NetworkFacts
from opengdi.federation.merging import Merged, member_document
from opengdi.federation.model import COLLECTIONS, SUBJECT_LEVEL, Json, Member, Network
from opengdi.federation.service import Answered, Arrival, BeaconNetwork
from opengdi.federation.stream import (
    STREAMS,
    Event,
    EventStream,
    MediaType,
    as_frame,
    media_type_for,
    preferred_wait_s,
    while_connected,
)
from opengdi.federation.terms import UnitedTerms
from opengdi.kernel.disclosure.counts import PublishedCount
from opengdi.kernel.doors import registered
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.http.faults import ErrorShape, Fault
from opengdi.kernel.http.frames import FRAMES
from opengdi.kernel.http.running import RunningAnswers
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon import answer as published_form
from opengdi.standards.beacon.entry_types import BY_PATH
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity
from opengdi.standards.beacon.request import (
    Target,
    parse_get,
    parse_listing_get,
    parse_listing_post,
    parse_post,
)
from opengdi.standards.faults import Malformed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NetworkMount:
    """Networks under one base path. With both of them, questions about single people go to the subject-level one."""

    base: str
    facts: NetworkFacts
    networks: Mapping[Network, BeaconNetwork]

    def network_for(self, question: BeaconRequest) -> Network:
        """The network that answers the question. Raises NotFound for an entry type that is not served here.

        Filters of cohorts and of datasets select people, where there is a network that may tell of them.
        """
        kinds = {question.entry_type} | ({question.parent[0]} if question.parent else set())
        selects_people = question.entry_type in COLLECTIONS and bool(question.filters)
        is_about_people = bool(kinds & SUBJECT_LEVEL) or Network.AGGREGATED not in self.networks
        is_about_people |= selects_people and Network.INDIVIDUALS in self.networks
        wanted = Network.INDIVIDUALS if is_about_people else Network.AGGREGATED
        if wanted not in self.networks or not kinds <= set(self.facts.entry_types):
            raise NotFound(f"{self.base} does not serve {', '.join(sorted(kinds))}")
        return wanted

    def known(self) -> list[tuple[Member, Profile]]:
        """The members of all networks under this base, each Beacon once."""
        found = {
            member.service: (member, said) for net in self.networks.values() for member, said in net.known()
        }
        return list(found.values())

    async def terms_below(self, collection: EntryType, identifier: str) -> list[tuple[Member, Profile]]:
        """The members and what they say of the filtering terms of one dataset or cohort."""
        asking = (net.terms_below(collection, identifier) for net in self.networks.values())
        return [each for told in await asyncio.gather(*asking) for each in told]


Admit: TypeAlias = Callable[[Principal], None]
"""Lets a question in. Raises OverBudget for who asks too often."""


def everybody(_asker: Principal) -> None:
    """Of a hub that sets no rate."""


def network_routes(
    mount: NetworkMount, callers: Callers, version: str, admit: Admit = everybody
) -> list[Route]:
    """All paths below `mount.base`. admit: is told of each question that members are asked."""
    return (
        _InformationalRoutes(mount, callers, version, admit).routes()
        + _DataRoutes(mount, callers, admit).routes()
    )


def beacon_error_shape(facts: NetworkFacts) -> ErrorShape:
    """Failures below a Beacon's base path. Spec: beaconErrorResponse.json."""
    nothing = BeaconRequest(facts.entry_types[0])

    def shape(fault: Fault) -> tuple[bytes, bytes]:
        granularity = facts.default_granularity
        meta = published_form.data_meta(facts.id, nothing, granularity, granularity, nothing.page)
        detail = fault.detail or fault.status.phrase
        return b"application/json", msgspec.json.encode(
            published_form.error_answer(meta, int(fault.status), detail)
        )

    return shape


class _InformationalRoutes:
    """What the network says about itself; the same by GET and POST."""

    def __init__(self, mount: NetworkMount, callers: Callers, version: str, admit: Admit) -> None:
        self._mount = mount
        self._callers = callers
        self._version = version
        self._admit = admit
        self._terms = UnitedTerms()

    def routes(self) -> list[Route]:
        mount, facts = self._mount, self._mount.facts
        bare: dict[str, Callable[[], Json]] = {
            "/service-info": lambda: informational.service_info(facts, self._version),
            "/openapi.json": lambda: informational.openapi(facts, self._version, STREAMS),
        }
        framed: dict[str, Callable[[], Json]] = {
            "": lambda: informational.info(facts, mount.known()),
            "/": lambda: informational.info(facts, mount.known()),
            "/info": lambda: informational.info(facts, mount.known()),
            "/map": lambda: informational.beacon_map(facts),
            "/configuration": lambda: informational.configuration(facts),
            "/entry_types": lambda: informational.entry_types(facts),
        }
        routes = [_document_route(mount.base + path, make) for path, make in bare.items()]
        routes += [_document_route(mount.base + path, self._framed(make)) for path, make in framed.items()]
        for path in ("/filtering_terms", "/{entry}/filtering_terms", "/{entry}/{id}/filtering_terms"):
            routes.append(Route(mount.base + path, self._filtering_terms, methods=["GET", "POST"]))
        return routes

    def _framed(self, make: Callable[[], Json]) -> Callable[[], Json]:
        facts = self._mount.facts
        return lambda: published_form.informational_answer(facts.id, make(), facts.entry_types)

    async def _filtering_terms(self, request: Request) -> Response:
        entry, identifier = request.path_params.get("entry"), request.path_params.get("id")
        kind = None if entry is None else _entry_type(entry)
        page = await _parsed(request, parse_listing_get, parse_listing_post)
        scope = None if kind in COLLECTIONS else kind  # terms are of what is in a collection, never of itself
        asker = self._callers.identify_or_pass(request.scope)
        if kind is None or kind not in COLLECTIONS or identifier is None:
            united, known = self._terms, self._mount.known()  # as it was last heard
        else:
            self._admit(asker)
            united, known = UnitedTerms(), await self._mount.terms_below(kind, identifier)
        terms = united.page(known, scope, skip=page.skip, limit=page.limit)
        return _json(published_form.informational_answer(self._mount.facts.id, terms))


class _DataRoutes:
    """Questions to the members."""

    def __init__(self, mount: NetworkMount, callers: Callers, admit: Admit) -> None:
        self._mount = mount
        self._callers = callers
        self._admit = admit
        self._running = RunningAnswers()

    def routes(self) -> list[Route]:
        paths = ("/{entry}", "/{entry}/{id}", "/{parent}/{id}/{entry}")
        return [Route(self._mount.base + path, self._ask, methods=["GET", "POST"]) for path in paths]

    async def _ask(self, request: Request) -> Response:
        target = _target(request.path_params)
        question = await _parsed(request, partial(parse_get, target), partial(parse_post, target))
        kind = self._mount.network_for(question)
        asker = self._asker(kind, request.scope)
        self._admit(asker)
        network, media_type = self._mount.networks[kind], media_type_for(request.headers.get("accept", ""))
        wait_s = preferred_wait_s(request.headers.getlist("prefer"))
        applied = {} if wait_s is None else {"Preference-Applied": f"wait={wait_s}"}
        if media_type is not MediaType.JSON or FRAMES in request.scope:
            answering = network.stream(question, asker, wait_s=wait_s)
            if FRAMES in request.scope:
                growing = self._growing(answering, question)
                return EventStream(growing, media_type, self._running, as_frame)
            events = self._events(answering, question)
            return EventStream(events, media_type, self._running, headers=applied)
        work = network.answer(question, asker, wait_s=wait_s)
        answered = await while_connected(request.receive, work)
        return (
            Response(status_code=499)
            if answered is None
            else _json(self._document(question, answered), applied)
        )

    def _asker(self, kind: Network, scope: Scope) -> Principal:
        """Who asks. Raises NotAuthenticated, NotPermitted for a question about people by who is not registered."""
        if kind is Network.AGGREGATED:
            return self._callers.identify_or_pass(scope)
        asker = self._callers.identify(scope)
        registered(asker)
        return asker

    async def _events(
        self, answering: AsyncGenerator[Arrival | Answered, None], question: BeaconRequest
    ) -> AsyncGenerator[Event, None]:
        async with aclosing(answering) as events:
            async for event in events:
                if isinstance(event, Arrival):
                    yield "member", _arrival_document(event)
                else:
                    yield "result", self._document(question, event)

    async def _growing(
        self, answering: AsyncGenerator[Arrival | Answered, None], question: BeaconRequest
    ) -> AsyncGenerator[Event, None]:
        """An answer after each member, the last one whole."""
        async with aclosing(answering) as events:
            async for event in events:
                answered = event if isinstance(event, Answered) else event.so_far and event.so_far()
                if answered is not None:
                    yield "result", self._document(question, answered)

    def _document(self, asked: BeaconRequest, answered: Answered) -> Json:
        """The whole answer in the published form."""
        settled, merged = answered.request, answered.merged
        requested = asked.granularity if asked.granularity is not None else settled.granularity
        assert requested is not None
        meta = published_form.data_meta(
            self._mount.facts.id, settled, requested, merged.granularity, settled.page
        )
        published_form.with_pages(meta, settled.page, more=merged.more)
        if merged.schemas:
            meta["returnedSchemas"] = list(merged.schemas)
        is_collection = settled.entry_type in COLLECTIONS and not merged.result_sets
        form = published_form.collections_answer if is_collection else published_form.results_answer
        listed = merged.collections if is_collection else merged.result_sets
        return form(meta, _summary(merged), listed, handovers=merged.handovers, info=merged.info)


def _summary(merged: Merged) -> Json:
    count = merged.total or PublishedCount(0, merged.exists, "exact", None)
    granularity = Granularity.BOOLEAN if merged.total is None else Granularity.COUNT
    return {**published_form.summary(count, granularity), "exists": merged.exists}


def _arrival_document(arrival: Arrival) -> Json:
    return {"member": member_document(arrival.outcome), "resultSets": list(arrival.result_sets)}


def _target(path: Mapping[str, str]) -> Target:
    entry = _entry_type(path["entry"])
    if "parent" in path:
        return Target(entry, parent=(_entry_type(path["parent"]), path["id"]))
    return Target(entry, entry_id=path.get("id"))


def _entry_type(path: str) -> EntryType:
    found = BY_PATH.get(path)
    if found is None:
        raise NotFound(f"{path!r} is no entry type", public=f"There is no entry type {path!r} here.")
    return found


async def _parsed(
    request: Request, of_get: Callable[[list[tuple[str, str]]], T], of_post: Callable[[object], T]
) -> T:
    """The question, however it is put. Raises Invalid, before any member is asked.

    Over a WebSocket it is in the address, or else in the first frame as in the body of a POST.
    """
    is_in_address = request.method == "GET" and (FRAMES not in request.scope or bool(request.url.query))
    try:
        if is_in_address:
            return of_get(request.query_params.multi_items())
        return of_post(_decoded(await request.body()))
    except Malformed as error:
        raise Invalid(str(error)) from error


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body) if body.strip() else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"the request body is not JSON: {error}") from error


def _document_route(path: str, make: Callable[[], Json]) -> Route:
    async def tell(_: Request) -> Response:
        return _json(make())

    return Route(path, tell, methods=["GET", "POST"])


def _json(document: Json, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(document), headers=headers, media_type="application/json")
