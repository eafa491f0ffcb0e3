"""Routes of logging in: `/login/start`, `/login/callback`, `/login/me`, `POST /login/end`, `/login/jwks`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.identity.login.browser_sessions import BrowserSessions, with_form_token
from opengdi.identity.login.cookies import read_cookie
from opengdi.identity.login.model import (
    Arrival,
    Attempt,
    ClientKeys,
    Lifetimes,
    LoginRefused,
    Person,
    Session,
)
from opengdi.identity.login.people import People
from opengdi.identity.login.relying_party import RelyingParty
from opengdi.identity.login.rules import hint_within, local_path, read_max_age
from opengdi.identity.login.sealing import Seal
from opengdi.identity.login.session_store import SessionStore
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.errors import Invalid, NotAuthenticated, Unavailable
from opengdi.kernel.http.edge import REQUEST_ID
from opengdi.kernel.keys import key_set
from opengdi.kernel.principal import Duty
from opengdi.standards.faults import Unverified

logger = logging.getLogger(__name__)

START: Final = "/login/start"
CALLBACK: Final = "/login/callback"
ME: Final = "/login/me"
END: Final = "/login/end"
JWKS: Final = "/login/jwks"

_ATTEMPT: Final = "attempt"
_LONGEST_HINT: Final = 200


@dataclass(frozen=True, slots=True)
class About:
    """What others know of a person, for `GET /login/me`. Both may read a database."""

    duties: Callable[[str], Collection[Duty]] = lambda _: ()
    organisation: Callable[[str], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Login:
    """Everything that logging in needs.

    origin: scheme and host by which browsers reach this service; stranger: how audit lines call who is unknown.
    client_keys: by which this service proves itself at the provider, which reads them at `/login/jwks`.
    """

    relying_party: RelyingParty
    sessions: BrowserSessions
    store: SessionStore
    people: People
    seal: Seal
    audit: AuditLog
    lifetimes: Lifetimes
    origin: Callable[[Scope], str]
    stranger: Callable[[Scope], str]
    about: About = About()
    client_keys: ClientKeys | None = None

    async def start(self, request: Request) -> Response:
        """Send the browser to the provider, and remember in it that it was sent."""
        asked = _singles(request.query_params)
        next_ = local_path(asked.get("next", ""))
        hint = asked.get("hint") or hint_within(next_)
        if len(hint) > _LONGEST_HINT:
            raise Invalid(f"hint is longer than {_LONGEST_HINT} characters")
        max_age = read_max_age(asked.get("max_age", ""))
        back_to = f"{self.origin(request.scope)}{CALLBACK}"
        address, attempt = await self.relying_party.begin(back_to, next_, hint, max_age=max_age)
        response = RedirectResponse(address, 303)
        cookies = self.sessions.cookies
        sealed = self.seal.close(_ATTEMPT, msgspec.json.encode(asdict(attempt)))
        age_s = int(self.lifetimes.attempt.total_seconds())
        cookies.set(response, cookies.attempt_of(attempt.state), sealed, age_s)
        return response

    async def callback(self, request: Request) -> Response:
        """Take the answer of the provider, and begin a session with a new id."""
        try:
            attempt, person, arrival = await self._arrive(request)
        except (LoginRefused, Unavailable) as error:
            reason = error.reason if isinstance(error, LoginRefused) else "unavailable"
            logger.warning("login refused (%s): %s", reason, error)
            self._note("login.begin", self.stranger(request.scope), request, Outcome.REFUSED, reason)
            raise
        self._note("login.begin", person.subject, request)
        cookies = self.sessions.cookies
        before = read_cookie(request.scope, cookies.session)
        if before:
            await asyncio.to_thread(self.sessions.end, before)
        id_ = await asyncio.to_thread(
            self.sessions.begin, person.subject, arrival.id_token, arrival.authenticated
        )
        response = RedirectResponse(attempt.next, 303)
        cookies.set(response, cookies.session, id_)
        cookies.drop(response, cookies.attempt_of(attempt.state))
        return response

    async def _arrive(self, request: Request) -> tuple[Attempt, Person, Arrival]:
        answer = _singles(request.query_params)
        attempt = self._attempt(request.scope, answer.get("state", ""))
        await asyncio.to_thread(self.store.use_up, attempt.state)
        arrival = await self.relying_party.finish(attempt, answer)
        return attempt, await asyncio.to_thread(self.people.arrive, arrival.identity), arrival

    def _attempt(self, scope: Scope, state: str) -> Attempt:
        """The login that was begun in this browser with that state. Raises LoginRefused."""
        sealed = read_cookie(scope, self.sessions.cookies.attempt_of(state))
        if not sealed:
            raise LoginRefused("browser", "no such login was begun in this browser")
        try:
            return Attempt(**msgspec.json.decode(self.seal.open(_ATTEMPT, sealed)))
        except (Unverified, msgspec.DecodeError, TypeError) as error:
            raise LoginRefused("browser", "the note of the login in the browser is not ours") from error

    async def jwks(self, _: Request) -> Response:
        """The keys by which the provider knows that it is us who ask; an empty set where we have a secret."""
        keys = () if self.client_keys is None else await asyncio.to_thread(self.client_keys.published)
        return _json(key_set(keys))

    async def me(self, request: Request) -> Response:
        """Who is logged in, and the token that pages of ours send with changes."""
        id_, session = await self.sessions.current(request.scope)
        if session is None:
            raise NotAuthenticated("nobody is logged in with this browser", public="You are not logged in.")
        subject = session.subject
        duties = await asyncio.to_thread(self.about.duties, subject)
        return _json(
            {
                "subject": subject,
                "name": session.name,
                "csrf": self.sessions.csrf_token(id_),
                "duties": sorted(({"role": duty.role.value, "of": duty.of} for duty in duties), key=str),
                "organisation": await asyncio.to_thread(self.about.organisation, subject),
            }
        )

    async def end(self, request: Request) -> Response:
        """End the session here, then send the browser to end it at the provider."""
        await with_form_token(request.scope, request.receive)
        id_, session = await self.sessions.current(request.scope)
        elsewhere = ""
        if session is not None:
            self.sessions.check_csrf(request.scope, id_)
            await asyncio.to_thread(self.sessions.end, id_)
            self._note("login.end", session.subject, request)
            elsewhere = await self._logout_address(request, session)
        if "application/json" in request.headers.get("accept", ""):
            response: Response = _json({"continue": elsewhere or None})
        else:
            response = RedirectResponse(elsewhere or "/", 303)
        self.sessions.cookies.drop(response, self.sessions.cookies.session)
        return response

    async def _logout_address(self, request: Request, session: Session) -> str:
        """Where the provider ends its session; empty if it cannot be asked now: ours has ended already."""
        try:
            metadata = await self.relying_party.metadata()
            id_token = self.sessions.id_token(session)
        except (Unavailable, Unverified):
            return ""
        return self.relying_party.logout_address(metadata, id_token, f"{self.origin(request.scope)}/")

    def _note(
        self, action: str, actor: str, request: Request, outcome: Outcome = Outcome.DONE, reason: str = ""
    ) -> None:
        objects = (f"reason:{reason}",) if reason else ()
        id_ = request.scope.get(REQUEST_ID, "")
        self.audit.append(action, actor=actor, outcome=outcome, objects=objects, request=id_)


def login_routes(login: Login) -> list[Route]:
    """The routes of one login."""
    return [
        Route(START, login.start, methods=["GET"]),
        Route(CALLBACK, login.callback, methods=["GET"]),
        Route(ME, login.me, methods=["GET"]),
        Route(JWKS, login.jwks, methods=["GET"]),
        Route(END, login.end, methods=["POST"]),
    ]


def _singles(query: QueryParams) -> Mapping[str, str]:
    """Each parameter once. Raises Invalid for one that is given twice (RFC 6749 section 3.1)."""
    found = dict(query)
    if len(found) != len(query.multi_items()):
        raise Invalid("a parameter is given more than once")
    return found


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
