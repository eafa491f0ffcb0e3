"""Who is logged in with the browser that asks, and whether it was they who sent this (CSRF)."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opengdi.identity.login.cookies import Cookies, read_cookie
from opengdi.identity.login.model import Lifetimes, Session
from opengdi.identity.login.rules import SAFE_METHODS
from opengdi.identity.login.sealing import Seal
from opengdi.identity.login.session_store import SessionStore, digest_of
from opengdi.identity.model import Proof
from opengdi.kernel.errors import NotPermitted
from opengdi.kernel.http.callers import LOGGED_IN
from opengdi.kernel.keys import Secret, pseudonym

CSRF_HEADER: Final = b"x-csrf-token"
CSRF_FIELD: Final = "csrf"
FORM_TOKEN: Final = "opengdi.csrf"  # noqa: S105  a key of the scope
"""Key of the scope: the CSRF token that a form carried, put there by `with_form_token`."""

LONGEST_FORM: Final = 65_536
_FORM: Final = b"application/x-www-form-urlencoded"
_ID_TOKEN: Final = "id-token"  # noqa: S105  what is sealed


class BrowserSessions:
    """The port `Sessions`. issuer: whose subjects they are, which may become known only while serving."""

    def __init__(
        self,
        store: SessionStore,
        key: Secret,
        cookies: Cookies,
        lifetimes: Lifetimes,
        issuer: Callable[[], str],
    ) -> None:
        self.cookies = cookies
        self._store = store
        self._key = key
        self._seal = Seal(key)
        self._lifetimes = lifetimes
        self._issuer = issuer

    async def session(self, scope: Scope) -> Proof | None:
        """Who is logged in; None: nobody. Raises NotPermitted if an unsafe method comes without its CSRF token."""
        id_, session = await self.current(scope)
        if session is None:
            return None
        if scope["method"] not in SAFE_METHODS:
            self.check_csrf(scope, id_)
        scope[LOGGED_IN] = session.began
        return Proof(
            session.subject,
            self._issuer(),
            session.began + self._lifetimes.session,
            bona_fide=False,
            visas=(),
            name=session.name,
            session=digest_of(id_),
            authenticated=session.authenticated,
        )

    async def current(self, scope: Scope) -> tuple[str, Session | None]:
        """The session of the browser that asks, and its id; whether it was meant is not checked here."""
        id_ = read_cookie(scope, self.cookies.session)
        if not id_:
            return "", None
        return id_, await asyncio.to_thread(self._store.find, id_)

    def csrf_token(self, id_: str) -> str:
        """What a page of ours must send with everything that changes something; different in each session."""
        return pseudonym(self._key, "csrf", id_)

    def check_csrf(self, scope: Scope, id_: str) -> None:
        """Raises NotPermitted unless the request carries the token of this session."""
        sent = next((value for name, value in scope["headers"] if name == CSRF_HEADER), None)
        given = sent.decode("latin-1") if sent is not None else str(scope.get(FORM_TOKEN, ""))
        if not hmac.compare_digest(given.encode(), self.csrf_token(id_).encode()):
            raise NotPermitted(
                "the CSRF token is missing or of another session",
                public="This request needs the header x-csrf-token (see GET /login/me), or the form field csrf.",
            )

    def begin(self, subject: str, id_token: str, authenticated: datetime | None = None) -> str:
        """A new session of somebody; its id, for the cookie. Blocks shortly."""
        id_ = secrets.token_urlsafe(32)
        self._store.begin(id_, subject, self._seal.close(_ID_TOKEN, id_token.encode()), authenticated)
        return id_

    def end(self, id_: str) -> None:
        """End a session here, and what was granted in it. Blocks shortly."""
        self._store.end(id_)

    async def leave(self, scope: Scope, subject: str, response: Response) -> bool:
        """End the session of the browser that asks, if it is this person's, and have its cookie forgotten."""
        id_, session = await self.current(scope)
        if session is None or session.subject != subject:
            return False
        await asyncio.to_thread(self._store.end, id_)
        self.cookies.drop(response, self.cookies.session)
        return True

    def id_token(self, session: Session) -> str:
        """The id token that the session began with."""
        return self._seal.open(_ID_TOKEN, session.sealed).decode()


class FormTokens:
    """ASGI app around what checks sessions, so that it sees the CSRF token of a form."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in SAFE_METHODS:
            receive = await with_form_token(scope, receive)
        await self._app(scope, receive, send)


async def with_form_token(scope: Scope, receive: Receive) -> Receive:
    """Put the form field `csrf` of an unsafe request into the scope; what is left to receive is the whole body again.

    Only for urlencoded forms of up to 64 KiB without the header; others must send the header. To be called before
    `session` by whoever guards routes that take forms.
    """
    headers = dict(scope["headers"])
    is_form = headers.get(b"content-type", b"").split(b";")[0].strip().lower() == _FORM
    if scope["method"] in SAFE_METHODS or not is_form or CSRF_HEADER in headers or b"cookie" not in headers:
        return receive
    taken: list[Message] = []
    body = b""
    while len(body) <= LONGEST_FORM:
        message = await receive()
        taken.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            tokens = [value for name, value in parse_qsl(body.decode("latin-1")) if name == CSRF_FIELD]
            scope[FORM_TOKEN] = tokens[0] if len(tokens) == 1 else ""
            break

    async def again() -> Message:
        return taken.pop(0) if taken else await receive()

    return again
