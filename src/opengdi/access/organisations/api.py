"""`/access/v1/organisations`, `/people`, `/documents`, `/invitations`: JSON, commands by POST, what is permitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.answers import json_answer
from opengdi.access.organisations import commands as c
from opengdi.access.organisations import told
from opengdi.access.organisations.commands import command_kind, read_command
from opengdi.access.organisations.desk import page_of, presence_of, run
from opengdi.access.organisations.model import Organisation, OrganisationState, Person
from opengdi.access.organisations.service import Onboarding, capacities_in, sees_all
from opengdi.access.query import is_dry_run
from opengdi.kernel.doors import known, on_duty
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.principal import Principal, Role

ORGANISATIONS: Final = "/access/v1/organisations"
PEOPLE: Final = "/access/v1/people"
DOCUMENTS: Final = "/access/v1/documents"
INVITATIONS: Final = "/access/v1/invitations"
SIGNATURES: Final = "/access/v1/signatures"

CALL_SIGNATURE: Final = "gdi-signature-call"
"""Header by which an external signature service proves its call."""

Identify = Callable[[Scope], Principal]


def organisation_routes(onboarding: Onboarding, identify: Identify) -> list[Route]:
    """Routes of organisations, their people, documents, invitations, and the call of a signature service."""
    return [
        *_Organisations(onboarding, identify).routes(),
        *_People(onboarding, identify).routes(),
        *_Documents(onboarding, identify).routes(),
        *_Entrances(onboarding, identify).routes(),
    ]


class _Organisations:
    def __init__(self, onboarding: Onboarding, identify: Identify) -> None:
        self._onboarding = onboarding
        self._identify = identify

    def routes(self) -> list[Route]:
        return [
            Route(ORGANISATIONS, self.list, methods=["GET"]),
            Route(ORGANISATIONS, self.register, methods=["POST"]),
            Route(f"{ORGANISATIONS}/{{id}}", self.one, methods=["GET"]),
            Route(f"{ORGANISATIONS}/{{id}}/commands/{{command}}", self.command, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        after, most = page_of(request, frozenset({"state"}))
        states = request.query_params.getlist("state")
        if unknown := sorted(set(states) - set(OrganisationState)):
            raise Invalid(f"state {unknown[0][:40]!r} is not known; known are {', '.join(OrganisationState)}")
        listing = await run(lambda: self._onboarding.organisations(asker, states, after, most))
        return json_answer(told.told_list(listing))

    async def register(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        known(asker)
        command = cast("c.Register", read_command(await request.body(), c.Register))
        dry = is_dry_run(request.query_params)
        done = await run(lambda: self._onboarding.register(asker, command, dry_run=dry))
        if dry:
            return json_answer({"valid": True})
        shown = await run(lambda: self._show(asker, done.state))
        return json_answer(shown | ({"invitationCode": done.code} if done.code else {}), 201)

    async def one(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        known(asker)
        return json_answer(await run(lambda: self._find(asker, request.path_params["id"])))

    async def command(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        name, id_ = request.path_params["command"], request.path_params["id"]
        presence = presence_of(request.scope, known(asker))
        command = read_command(await request.body(), command_kind(c.ORGANISATION_COMMANDS, name))
        dry = is_dry_run(request.query_params)
        done = await run(lambda: self._onboarding.act(asker, id_, name, command, presence, dry_run=dry))
        if dry:
            return json_answer({"valid": True})
        shown = await run(lambda: self._show(asker, done.state))
        shown |= {"invitationCode": done.code} if done.code else {}
        return json_answer(shown | ({"signingUrl": done.url} if done.url else {}))

    def _find(self, asker: Principal, id_: str) -> dict[str, Any]:
        state = self._onboarding.organisation(id_)
        ours = capacities_in(asker, state) or sees_all(asker)
        member = self._onboarding.standings.person(asker.subject).organisation == id_
        if not (ours or member or state.state is OrganisationState.ACTIVE):
            raise NotFound(f"there is no organisation {id_} that {asker.subject} may see")
        return self._show(asker, state)

    def _show(self, asker: Principal, state: Organisation) -> dict[str, Any]:
        capacities = capacities_in(asker, state)
        if not (capacities or sees_all(asker)):
            return told.told_organisation(state, capacities)
        return told.told_in_full(state, capacities, self._onboarding.contacts(told.texts_of(state)))


class _People:
    def __init__(self, onboarding: Onboarding, identify: Identify) -> None:
        self._onboarding = onboarding
        self._identify = identify

    def routes(self) -> list[Route]:
        return [
            Route(PEOPLE, self.list, methods=["GET"]),
            Route(PEOPLE, self.assign, methods=["POST"]),
            Route(f"{PEOPLE}/me", self.me, methods=["GET"]),
            Route(f"{PEOPLE}/{{subject}}", self.one, methods=["GET"]),
            Route(f"{PEOPLE}/{{subject}}/commands/{{command}}", self.command, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        after, most = page_of(request, frozenset({"organisation"}))
        id_ = request.query_params.get("organisation", "")
        listing = await run(lambda: self._onboarding.people(asker, id_, after, most))
        return json_answer(told.told_list(listing))

    async def assign(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        known(asker)
        command = cast("c.Assign", read_command(await request.body(), c.Assign))
        dry = is_dry_run(request.query_params)
        state = await run(lambda: self._onboarding.assign(asker, command, dry_run=dry))
        return json_answer({"valid": True}) if dry else await self._told(asker, state, 201)

    async def me(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        subject = known(asker)
        state = await run(lambda: self._onboarding.standings.person(subject))
        if not state.subject:
            found = await run(lambda: self._onboarding.standings.now(subject))
            return json_answer(
                {"subject": subject, "state": state.state, "standing": told.told_standing(found)}
            )
        return await self._told(asker, state)

    async def one(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        subject = request.path_params["subject"]
        return await self._told(asker, await run(lambda: self._onboarding.person(asker, subject)))

    async def command(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        name, subject = request.path_params["command"], request.path_params["subject"]
        presence = presence_of(request.scope, known(asker))
        command = read_command(await request.body(), command_kind(c.PERSON_COMMANDS, name))
        dry = is_dry_run(request.query_params)
        state = await run(
            lambda: self._onboarding.act_on_person(asker, subject, name, command, presence, dry_run=dry)
        )
        return json_answer({"valid": True}) if dry else await self._told(asker, state)

    async def _told(self, asker: Principal, state: Person, status: int = 200) -> Response:
        def show() -> dict[str, Any]:
            capacities = self._onboarding.capacities_over(asker, state)
            standing = self._onboarding.standings.now(state.subject)
            texts = self._onboarding.contacts(told.person_texts(state))
            return told.told_person(state, capacities, standing, texts)

        return json_answer(await run(show), status)


class _Documents:
    def __init__(self, onboarding: Onboarding, identify: Identify) -> None:
        self._onboarding = onboarding
        self._identify = identify

    def routes(self) -> list[Route]:
        return [
            Route(DOCUMENTS, self.list, methods=["GET"]),
            Route(DOCUMENTS, self.publish, methods=["POST"]),
            Route(f"{DOCUMENTS}/{{id}}", self.one, methods=["GET"]),
            Route(f"{DOCUMENTS}/{{id}}/commands/retire", self.retire, methods=["POST"]),
            Route(f"{DOCUMENTS}/{{id}}/{{version}}", self.one, methods=["GET"]),
            Route(f"{DOCUMENTS}/{{id}}/{{version}}/content", self.content, methods=["GET"]),
        ]

    async def list(self, _request: Request) -> Response:
        documents = await run(self._onboarding.standings.documents)
        return json_answer(told.named([told.told_document(each, DOCUMENTS) for each in documents]))

    async def publish(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        on_duty(asker, Role.ONBOARDING_OPERATOR)
        command = cast("c.Publish", read_command(await request.body(), c.Publish))
        dry = is_dry_run(request.query_params)
        state = await run(lambda: self._onboarding.publish(asker, command, dry_run=dry))
        return json_answer({"valid": True}) if dry else json_answer(told.told_document(state, DOCUMENTS), 201)

    async def retire(self, request: Request) -> Response:
        asker = self._identify(request.scope)
        state = await run(lambda: self._onboarding.retire(asker, request.path_params["id"]))
        return json_answer(told.told_document(state, DOCUMENTS))

    async def one(self, request: Request) -> Response:
        id_ = request.path_params["id"]
        documents = {each.id: each for each in await run(self._onboarding.standings.documents)}
        if id_ not in documents:
            raise NotFound(f"there is no document {id_}")
        if "version" in request.path_params:
            number = _number(request)
            await run(lambda: self._onboarding.version(id_, number))
        return json_answer(told.told_document(documents[id_], DOCUMENTS))

    async def content(self, request: Request) -> Response:
        number = _number(request)
        _, version = await run(lambda: self._onboarding.version(request.path_params["id"], number))
        content = await run(lambda: self._onboarding.content(version))
        headers = {
            "cache-control": "public, max-age=31536000, immutable",
            "etag": f'"{version.sha256}"',
            "content-security-policy": "default-src 'none'; sandbox",
        }
        return Response(content, media_type=version.media_type, headers=headers)


class _Entrances:
    """By which those come in who were invited, and the service that collects signatures."""

    def __init__(self, onboarding: Onboarding, identify: Identify) -> None:
        self._onboarding = onboarding
        self._identify = identify

    def routes(self) -> list[Route]:
        return [
            Route(f"{INVITATIONS}/commands/accept-office", self.accept_office, methods=["POST"]),
            Route(f"{INVITATIONS}/commands/join", self.join, methods=["POST"]),
            Route(f"{SIGNATURES}/call", self.call, methods=["POST"]),
        ]

    async def accept_office(self, request: Request) -> Response:
        return await self._accept(request, official=True)

    async def join(self, request: Request) -> Response:
        return await self._accept(request, official=False)

    async def _accept(self, request: Request, *, official: bool) -> Response:
        asker = self._identify(request.scope)
        known(asker)
        command = cast("c.Join", read_command(await request.body(), c.Join))
        id_ = await run(lambda: self._onboarding.accept(asker, command, official=official))
        return json_answer({"organisation": id_})

    async def call(self, request: Request) -> Response:
        body = await request.body()
        signature = request.headers.get(CALL_SIGNATURE, "")
        recorded = await run(lambda: self._onboarding.answered(body, signature))
        return json_answer({"recorded": recorded})


def _number(request: Request) -> int:
    text = request.path_params["version"]
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise NotFound(f"there is no version {text[:20]!r}")
    return int(text)
