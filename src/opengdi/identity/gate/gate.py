"""The ASGI layer that finds out who calls, once per request and before every API.

A request without a credential costs one look at each header's name. A credential that does not hold is remembered with
the reason: an API that needs to know its caller refuses in its own form, and one that is everybody's goes on.
A credential is taken from headers alone, never from an address.

APIs that have credentials of their own (the broker: its tokens, tickets and clients) are passed over: nobody is known
there, and a credential that was shown is neither looked at nor told of as refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from opengdi.identity.gate.credentials import Credentials
from opengdi.kernel.errors import GdiError, NotAuthenticated, NotPermitted
from opengdi.kernel.http.callers import CALLER, REFUSED
from opengdi.kernel.http.running import STILL
from opengdi.kernel.principal import Principal

_AUTHORIZATION: Final = b"authorization"
_COOKIE: Final = b"cookie"
_TOKEN_OF_S3: Final = b"x-amz-security-token"
_SHOWN: Final = frozenset({_AUTHORIZATION, _COOKIE, _TOKEN_OF_S3})

_UNREAD: Final = "credentials are looked at by this API itself"

Refused = Callable[[Scope, GdiError], None]
"""Told of a credential that was not believed, for the audit chain."""


class IdentityGate:
    """ASGI app around another one. passed_over: base paths of APIs that check what they are shown themselves."""

    def __init__(
        self, app: ASGIApp, credentials: Credentials, refused: Refused, passed_over: Collection[str] = ()
    ) -> None:
        self._app = app
        self._credentials = credentials
        self._refused = refused
        self._passed_over = tuple(sorted(passed_over))
        self._below = tuple(f"{base}/" for base in self._passed_over)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, _ in scope["headers"]:
            if name in _SHOWN:
                if self._is_passed_over(scope["path"]):
                    scope[REFUSED] = NotAuthenticated(
                        _UNREAD
                    )  # whoever asks for a caller all the same gets none
                else:
                    await self._recognise(scope)
                break
        await self._app(scope, receive, send)

    def _is_passed_over(self, path: str) -> bool:
        return path.startswith(self._below) or path in self._passed_over

    async def _recognise(self, scope: Scope) -> None:
        shown = {name: value for name, value in scope["headers"] if name in _SHOWN}
        try:
            caller = await self._caller(shown, scope)
        except GdiError as error:
            scope[REFUSED] = error
            self._refused(scope, error)
            return
        if caller is not None:
            scope[CALLER] = caller
            scope[STILL] = partial(self._still, shown, scope, caller)

    async def _still(self, shown: Mapping[bytes, bytes], scope: Scope, known: Principal) -> bool:
        """False once the credential is taken back. What only ran out is not looked at again: it opened the answer."""
        if known.until is not None and self._credentials.now() >= known.until:
            return True
        try:
            caller = await self._caller(shown, scope)
        except (NotAuthenticated, NotPermitted):
            return False
        return caller is not None and caller.subject == known.subject

    async def _caller(self, shown: Mapping[bytes, bytes], scope: Scope) -> Principal | None:
        """A browser adds its cookie by itself, so what was shown on purpose comes first."""
        if _AUTHORIZATION in shown:
            scheme, _, token = shown[_AUTHORIZATION].partition(b" ")
            if scheme.lower() != b"bearer" or not token.strip():
                # Signed S3 requests and clients of the broker; whoever takes those looks at them itself.
                scope[REFUSED] = NotAuthenticated("only bearer tokens are accepted")
                return None
            return await self._of_token(token.strip(), scope)
        if _TOKEN_OF_S3 in shown:
            return await self._of_token(shown[_TOKEN_OF_S3].strip(), scope)
        return await self._credentials.of_session(scope)

    async def _of_token(self, token: bytes, scope: Scope) -> Principal:
        return await self._credentials.of_token(token.decode("latin-1"), scope["method"], scope["path"])
