"""Somebody of the demo: logs in at the hub's development provider, and acts by its broker's tokens, as `gdi` does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import httpx

from opengdi.apps.access_client import AccessClient, Json
from opengdi.apps.native_login import NativeLogin, broker_of
from opengdi.identity.development.people import BY_ID
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import NotAuthenticated

_CLOCK: Final = SystemClock()
_RENEW_S: Final = 120.0
"""An access token is asked for anew when it is that old."""


@dataclass
class Person:
    """One of the invented people. id: as the development provider knows them; hub: address of the hub."""

    id: str
    hub: str
    subject: str = ""
    _refresh_token: str = field(default="", repr=False)
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return BY_ID[self.id].name

    @property
    def email(self) -> str:
        return BY_ID[self.id].email

    def log_in(self) -> None:
        """As `gdi login --hint` does. Raises NotAuthenticated, Unavailable."""
        native = NativeLogin(broker_of(self.hub, _CLOCK), lambda _: None)
        arrival = asyncio.run(native.by_hint(self.id))
        if not arrival.refresh_token:
            raise NotAuthenticated(f"the hub gave {self.id} no refresh token")
        self.subject, self._refresh_token = arrival.identity.subject, arrival.refresh_token

    def token(self, at: str = "", *, fresh: bool = False) -> str:
        """An access token that is good at one node only, or at the hub, as `gdi token --for` gives it."""
        asked, token = self._tokens.get(at, (float("-inf"), ""))
        if fresh or _CLOCK.monotonic() - asked > _RENEW_S:
            given = asyncio.run(broker_of(self.hub, _CLOCK).refresh(self._refresh_token, at))
            self._refresh_token, token = given.refresh_token, given.access_token
            self._tokens[at] = (_CLOCK.monotonic(), token)
        return token

    def at(self, place: str = "") -> AccessClient:
        """Asks the hub, or the node at that address, in this person's name."""
        return AccessClient(place or self.hub, self.token(place))

    def attach(self, application: str, name: str, content: bytes) -> Json:
        """The application, with a file attached to it. Raises httpx.HTTPStatusError."""
        answer = httpx.post(
            f"{self.hub}/access/v1/applications/{application}/attachments",
            files={"file": (name, content)},
            headers={"authorization": f"Bearer {self.token()}"},
            timeout=30,
            trust_env=False,
        )
        told: Json = answer.raise_for_status().json()
        return told
