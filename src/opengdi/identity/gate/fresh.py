"""Acts that weigh heavily (to sign, to veto, to revoke) are for people who proved shortly before who they are.

A session lasts for hours, and a refresh token for weeks: whoever finds one open could decide in somebody's name.
Spec: RFC 9470 (step-up authentication challenge), with `max_age`; OpenID Connect Core 1.0, `auth_time`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.http.callers import CALLER
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.principal import Principal

BASES: Final = ("/access/v1/", "/api/applications/")
"""Where commands are given: ours, and those in the shape of REMS. The last part of the path is the command."""


class StaleLogin(NotAuthenticated):
    """It is known who asks, but not since shortly before."""

    def __init__(self, subject: str, within_s: int) -> None:
        super().__init__(
            f"{subject} proved who they are too long ago for this",
            public=f"This needs a login of the last {within_s} seconds. Log in again: /login/start?max_age={within_s}, "
            "or gdi login --fresh.",
        )
        self.challenge = f'Bearer error="insufficient_user_authentication", max_age="{within_s}"'


@dataclass(frozen=True, slots=True)
class GraveActs:
    """Which commands they are, and how old a login may be for them. within: zero: as old as it likes."""

    commands: frozenset[str] = frozenset()
    within: timedelta = timedelta()

    def asked(self, scope: Scope) -> bool:
        """True if the request is to do one of them. A dry run does nothing."""
        path: str = scope["path"].rstrip("/")
        return (
            bool(self.within)
            and scope["method"] == "POST"
            and path.startswith(BASES)
            and path.rpartition("/")[2] in self.commands
            and not _is_dry_run(scope["query_string"])
        )

    def check(self, caller: Principal, clock: Clock) -> None:
        """Raises StaleLogin. A program has a key, and no login: its duties say what it may do."""
        at = caller.authenticated
        if not caller.is_program and (at is None or clock.now() - at > self.within):
            raise StaleLogin(caller.subject, int(self.within.total_seconds()))


def _is_dry_run(query: bytes) -> bool:
    given: Collection[tuple[str, str]] = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return [value for name, value in given if name == "dry-run"] == ["true"]


def _act_of(path: str) -> str:
    """The command and where it is given, without what it is about."""
    base = next(base for base in BASES if path.startswith(base))
    return f"{base}…/{path.rstrip('/').rpartition('/')[2]}"


class FreshLogins:
    """ASGI app inside the gate, around all APIs."""

    def __init__(self, app: ASGIApp, acts: GraveActs, clock: Clock) -> None:
        self._app = app
        self._acts = acts
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Principal | None = scope.get(CALLER)
        if caller is not None and self._acts.asked(scope):
            scope[TEMPLATE] = _act_of(
                scope["path"]
            )  # who is refused here is written down before there is a route
            self._acts.check(caller, self._clock)
        await self._app(scope, receive, send)
