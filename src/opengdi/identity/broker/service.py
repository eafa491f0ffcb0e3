"""What the broker does at its endpoints, but for HTTP: grants, tokens, passports, claims."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from opengdi.identity.broker import rules
from opengdi.identity.broker.client_proofs import ClientProofs
from opengdi.identity.broker.collecting import MISSING_CLAIM, Collector
from opengdi.identity.broker.faults import BadToken, Refused, TooNarrow
from opengdi.identity.broker.model import (
    EMAIL,
    OPENID,
    PASSPORT,
    PROFILE,
    Asked,
    Client,
    Granted,
    GrantType,
    Shown,
)
from opengdi.identity.broker.passports import Passports
from opengdi.identity.broker.ports import Addresses
from opengdi.identity.broker.rules import Parameters, one
from opengdi.identity.broker.store import Grants
from opengdi.identity.broker.tokens import Tokens, address_claims
from opengdi.identity.model import Proof
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.disclosure.rate import RequestRate
from opengdi.kernel.principal import Principal
from opengdi.standards.faults import Malformed
from opengdi.standards.passport.terms import PASSPORT_CLAIM, PASSPORT_TYPE

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lives:
    """How long things hold. code_s: a code; grant_days: what a client is given for when nobody is there."""

    code_s: int
    grant_days: float


@dataclass(frozen=True, slots=True)
class Broker:
    """proofs: tells which client asks. names: resources by the logical name that `audience` may use.

    rate: how often visas are collected for a grant.

    addresses: asked each time, so that an address that was erased is told no more.
    """

    clients: Mapping[str, Client]
    proofs: ClientProofs
    tokens: Tokens
    grants: Grants
    collector: Collector
    passports: Passports
    names: Mapping[str, str]
    lives: Lives
    rate: RequestRate
    clock: Clock
    audit: AuditLog
    addresses: Addresses

    async def needs_consent(self, asked: Asked, person: Proof) -> bool:
        """True if the person must be asked before the client gets anything."""
        known = await asyncio.to_thread(self.grants.consent, person.subject, asked.client.id)
        return rules.needs_consent(asked, None if known is None else (known.scopes, known.resources))

    async def code(self, asked: Asked, person: Proof, *, remember: bool) -> str:
        """A code for what the person lets the client have."""
        return await asyncio.to_thread(self._code, asked, person, remember=remember)

    def _code(self, asked: Asked, person: Proof, *, remember: bool) -> str:
        now = self.clock.now()
        offline = rules.outlives_session(asked.scopes)
        until = now + timedelta(days=self.lives.grant_days)
        granted = Granted(
            self.tokens.new_id(),
            asked.client.id,
            person.subject,
            person.name if PROFILE in asked.scopes else "",
            asked.scopes,
            asked.resources,
            until if offline else min(until, person.until),
            asked.nonce,
            session="" if offline else person.session,
            authenticated=person.authenticated,
        )
        self.tell("broker.grant", person.subject, asked.client.id, *asked.scopes)
        if remember:
            self.grants.remember(person.subject, asked)
        return self.grants.code(granted, asked, self.lives.code_s)

    async def token(self, client: Client, parameters: Parameters) -> Json:
        """The answer of the token endpoint to a client that proved itself. Raises Refused, UnknownClient."""
        match rules.needed(parameters, "grant_type"):
            case GrantType.CODE.value:
                rules.check_may(client, GrantType.CODE)
                return await asyncio.to_thread(self._by_code, client, parameters)
            case GrantType.REFRESH.value:
                rules.check_may(client, GrantType.REFRESH)
                return await asyncio.to_thread(self._by_refresh, client, parameters)
            case GrantType.MACHINE.value:
                rules.check_may(client, GrantType.MACHINE)
                return self._for_machine(client, parameters)
            case GrantType.EXCHANGE.value:
                return await self._by_exchange(client, parameters)
        raise Refused("unsupported_grant_type", "grant_type is not one of the discovery document")

    def _by_code(self, client: Client, parameters: Parameters) -> Json:
        code = rules.needed(parameters, "code")
        granted = self.grants.by_code(code, client.id, lambda facts: rules.check_code(parameters, facts))
        resources = rules.narrowed_resources(parameters.get("resource", ()), granted.resources, client)
        answer = self._answer(granted, granted.scopes, resources)
        if GrantType.REFRESH in client.grant_types:
            answer["refresh_token"] = self.grants.refresh_token(granted)
        return answer

    def _by_refresh(self, client: Client, parameters: Parameters) -> Json:
        def narrowed(granted: Granted) -> tuple[tuple[str, ...], tuple[str, ...]]:
            return (
                rules.narrowed_scopes(one(parameters, "scope"), granted.scopes),
                rules.narrowed_resources(parameters.get("resource", ()), granted.resources, client),
            )

        token = rules.needed(parameters, "refresh_token")
        granted, following = self.grants.refreshed(token, client.id, lambda found: narrowed(found) and None)
        answer = self._answer(granted, *narrowed(granted))
        answer["refresh_token"] = following
        return answer

    def _answer(self, granted: Granted, scopes: tuple[str, ...], resources: tuple[str, ...]) -> Json:
        access = self.tokens.access(granted, scopes, resources)
        answer: Json = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self._seconds_left(granted),
            "scope": " ".join(scopes),
        }
        if OPENID in scopes:
            email = self.addresses(granted.subject) if EMAIL in scopes else ""
            algorithm = self.clients[granted.client].algorithm
            answer["id_token"] = self.tokens.identity(granted, access, email, algorithm)
        return answer

    def _seconds_left(self, granted: Granted) -> int:
        left = int((granted.until - self.clock.now()).total_seconds())
        return max(0, min(self.tokens.access_s, left))

    def _for_machine(self, client: Client, parameters: Parameters) -> Json:
        """Spec: RFC 6749 section 4.4. A program is no person: it gets no passport and no ID token."""
        if client.is_public:
            raise Refused("unauthorized_client", "a program must prove itself")
        allowed = tuple(sorted(client.scopes - rules.PERSONAL))
        named = one(parameters, "scope")
        scopes = rules.scopes_of(named, allowed) if named else allowed
        resources = rules.resources_of(parameters.get("resource", ()), client.resources)
        until = self.clock.now() + timedelta(seconds=self.tokens.access_s)
        return self._answer(Granted("", client.id, client.id, "", scopes, (), until), scopes, resources)

    async def _by_exchange(self, client: Client, parameters: Parameters) -> Json:
        """A passport for a passport-scoped access token. Spec: RFC 8693; GA4GH AAI 1.2.1, "Token Exchange"."""
        rules.check_exchange(parameters, client)
        try:
            shown = await self.shown(rules.needed(parameters, "subject_token"))
        except BadToken as error:  # RFC 8693 section 2.2.2
            raise Refused("invalid_request", f"subject_token: {error}") from error
        targets = rules.exchange_targets(parameters, client, shown, hub=self.tokens.ours, names=self.names)
        self._admit(shown)
        collected = await self.collector.collect(shown.subject, targets)
        until = min(shown.until, self.clock.now() + timedelta(seconds=self.tokens.access_s))
        try:
            passport = self.passports.passport(shown.subject, collected, audience=targets, until=until)
        except Malformed as error:
            raise Refused("invalid_target", f"{error}; ask for one resource") from error
        await asyncio.to_thread(self.tell, "broker.exchange", shown.subject, client.id, *targets)
        return {
            "access_token": passport,
            "issued_token_type": PASSPORT_TYPE,
            "token_type": "Bearer",
            "expires_in": max(0, int((until - self.clock.now()).total_seconds())),
        }

    async def shown(self, token: str) -> Shown:
        """What an access token of ours says, if nothing of it was taken back. Raises BadToken."""
        shown = self.tokens.read(token)
        if shown.grant and not await asyncio.to_thread(self.grants.holds, shown.grant):
            raise BadToken("what the token was given for has ended or was taken back")
        return shown

    async def claims(self, token: str) -> Json:
        """The UserInfo claims that belong to an access token. Raises BadToken, TooNarrow.

        Spec: OpenID Connect Core 1.0 section 5.3; GA4GH AAI 1.2.1: the passport claim with its scope only.
        """
        shown = await self.shown(token)
        if OPENID not in shown.scopes:
            raise TooNarrow("UserInfo needs scope openid")
        claims: Json = {"sub": shown.subject}
        if PROFILE in shown.scopes:
            claims["name"] = await asyncio.to_thread(self.grants.name_of, shown.grant)
        if EMAIL in shown.scopes:
            claims |= address_claims(await asyncio.to_thread(self.addresses, shown.subject))
        if PASSPORT in shown.scopes:
            self._admit(shown)
            bound = [each for each in shown.audiences if each not in self.tokens.ours]
            collected = await self.collector.collect(shown.subject, bound)
            claims[PASSPORT_CLAIM] = list(collected.visas)
            if collected.missing:
                claims[MISSING_CLAIM] = list(collected.missing)
        return claims

    def _admit(self, shown: Shown) -> None:
        """Each asking costs every node a signature per visa. Raises OverBudget."""
        self.rate.admit(Principal(shown.grant or shown.subject))

    async def revoke(self, client: Client, token: str) -> None:
        """Take back the grant of a token of that client; of another token nothing is said. Spec: RFC 7009."""
        if await asyncio.to_thread(self.grants.revoke_secret, token, client.id):
            return
        try:
            shown = self.tokens.read(token)
        except BadToken:
            return
        await asyncio.to_thread(self.grants.revoke, shown.grant, client.id)

    def tell(self, action: str, subject: str, client: str, *objects: str) -> None:
        self.audit.append(action, actor=subject, objects=(f"client:{client}", *objects))
