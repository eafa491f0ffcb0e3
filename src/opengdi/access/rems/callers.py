"""Who calls: a program with its key, perhaps for somebody else; or somebody whom the gate knows.

`x-rems-api-key` is a key of a program. `x-rems-user-id` names for whom it acts; only programs that the settings name
may do that. The person's roles at this hub do not come with it. A user id that the settings call a bot is the program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from opengdi.access.rems.model import Caller
from opengdi.access.rems.ports import Keys
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.errors import Invalid, NotAuthenticated, NotPermitted
from opengdi.kernel.http.edge import REQUEST_ID
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.principal import Principal, Tier

KEY_HEADER: Final = "x-rems-api-key"
USER_HEADER: Final = "x-rems-user-id"
LONGEST_SUBJECT: Final = 100


@dataclass(frozen=True, slots=True)
class Callers:
    """impersonating: subjects of programs that may act for others; bots: user ids that mean the program."""

    identify: Callable[[Scope], Principal]
    keys: Keys
    audit: AuditLog
    impersonating: frozenset[str] = frozenset()
    bots: frozenset[str] = frozenset()

    async def caller(self, request: Request) -> Caller:
        """Who asks. Raises NotAuthenticated, NotPermitted, Invalid."""
        key, user = request.headers.get(KEY_HEADER), request.headers.get(USER_HEADER, "")
        if len(user) > LONGEST_SUBJECT or (user and not user.isprintable()):
            raise Invalid(f"{USER_HEADER} must be printable, {LONGEST_SUBJECT} characters at most")
        if key is None:
            return self._themselves(request, user)
        program = await self.keys(key, request.method, request.url.path)
        if program is None:
            raise NotAuthenticated("the key is none of this service")
        if not user or user == program.subject or user in self.bots:
            return Caller(program)
        return self._acting(request, program, user)

    def _themselves(self, request: Request, user: str) -> Caller:
        asker = self.identify(request.scope)
        if asker.is_anonymous:
            raise NotAuthenticated("nobody known asks")
        if user and user != asker.subject:
            raise NotPermitted(f"{asker.subject} may not act for somebody else")
        return Caller(asker)

    def _acting(self, request: Request, program: Principal, user: str) -> Caller:
        if program.subject not in self.impersonating:
            raise NotPermitted(f"{program.subject} may not act for others")
        route = request.scope.get(TEMPLATE, "")
        self.audit.append(
            "rems.act",
            actor=program.subject,
            objects=(f"person:{user}", f"route:{request.method} {route}"),
            request=str(request.scope.get(REQUEST_ID, "")),
        )
        return Caller(Principal(user, Tier.REGISTERED, logged_in=True), program.subject)
