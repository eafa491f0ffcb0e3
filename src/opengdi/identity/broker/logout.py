"""Logging out at the broker when somebody logs out of a client: `/oidc/logout`.

Spec: OpenID Connect RP-Initiated Logout 1.0. Without an id token of ours as `id_token_hint` nobody is logged out: the
broker cannot tell then that it was the person who wanted it.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from opengdi.identity.broker.faults import NO_STORE, BadToken
from opengdi.identity.broker.model import Client
from opengdi.identity.broker.pages import fault_page, left_page
from opengdi.identity.broker.ports import LeavesSessions
from opengdi.identity.broker.rules import Parameters, one
from opengdi.identity.broker.service import Broker


@dataclass(frozen=True, slots=True)
class Logout:
    """sessions: of the browsers that people are logged in with."""

    broker: Broker
    sessions: LeavesSessions

    async def answer(self, scope: Scope, parameters: Parameters) -> Response:
        """End the session of the person whom the hint names, if it is their browser that asks, and send it back."""
        try:
            subject, audience = self.broker.tokens.read_identity(one(parameters, "id_token_hint"))
        except BadToken:
            return fault_page("To log out of everything, please use the page of the hub itself.")
        client = self.broker.clients.get(audience)
        if client is None or one(parameters, "client_id") not in {"", client.id}:
            return fault_page("The application that sent you here is not known any more.")
        back = one(parameters, "post_logout_redirect_uri")
        if back and back not in ways_back(client):
            return fault_page(f"{client.name} names an address to go back to that is not its own.")
        state = one(parameters, "state")
        response = _see(f"{back}?{urlencode({'state': state})}" if state else back) if back else left_page()
        if await self.sessions.leave(scope, subject, response):
            self.broker.tell("broker.logout", subject, client.id)
        return response


def ways_back(client: Client) -> frozenset[str]:
    """Where a client may have people sent back to: the beginning of each site that they log in from."""
    parts = map(urlsplit, client.redirect_uris)
    return frozenset(f"{each.scheme}://{each.netloc}/" for each in parts)


def _see(url: str) -> Response:
    return RedirectResponse(url, HTTPStatus.SEE_OTHER, {**NO_STORE, "Referrer-Policy": "no-referrer"})
