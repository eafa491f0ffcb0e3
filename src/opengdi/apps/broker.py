"""Wires the hub's broker, the access tokens that a node takes, and revocations at both."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import httpx

from opengdi.apps.networks import external_url
from opengdi.apps.process import Part
from opengdi.identity.broker.api import BASE, BrokerApi
from opengdi.identity.broker.client_proofs import ClientProofs
from opengdi.identity.broker.collecting import Collector
from opengdi.identity.broker.faults import oauth_shape
from opengdi.identity.broker.model import CLI, EMAIL, SCOPES, Client, Granted, GrantType
from opengdi.identity.broker.own_tokens import OwnTokens
from opengdi.identity.broker.passports import Passports
from opengdi.identity.broker.ports import Addresses, ClientKeys, VisaSource
from opengdi.identity.broker.service import Broker, Lives
from opengdi.identity.broker.sources import IssuerTrust, NodeSource, OwnSource
from opengdi.identity.broker.store import Grants
from opengdi.identity.broker.tokens import Tokens
from opengdi.identity.broker.used_assertions import UsedAssertions
from opengdi.identity.clearinghouse.keys import FetchedKeys, GivenKeys, KeyBook, KeySource, OwnKeys
from opengdi.identity.clearinghouse.model import Pair
from opengdi.identity.issuer.model import JWKS_PATH, IssuerProfile
from opengdi.identity.login.browser_sessions import BrowserSessions
from opengdi.identity.ports import AccessTokens, BareVisas
from opengdi.identity.revocations.api import stream_route
from opengdi.identity.revocations.model import NOTICE, Kind
from opengdi.identity.revocations.rules import read_notice
from opengdi.identity.revocations.service import Revocations
from opengdi.identity.userinfo.client import UserInfoClient
from opengdi.identity.userinfo.model import TrustedBroker
from opengdi.identity.userinfo.service import UserInfoTokens
from opengdi.kernel.disclosure.rate import RequestRate
from opengdi.kernel.feed import Notice
from opengdi.kernel.http.edge import Limits
from opengdi.kernel.keys import PublicKey, RotatingKeys, Rotation, Secret
from opengdi.kernel.peers import PeerSigner

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.apps.access_wire import HubWire, NodeWire
    from opengdi.apps.hub import HubState
    from opengdi.apps.identity_settings import BrokerClientSettings, TrustedTokensSettings, VisaNodeSettings
    from opengdi.apps.node import NodeState
    from opengdi.identity.issuer.service import VisaIssuer

KEYS: Final = "broker"
"""Name of the rotating keys that sign tokens and passports."""

HUB_KEY: Final = "hub"
LONGEST_FORM: Final = 65_536
ALL: Final = "*"
"""In a client's `resources`: every node."""

CLI_REDIRECTS: Final = ("http://127.0.0.1/callback", "http://[::1]/callback")


def open_hub_revocations(state: HubState, wire: HubWire) -> Revocations:
    """What was taken back; what is written is told to every node."""
    kept = timedelta(seconds=state.settings.identity.revocations.kept_s)
    found = Revocations(state.engine, state.clock, kept, new_id=_new_id, feed=wire.feed)
    wire.on(NOTICE, found.hear)  # other parts tell revocations by the feed alone
    return found


def open_node_revocations(state: NodeState, wire: NodeWire) -> Revocations:
    """What was taken back, as the hubs of this node tell it."""
    kept = timedelta(seconds=state.settings.identity.revocations.kept_s)
    found = Revocations(state.engine, state.clock, kept, new_id=_new_id)
    wire.on(NOTICE, found.hear)
    return found


def revocations_part(revocations: Revocations, *, public: bool) -> Part:
    """public: with the stream for foreign consumers of visas, as a hub has it."""
    routes = (stream_route(revocations),) if public else ()
    return Part(routes=routes, background=(revocations.keep_fresh,), ending=revocations.end)


@dataclass(frozen=True, slots=True)
class OpenBroker:
    """The broker of a hub. pair: what its tokens and passports are signed as; keys: what clearinghouses check with."""

    broker: Broker
    pair: Pair
    keys: KeySource
    part: Part

    def tokens(self, visas: BareVisas) -> AccessTokens:
        """The port `AccessTokens` at the hub itself. visas: its clearinghouse."""
        return OwnTokens(self.broker, visas)


def issuer_of(state: HubState) -> str:
    """The broker's `iss`."""
    return f"{external_url(state.settings.public)}{BASE}"


def open_broker(
    state: HubState,
    wire: HubWire,
    revocations: Revocations,
    *,
    sessions: BrowserSessions,
    addresses: Addresses,
    own: VisaIssuer,
) -> OpenBroker | None:
    """The broker as settings say; None: there is none. addresses: of who logs in; own: the hub's own visa issuer."""
    settings = state.settings.identity.broker
    if not settings.enabled:
        return None
    issuer, hub = issuer_of(state), external_url(state.settings.public)
    rotation = Rotation(longest=timedelta(seconds=max(settings.access_s, 3600)))
    keys = RotatingKeys(state.keys, KEYS, state.clock, algorithm="ES256", rotation=rotation)
    asking = httpx.AsyncClient(timeout=settings.issuer_s, trust_env=False)
    grants = Grants(state.engine, state.clock, lambda: secrets.token_urlsafe(32), ended=_ended(revocations))
    wire.on(NOTICE, _ends_grants_of_barred(grants))
    sources: list[VisaSource] = [_own_source(state, own)]
    sources += [_node_source(state, wire, asking, node) for node in settings.nodes]
    clients = _clients(state, hub)
    rsa_keys = None
    if any(client.algorithm == "RS256" for client in clients.values()):
        rsa_keys = RotatingKeys(state.keys, KEYS, state.clock, algorithm="RS256", rotation=rotation)
        rsa_keys.published()  # making one takes seconds: now, and not while somebody waits
    broker = Broker(
        clients=clients,
        proofs=ClientProofs(
            clients,
            _client_keys(state),
            frozenset({issuer, f"{issuer}/token"}),
            UsedAssertions(state.engine, state.clock),
            state.clock,
        ),
        tokens=Tokens(issuer, hub, keys, rsa_keys, state.clock, _new_id, settings.access_s),
        grants=grants,
        collector=Collector(sources, settings.issuer_s),
        passports=Passports(issuer, keys, state.clock, _new_id),
        names={node.id: node.url for node in settings.nodes} | {state.settings.hub.id: hub},
        lives=Lives(settings.code_s, settings.grant_days),
        rate=RequestRate(settings.collections_a_minute, 60.0, state.clock),
        clock=state.clock,
        audit=state.audit,
        addresses=addresses,
    )
    part = Part(
        routes=BrokerApi(broker, sessions, sessions).routes(),
        shapes={BASE: oauth_shape},
        own_credentials=(BASE,),
        limits={BASE: Limits(LONGEST_FORM, state.settings.limits.request_s)},
        background=(_until_the_end(asking.aclose),),
    )
    return OpenBroker(broker, Pair(issuer, f"{issuer}/jwks"), OwnKeys(keys.published), part)


def _ended(revocations: Revocations) -> Callable[[Connection, Granted], None]:
    def ended(connection: Connection, granted: Granted) -> None:
        revocations.write(connection, Kind.GRANT, jti=granted.id)

    return ended


def _ends_grants_of_barred(grants: Grants) -> Callable[[Connection, Notice], None]:
    def hear(connection: Connection, notice: Notice) -> None:
        revocation = read_notice(notice.body)
        if revocation.kind is Kind.SUBJECT:
            grants.end_all_of(connection, revocation.subject)

    return hear


def _own_source(state: HubState, own: VisaIssuer) -> OwnSource:
    hub = state.settings.hub.id

    async def made(subject: str) -> Sequence[str]:
        return await asyncio.to_thread(own.issue, subject, f"hub:{hub}")

    profile = own.profile
    trust = IssuerTrust(profile.iss, profile.jku, OwnKeys(own.published), state.clock)
    return OwnSource(hub, made, trust)


def _node_source(
    state: HubState, wire: HubWire, client: httpx.AsyncClient, node: VisaNodeSettings
) -> NodeSource:
    issuer = node.issuer or node.url
    jku = node.jku or f"{issuer}{JWKS_PATH}"
    keys: KeySource = GivenKeys(node.keys) if node.keys else FetchedKeys(jku, state.clock)
    signer = PeerSigner(state.settings.hub.id, state.keys.signing_key(HUB_KEY), state.clock, _new_id)
    given = tuple(PublicKey.from_text(text) for text in node.public_keys)
    return NodeSource(
        node.id,
        node.url,
        IssuerTrust(issuer, jku, keys, state.clock),
        lambda: given or wire.member_keys.get(node.id, ()),
        signer,
        client,
        _trusted_bodies(state, issuer, node),
    )


def _trusted_bodies(state: HubState, issuer: str, node: VisaNodeSettings) -> dict[str, IssuerTrust]:
    found = {}
    for name in node.bodies:
        body = IssuerProfile.of_body(issuer, name, timedelta())
        found[body.iss] = IssuerTrust(body.iss, body.jku, FetchedKeys(body.jku, state.clock), state.clock)
    return found


def _clients(state: HubState, hub: str) -> dict[str, Client]:
    nodes = frozenset({hub, *(node.url for node in state.settings.identity.broker.nodes)})
    logins = frozenset({GrantType.CODE, GrantType.REFRESH})
    found = {
        CLI: Client(CLI, "the command gdi", None, CLI_REDIRECTS, frozenset(SCOPES) - {EMAIL}, nodes, logins)
    }
    for each in state.settings.identity.broker.clients:
        found[each.id] = _client(each, nodes)
    return found


def _client(told: BrokerClientSettings, nodes: frozenset[str]) -> Client:
    secret = None if told.secret is None else Secret(told.secret.get_secret_value().encode())
    resources = nodes if ALL in told.resources else frozenset(told.resources)
    return Client(
        told.id,
        told.name or told.id,
        secret,
        told.redirect_uris,
        frozenset(told.scopes),
        resources,
        frozenset(GrantType(each) for each in told.grant_types),
        told.proves_by_key,
        told.id_token_algorithm,
    )


def _client_keys(state: HubState) -> dict[str, ClientKeys]:
    """Keys of the clients that sign who they are."""
    return {
        each.id: GivenKeys(each.public_keys) if each.public_keys else FetchedKeys(each.jwks, state.clock)
        for each in state.settings.identity.broker.clients
        if each.proves_by_key
    }


@dataclass(frozen=True, slots=True)
class OpenTokens:
    """Access tokens that a node takes. tokens: the port `AccessTokens`."""

    tokens: AccessTokens
    part: Part


def open_tokens(state: NodeState, visas: BareVisas, revocations: Revocations) -> OpenTokens | None:
    """Access tokens of the brokers that settings name; None: of none. visas: the clearinghouse of this node."""
    told = state.settings.identity.brokers
    if not told:
        return None
    own = external_url(state.settings.public)
    sources: dict[Pair, KeySource] = {}
    for each in told:
        pair = Pair(each.issuer, each.jwks_address)
        sources[pair] = GivenKeys(each.keys) if each.keys else FetchedKeys(pair.jku, state.clock)
    client = UserInfoClient(state.settings.identity.broker.issuer_s * 2)
    tokens = UserInfoTokens(
        [_trusted(each, own) for each in told],
        KeyBook(sources),
        visas,
        revocations,
        client,
        clock=state.clock,
        chance=random.SystemRandom().random,
    )
    return OpenTokens(tokens, Part(background=(_until_the_end(client.aclose),)))


def _trusted(told: TrustedTokensSettings, own: str) -> TrustedBroker:
    return TrustedBroker(
        Pair(told.issuer, told.jwks_address),
        told.userinfo_address,
        frozenset(told.audiences or ((own,) if told.tokens == "rfc9068" else ())),
        strict=told.tokens == "rfc9068",
        opaque=told.tokens == "opaque",
        subject_claim=told.subject_claim,
        longest_life=timedelta(seconds=told.longest_token_s),
    )


def _until_the_end(close: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Background work that closes something when the process ends."""

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await close()

    return wait


def _new_id() -> str:
    return secrets.token_hex(16)
