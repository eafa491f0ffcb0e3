"""Wires organisations and people into a hub, and providers into a node or a hub."""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from starlette.types import Scope

from opengdi.access.ledger import Ledger
from opengdi.access.organisations.api import DOCUMENTS, SIGNATURES, organisation_routes
from opengdi.access.organisations.document import MOST_BYTES
from opengdi.access.organisations.esign import HttpSignatures
from opengdi.access.organisations.evidence import SignedEvidence
from opengdi.access.organisations.providers import Providers, provider_routes
from opengdi.access.organisations.service import Ids, Onboarding
from opengdi.access.organisations.standings import Standings
from opengdi.apps.doors import callers_of
from opengdi.apps.invitations import invitation_codes
from opengdi.apps.networks import SIGNING_KEY, external_url
from opengdi.apps.process import Part
from opengdi.apps.service_state import ServiceState
from opengdi.apps.taking_back import revocation_notice
from opengdi.apps.ticking import Ticking
from opengdi.identity.model import Standing
from opengdi.identity.revocations.model import NOTICE as REVOCATION
from opengdi.kernel.clock import Clock
from opengdi.kernel.feed import EVERYBODY, Feed
from opengdi.kernel.http.edge import Limits
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Principal
from opengdi.standards.passport import BONA_FIDE

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.apps.access_settings import SignatureServiceSettings
    from opengdi.apps.hub import HubState

Identify = Callable[[Scope], Principal]

_BASE64_ROOM: Final = 4096


@dataclass(frozen=True, slots=True)
class Organisations:
    """The running parts of a hub's onboarding: what others ask, and what it serves."""

    onboarding: Onboarding
    standings: Standings
    part: Part
    attestation: str = ""
    """Id of the document whose signature is the attestation of registered access."""

    def standing(self, subject: str) -> Standing | None:
        """What identity may assert of a person (`identity.ports.Standings`)."""
        found = self.standings.now(subject)
        if found.affiliated_since is None:
            return None
        return Standing(
            subject,
            found.organisation,
            found.affiliation,
            found.bona_fide_since,
            (*((self.standings.url(name), at) for name, at in found.terms), *self._attested(found.terms)),
            found.until,
            found.in_good_standing,
        )

    def _attested(self, terms: Iterable[tuple[str, datetime]]) -> Iterator[tuple[str, datetime]]:
        """The terms of registered access, by their own name. terms: `<document>/<version>`, and when it was signed."""
        if self.attestation:
            for name, at in terms:
                if name.partition("/")[0] == self.attestation:
                    yield BONA_FIDE, at


def organisations(state: HubState, identify: Identify, feed: Feed) -> Organisations:
    """Organisations and people of a hub, wired. feed: the hub's own, by which it hears itself too."""
    settings = state.settings.requests.onboarding
    base = external_url(state.settings.public)
    ledger = Ledger(state.engine, state.clock, state.audit)
    standings = Standings(ledger, state.clock, feed, f"{base}{DOCUMENTS}", _taking_back(feed, state.clock))
    external = _external(settings.signatures)
    onboarding = Onboarding(
        ledger,
        state.clock,
        standings,
        SignedEvidence(state.settings.hub.id, state.keys.signing_key(SIGNING_KEY)),
        Ids(lambda: new_id("GDIO"), _text_id, invitation_codes(state).of_organisation),
        external=external,
        callback_url=f"{base}{SIGNATURES}/call",
    )

    ticking = Ticking(
        "standings", settings.renew_s, {"renewing": standings.renew, "announcing": onboarding.announce}
    )
    part = Part(
        routes=organisation_routes(onboarding, identify),
        limits={
            DOCUMENTS: Limits(MOST_BYTES * 4 // 3 + _BASE64_ROOM, state.settings.limits.request_s),
        },
        probes=(ticking.probe(),),
        background=(ticking.run,),
        close=external.close if external else None,
    )
    return Organisations(onboarding, standings, part, settings.registered_access_document)


def providers_part(state: ServiceState) -> Part:
    """The registry of providers of a node."""
    ledger = Ledger(state.engine, state.clock, state.audit)
    providers = Providers(ledger, state.clock, _text_id)
    return Part(routes=provider_routes(providers, callers_of(state).identify))


def new_id(prefix: str) -> str:
    """Such as `GDIO-K7Q2M4ZT5A`: ten characters of base 32, 50 bits."""
    return f"{prefix}-{b32encode(secrets.token_bytes(7)).decode()[:10]}"


def _text_id() -> str:
    return secrets.token_hex(16)


def _taking_back(feed: Feed, clock: Clock) -> Callable[[Connection, str], None]:
    """Hub and nodes take back what visas of somebody opened, when that person is no longer in good standing."""

    def lost(connection: Connection, subject: str) -> None:
        body = revocation_notice("subject", clock.now(), subject=subject)
        feed.write(connection, EVERYBODY, REVOCATION, body)

    return lost


def _external(settings: SignatureServiceSettings) -> HttpSignatures | None:
    if not settings.url:
        return None
    return HttpSignatures(
        settings.url,
        Secret(settings.token.get_secret_value().encode()),
        Secret(settings.secret.get_secret_value().encode()),
        timeout_s=settings.timeout_s,
    )
