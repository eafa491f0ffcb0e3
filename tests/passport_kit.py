"""Brokers and visa issuers for tests, honest or not: they sign whatever they are told to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from opengdi.identity.clearinghouse.keys import FetchedKeys, GivenKeys, KeyBook, KeySource
from opengdi.identity.clearinghouse.model import Issuer, Pair, Policy, Trust
from opengdi.identity.clearinghouse.service import Clearinghouse
from opengdi.identity.model import CheckedVisa
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.keys import SigningKey, key_set
from opengdi.standards.jws import write_compact
from opengdi.standards.passport import BONA_FIDE, PASSPORT_CLAIM, VISA_CLAIM, VisaType

START = datetime(2026, 11, 1, tzinfo=UTC)
NOW = int(START.timestamp())
DATASET = "GDI-EE-TU-1"
VERSION = "1"
SUBJECT = "person-1"
THIS_SERVICE = "https://node.example.org"

EC_KEY, RSA_KEY = SigningKey.generate(), SigningKey.generate("RS256")


@dataclass(frozen=True)
class Party:
    """A broker or an issuer with its key."""

    iss: str
    jku: str
    key: SigningKey = EC_KEY

    @property
    def pair(self) -> Pair:
        return Pair(self.iss, self.jku)

    def sign(
        self,
        claims: Mapping[str, Any],
        header: Mapping[str, Any],
        *,
        key: SigningKey | None = None,
        without: Sequence[str] = (),
    ) -> str:
        signer = key or self.key
        whole = {"alg": signer.public.algorithm, "kid": self.key.key_id, **header}
        kept = {name: value for name, value in whole.items() if name not in without}
        return write_compact(kept, json.dumps(claims).encode(), signer._signature)

    def visa(
        self,
        told: Mapping[str, Any] | None = None,
        claims: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        *,
        key: SigningKey | None = None,
        without: Sequence[str] = (),
    ) -> str:
        """A visa for DATASET to SUBJECT, but for what is given."""
        object_ = {
            "type": "ControlledAccessGrants",
            "value": f"{self.iss}/datasets/{DATASET}#version={VERSION}",
            "source": "https://dac.example.org",
            "by": "dac",
            "asserted": NOW - 86400,
            **(told or {}),
        }
        base = {"iss": self.iss, "sub": SUBJECT, "iat": NOW, "exp": NOW + 1800, "jti": "GDIP-A.1"}
        whole = {**base, VISA_CLAIM: {k: v for k, v in object_.items() if v is not None}, **(claims or {})}
        head = {"typ": "vnd.ga4gh.visa+jwt", "jku": self.jku, **(header or {})}
        return self.sign(whole, head, key=key, without=without)

    def passport(
        self,
        visas: Sequence[Any] = (),
        claims: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        *,
        key: SigningKey | None = None,
        without: Sequence[str] = (),
    ) -> str:
        """A passport of SUBJECT."""
        base = {"iss": self.iss, "sub": SUBJECT, "iat": NOW, "exp": NOW + 3600, "jti": "passport-1"}
        whole = {**base, PASSPORT_CLAIM: list(visas), **(claims or {})}
        head = {"typ": "vnd.ga4gh.passport+jwt", **(header or {})}
        return self.sign(whole, head, key=key, without=without)


BROKER = Party("https://hub.example.org/oidc", "https://hub.example.org/oidc/jwks")
NODE = Party("https://node.example.org", "https://node.example.org/visas/v1/jwks", SigningKey.generate())
HUB = Party("https://hub.example.org", "https://hub.example.org/visas/v1/jwks", SigningKey.generate())
ELSEWHERE = Party("https://rems.example.net/", "https://rems.example.net/api/jwk", RSA_KEY)
STRANGER = Party("https://evil.example.com", "https://evil.example.com/jwks", SigningKey.generate())

NODE_ISSUER = Issuer(NODE.pair, frozenset(VisaType), ("*",), subjects_of=BROKER.iss)
HUB_ISSUER = Issuer(HUB.pair, frozenset(VisaType) - {VisaType.CONTROLLED_ACCESS}, subjects_of=BROKER.iss)
ELSEWHERE_ISSUER = Issuer(
    ELSEWHERE.pair, datasets=("GDI-FI-*",), accepts_bare_values=True, means_every_version=True
)


class Recorded:
    """`Revoked` by hand."""

    def __init__(self) -> None:
        self.jtis: set[str] = set()

    def revoked(self, visa: CheckedVisa) -> bool:
        return visa.jti in self.jtis


@dataclass
class Web:
    """Key sets by address, and what was asked for."""

    parties: Sequence[Party] = ()
    asked: list[str] = field(default_factory=list)
    broken: bool = False

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        keys = [party.key.public for party in self.parties if party.jku == str(request.url)]
        if self.broken or not keys:
            return httpx.Response(503)
        return httpx.Response(200, json=key_set(keys))


@dataclass
class World:
    """A clearinghouse at a node, and everybody it may hear of."""

    clock: FixedClock = field(default_factory=lambda: FixedClock(START))
    web: Web = field(default_factory=lambda: Web([BROKER, NODE, HUB, ELSEWHERE, STRANGER]))
    revoked: Recorded = field(default_factory=Recorded)
    issuers: tuple[Issuer, ...] = (NODE_ISSUER, HUB_ISSUER, ELSEWHERE_ISSUER)
    policy: Policy = field(default_factory=lambda: Policy(audiences={THIS_SERVICE}))

    def clearinghouse(self, *, fetching: bool = True) -> Clearinghouse:
        trust = Trust((BROKER.pair,), self.issuers)
        keys = {party.jku: json.dumps(party.key.public.as_jwk()) for party in self.web.parties}
        sources: dict[Pair, KeySource] = {}
        for pair in (BROKER.pair, *(issuer.pair for issuer in self.issuers)):
            sources[pair] = (
                FetchedKeys(pair.jku, self.clock, self.web.transport())
                if fetching
                else GivenKeys([keys[pair.jku]])
            )
        return Clearinghouse(trust, KeyBook(sources), self.revoked, self.clock, self.policy)


def bona_fide(party: Party = HUB, **claims: Any) -> list[str]:
    """The two visas of registered access."""
    status = {"type": "ResearcherStatus", "value": BONA_FIDE, "by": "so"}
    terms = {"type": "AcceptedTermsAndPolicies", "value": BONA_FIDE, "by": "self"}
    return [
        party.visa(status, {"jti": "status", **claims}),
        party.visa(terms, {"jti": "terms", **claims}),
    ]


def link(party: Party, *others: tuple[str, str], **claims: Any) -> str:
    """A visa that says that its subject is each of `others`: sub and iss."""
    from opengdi.standards.passport import Identity, write_links

    told = {
        "type": "LinkedIdentities",
        "value": write_links(Identity(*each) for each in others),
        "by": "system",
    }
    return party.visa(told, {"jti": "link", **claims})


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def with_issuers(*issuers: Issuer) -> World:
    return replace(World(), issuers=issuers)
