"""The visa issuer of a node or hub: signs what permits and the register of people say now, for a short time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from opengdi.identity.issuer.model import IssuedVisa, IssuerProfile, Planned
from opengdi.identity.issuer.rules import NewId, visa_for_links, visas_for_grants, visas_for_standing
from opengdi.identity.issuer.store import IssuedVisas
from opengdi.identity.ports import Grants, Standings
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.keys import PublicKey, RotatingKeys, key_set
from opengdi.kernel.logging import current_request_id
from opengdi.standards.faults import Malformed
from opengdi.standards.passport import TokenKind, write_visa


@dataclass(frozen=True, slots=True)
class Body:
    """A deciding body that signs with keys of its own. name: as in its address; source: as grants name it."""

    name: str
    source: str
    profile: IssuerProfile
    keys: RotatingKeys


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs: the node or hub, and deciding bodies with an issuer of their own for what they granted."""

    profile: IssuerProfile
    keys: RotatingKeys
    bodies: tuple[Body, ...] = ()

    def named(self, name: str) -> Body:
        """A body. Raises NotFound."""
        found = next((body for body in self.bodies if body.name == name), None)
        if found is None:
            raise NotFound(f"no deciding body called {name!r} signs visas here")
        return found

    def for_source(self, source: str) -> tuple[IssuerProfile, RotatingKeys]:
        """Who signs what the body at that URL granted."""
        found = next((body for body in self.bodies if body.source == source), None)
        return (self.profile, self.keys) if found is None else (found.profile, found.keys)


class VisaIssuer:
    """Blocks on the database and signs: to be called in a thread."""

    def __init__(
        self,
        signers: Signers,
        issued: IssuedVisas,
        clock: Clock,
        audit: AuditLog,
        *,
        grants: Grants,
        standings: Standings,
        new_id: NewId,
    ) -> None:
        self._signers = signers
        self._issued = issued
        self._clock = clock
        self._audit = audit
        self._grants = grants
        self._standings = standings
        self._new_id = new_id

    @property
    def profile(self) -> IssuerProfile:
        """The node or hub as an issuer."""
        return self._signers.profile

    def published(self) -> tuple[PublicKey, ...]:
        """The keys that others must be able to find."""
        return self._signers.keys.published()

    def key_set(self, body: str = "") -> dict[str, list[dict[str, object]]]:
        """The JSON Web Key Set at the profile's `jku`, or that of a body by its name. Raises NotFound."""
        keys = self._signers.named(body).keys if body else self._signers.keys
        return key_set(keys.published())

    def issue(self, subject: str, asker: str) -> list[str]:
        """Visas of a person, fresh; none for somebody unknown. asker: subject of who gets them, for the audit chain.

        Nothing is given out that was not written down before. Raises Unavailable, Invalid.
        """
        planned = self._plan(subject)
        tokens = [self._signed(each) for each in planned]
        self._issued.remember((_issued(each) for each in planned), self._clock.now())
        self._audit.append(
            "visa.issue",
            actor=asker,
            objects=(f"person:{subject}", *(f"visa:{each.visa.claims.jti}" for each in planned)),
            request=current_request_id.get(),
        )
        return tokens

    def _plan(self, subject: str) -> Sequence[Planned]:
        now = self._clock.now().replace(microsecond=0)
        grants = [grant for grant in self._grants.current(subject, now) if grant.subject == subject]
        planned: list[Planned] = []
        for grant in grants:
            profile, _ = self._signers.for_source(grant.source)
            planned += visas_for_grants([grant], profile, now, self._new_id)
        standing = self._standings.standing(subject)
        if standing is not None and standing.subject == subject:
            planned += visas_for_standing(standing, self.profile, now, self._new_id)
            planned += visa_for_links(subject, self.profile, now, self._new_id)
        return planned

    def _signed(self, planned: Planned) -> str:
        source = planned.visa.object.source if planned.dataset else ""
        profile, keys = self._signers.for_source(source)
        return keys.signing().sign(_payload(planned), purpose=TokenKind.VISA, jku=profile.jku)


def _payload(planned: Planned) -> bytes:
    try:
        return json.dumps(write_visa(planned.visa), separators=(",", ":")).encode()
    except Malformed as error:
        raise Invalid(f"a visa for dataset {planned.dataset or '-'} cannot be signed: {error}") from error


def _issued(planned: Planned) -> IssuedVisa:
    claims, told = planned.visa.claims, planned.visa.object
    return IssuedVisa(
        claims.jti, claims.sub, told.type, planned.dataset, planned.permit, claims.issued, claims.expires
    )
