"""Providers of data: acts, and `/access/v1/providers`, for a node's national coordination point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.answers import json_answer
from opengdi.access.ledger import Ledger, Listing
from opengdi.access.model import NewEvent
from opengdi.access.organisations import commands as c
from opengdi.access.organisations import provider, told
from opengdi.access.organisations.commands import command_kind, read_command
from opengdi.access.organisations.desk import page_of, run
from opengdi.access.organisations.means import Means
from opengdi.access.organisations.model import Capacity, Provider, ProviderState
from opengdi.access.organisations.provider import PROVIDER_STORY, may_include
from opengdi.access.query import is_dry_run
from opengdi.access.texts import Texts, Written
from opengdi.kernel.clock import Clock
from opengdi.kernel.doors import known, on_duty
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.principal import Principal, Role

PROVIDERS: Final = "/access/v1/providers"


class Providers:
    """The registry of providers. Methods block."""

    def __init__(self, ledger: Ledger, clock: Clock, new_id: Callable[[], str]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._new_id = new_id
        self.texts = Texts(ledger.engine)

    def identify(self, asker: Principal, command: c.Identify, *, dry_run: bool = False) -> Provider:
        """A provider begins. Raises NotAuthenticated, NotPermitted, Conflict, Invalid."""

        def decide(state: Provider, means: Means) -> Sequence[NewEvent]:
            return provider.identified(state, command, capacities_for(asker, state), means)

        return self._change(asker, command.id, decide, dry_run=dry_run)

    def act(
        self, asker: Principal, id_: str, name: str, command: c.Command, *, dry_run: bool = False
    ) -> Provider:
        """A command to a provider. Raises as decisions do."""

        def decide(state: Provider, means: Means) -> Sequence[NewEvent]:
            capacities = capacities_for(asker, state)
            if not (state.id and capacities):
                raise NotFound(f"there is no provider {id_} that {asker.subject} may see")
            return provider.decide(state, name, command, asker.subject, capacities, means, self._clock.now())

        return self._change(asker, id_, decide, dry_run=dry_run)

    def provider(self, asker: Principal, id_: str) -> Provider:
        """Raises NotFound, also if the one who asks may not see it."""
        known(asker)
        state = self._ledger.state(PROVIDER_STORY, id_)
        if not (capacities_for(asker, state) or _may_look(asker, id_)):
            raise NotFound(f"there is no provider {id_} that {asker.subject} may see")
        return state

    def providers(
        self, asker: Principal, states: Sequence[str] = (), after: str | None = None, most: int = 100
    ) -> Listing:
        """All of them for those who look after them; else the one that the asker submits for."""
        known(asker)
        mine = [duty.of for duty in asker.duties if duty.role is Role.PROVIDER]
        concerning = None if _looks_after(asker) else mine
        return self._ledger.list(PROVIDER_STORY, concerning=concerning, states=states, after=after, most=most)

    def may_include(self, id_: str) -> bool:
        """True if data of that provider may be taken in today. Spec: E-01."""
        try:
            return may_include(self._ledger.state(PROVIDER_STORY, id_), self._clock.now().date())
        except NotFound:
            return False

    def _change(
        self,
        asker: Principal,
        id_: str,
        decide: Callable[[Provider, Means], Sequence[NewEvent]],
        *,
        dry_run: bool,
    ) -> Provider:
        subject, texts = known(asker), list[Written]()

        def keep(about: str, body: str) -> str:
            texts.append(Written(self._new_id(), about, body))
            return texts[-1].id

        def again(state: Provider, _now: object) -> Sequence[NewEvent]:
            texts.clear()
            return decide(state, Means((), keep, self._new_id, lambda _: "", lambda *_: ""))

        if dry_run:
            state = self._found(id_)
            again(state, None)
            return state
        return self._ledger.change(PROVIDER_STORY, id_, again, actor=subject, texts=texts)

    def _found(self, id_: str) -> Provider:
        try:
            return self._ledger.state(PROVIDER_STORY, id_)
        except NotFound:
            return Provider()


def capacities_for(asker: Principal, _state: Provider) -> frozenset[Capacity]:
    """As what somebody acts on a provider."""
    coordinates = asker.holds(Role.NATIONAL_COORDINATION_POINT)
    return frozenset({Capacity.COORDINATION}) if coordinates else frozenset()


def _looks_after(asker: Principal) -> bool:
    return any(asker.holds(role) for role in (Role.NATIONAL_COORDINATION_POINT, Role.AUDITOR, Role.OPERATOR))


def _may_look(asker: Principal, id_: str) -> bool:
    return _looks_after(asker) or asker.holds(Role.PROVIDER, id_)


def provider_routes(providers: Providers, identify: Callable[[Scope], Principal]) -> list[Route]:
    """Routes of providers."""

    async def many(request: Request) -> Response:
        asker = identify(request.scope)
        after, most = page_of(request, frozenset({"state"}))
        states = request.query_params.getlist("state")
        if unknown := sorted(set(states) - set(ProviderState)):
            raise Invalid(f"state {unknown[0][:40]!r} is not known; known are {', '.join(ProviderState)}")
        return json_answer(told.told_list(await run(lambda: providers.providers(asker, states, after, most))))

    async def begin(request: Request) -> Response:
        asker = identify(request.scope)
        on_duty(asker, Role.NATIONAL_COORDINATION_POINT)
        command = cast("c.Identify", read_command(await request.body(), c.Identify))
        dry = is_dry_run(request.query_params)
        state = await run(lambda: providers.identify(asker, command, dry_run=dry))
        return json_answer({"valid": True}) if dry else await show(asker, state, 201)

    async def one(request: Request) -> Response:
        asker = identify(request.scope)
        return await show(asker, await run(lambda: providers.provider(asker, request.path_params["id"])))

    async def command(request: Request) -> Response:
        asker = identify(request.scope)
        known(asker)
        name = request.path_params["command"]
        wish = read_command(await request.body(), command_kind(c.PROVIDER_COMMANDS, name))
        dry = is_dry_run(request.query_params)
        state = await run(lambda: providers.act(asker, request.path_params["id"], name, wish, dry_run=dry))
        return json_answer({"valid": True}) if dry else await show(asker, state)

    async def show(asker: Principal, state: Provider, status: int = 200) -> Response:
        def told_now() -> dict[str, Any]:
            texts = providers.texts.of([each for each in told.provider_texts(state) if each])
            return told.told_provider(state, capacities_for(asker, state), texts)

        return json_answer(await run(told_now), status)

    return [
        Route(PROVIDERS, many, methods=["GET"]),
        Route(PROVIDERS, begin, methods=["POST"]),
        Route(f"{PROVIDERS}/{{id}}", one, methods=["GET"]),
        Route(f"{PROVIDERS}/{{id}}/commands/{{command}}", command, methods=["POST"]),
    ]
