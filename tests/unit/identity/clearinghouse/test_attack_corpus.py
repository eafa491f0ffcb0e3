"""The attack corpus: each of these must open nothing, make nobody a researcher, and ask nobody unknown for anything."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import ECKey
from tests.passport_kit import (
    BROKER,
    DATASET,
    ELSEWHERE,
    HUB,
    NODE,
    NOW,
    STRANGER,
    SUBJECT,
    World,
    bona_fide,
    link,
)

from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.keys import SigningKey
from opengdi.standards.jws import to_base64url, write_compact
from opengdi.standards.passport import BONA_FIDE, PASSPORT_CLAIM, VISA_CLAIM

KEYS_OF_THE_TRUSTED = {BROKER.jku, NODE.jku, HUB.jku, ELSEWHERE.jku}

Attack = Callable[[], str]
REFUSED: dict[str, Attack] = {}
"""Attacks whose passport is refused whole."""

WORTHLESS: dict[str, Attack] = {}
"""Attacks whose passport holds, and proves nothing."""


def refused(name: str) -> Callable[[Attack], Attack]:
    return lambda attack: REFUSED.setdefault(name, attack)


def worthless(name: str) -> Callable[[Attack], Attack]:
    return lambda attack: WORTHLESS.setdefault(name, attack)


def unsigned(token: str, **header: Any) -> str:
    """The token with another header and no signature."""
    _, payload, _ = token.split(".")
    return f"{to_base64url(json.dumps(header).encode())}.{payload}."


def with_hmac(token: str, secret: bytes, **header: Any) -> str:
    """The token signed by HMAC, with a public key as the secret."""
    _, payload, _ = token.split(".")
    signed = f"{to_base64url(json.dumps({'alg': 'HS256', **header}).encode())}.{payload}"
    return f"{signed}.{to_base64url(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def public_pem(key: SigningKey) -> bytes:
    return ECKey.import_key(key.public.as_jwk()).as_pem(private=False)


def raw(payload: str, header: dict[str, Any], key: SigningKey) -> str:
    """A token over a payload as it is written here."""
    head = {"alg": "ES256", "kid": key.key_id, **header}
    return write_compact(head, payload.encode(), key._signature)


VISA_HEADER = {"typ": "vnd.ga4gh.visa+jwt", "jku": NODE.jku}


@refused("alg none in a passport")
def _() -> str:
    return unsigned(
        BROKER.passport([NODE.visa()]), alg="none", typ="vnd.ga4gh.passport+jwt", kid=BROKER.key.key_id
    )


@refused("alg none in a visa")
def _() -> str:
    return BROKER.passport([unsigned(NODE.visa(), alg="none", kid=NODE.key.key_id, **VISA_HEADER)])


@refused("alg NONE, spelt otherwise")
def _() -> str:
    return BROKER.passport([unsigned(NODE.visa(), alg="nOnE", kid=NODE.key.key_id, **VISA_HEADER)])


@refused("an empty signature under a good header")
def _() -> str:
    return BROKER.passport([NODE.visa().rpartition(".")[0] + "."])


@refused("HS/RS confusion in a passport: HMAC with the public key")
def _() -> str:
    return with_hmac(
        BROKER.passport([NODE.visa()]),
        public_pem(BROKER.key),
        typ="vnd.ga4gh.passport+jwt",
        kid=BROKER.key.key_id,
    )


@refused("HS/RS confusion in a visa")
def _() -> str:
    return BROKER.passport([with_hmac(NODE.visa(), public_pem(NODE.key), kid=NODE.key.key_id, **VISA_HEADER)])


@refused("another algorithm of the same family (ES512, PS256)")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"alg": "PS256"})])


@worthless("RS256 announced for an EC key")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"alg": "RS256"})])


@worthless("jku not allow-listed")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"jku": STRANGER.jku}, key=STRANGER.key)])


@worthless("jku pair mismatch: a trusted iss with the jku of another trusted issuer")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"jku": HUB.jku, "kid": HUB.key.key_id}, key=HUB.key)])


@worthless("jku that only begins like the trusted one")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"jku": NODE.jku + "@evil.example.com"}, key=STRANGER.key)])


@worthless("an issuer nobody named")
def _() -> str:
    return BROKER.passport([STRANGER.visa()])


@refused("a broker nobody named")
def _() -> str:
    return STRANGER.passport([NODE.visa()])


@refused("a passport that names the broker, signed by somebody else")
def _() -> str:
    return BROKER.passport([NODE.visa()], key=STRANGER.key)


@refused("a visa of a trusted issuer, signed by somebody else")
def _() -> str:
    return BROKER.passport([NODE.visa(key=STRANGER.key)])


@worthless("kid traversal")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"kid": "../../../../dev/null"}, key=STRANGER.key)])


@refused("kid traversal in a passport")
def _() -> str:
    return BROKER.passport([NODE.visa()], header={"kid": "/etc/passwd"})


@refused("kid that is no text")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"kid": ["a"]})])


@refused("no kid")
def _() -> str:
    return BROKER.passport([NODE.visa(without=["kid"])])


@refused("duplicate JSON keys in a visa's claims")
def _() -> str:
    told = f'"{VISA_CLAIM}":{{"type":"ControlledAccessGrants","value":"{NODE.iss}/datasets/{DATASET}#version=1","source":"https://d.example.org","by":"dac","asserted":1}}'
    payload = f'{{"iss":"{NODE.iss}","sub":"victim","sub":"{SUBJECT}","iat":{NOW},"exp":{NOW + 60},{told}}}'
    return BROKER.passport([raw(payload, VISA_HEADER, NODE.key)])


@refused("duplicate JSON keys in a passport")
def _() -> str:
    payload = f'{{"iss":"{BROKER.iss}","sub":"{SUBJECT}","sub":"x","iat":{NOW},"exp":{NOW + 60},"{PASSPORT_CLAIM}":[]}}'
    return raw(payload, {"typ": "vnd.ga4gh.passport+jwt"}, BROKER.key)


@refused("duplicate JSON keys in a header")
def _() -> str:
    _, payload, signature = NODE.visa().split(".")
    head = f'{{"alg":"ES256","alg":"none","kid":"{NODE.key.key_id}","typ":"JWT","jku":"{NODE.jku}"}}'
    return BROKER.passport([f"{to_base64url(head.encode())}.{payload}.{signature}"])


@refused("a huge passport, in characters")
def _() -> str:
    return BROKER.passport([NODE.visa()], {"padding": "x" * 1_100_000})


@refused("a huge passport, in visas")
def _() -> str:
    return BROKER.passport([NODE.visa()] + ["a.b.c"] * 1000)


@refused("a huge visa")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"padding": "x" * 20_000})])


@refused("a passport nested without end")
def _() -> str:
    return raw('{"a":' * 50_000 + "1" + "}" * 50_000, {"typ": "vnd.ga4gh.passport+jwt"}, BROKER.key)


@worthless("sub mismatch without a link")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"sub": "somebody-else"})])


@worthless("the same sub at another issuer, without a link")
def _() -> str:
    told = {"value": "GDI-FI-THL-1"}
    return BROKER.passport([ELSEWHERE.visa(told)])


@worthless("a link by an issuer that may not link")
def _() -> str:
    return BROKER.passport(
        [NODE.visa(claims={"sub": "victim"}), link(ELSEWHERE, ("victim", BROKER.iss), (SUBJECT, BROKER.iss))]
    )


@worthless("a link that is only asserted by a stranger")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"sub": "victim"}), link(STRANGER, ("victim", BROKER.iss))])


@worthless("a link under a condition")
def _() -> str:
    told = {
        "type": "LinkedIdentities",
        "value": f"victim,{BROKER.iss}",
        "conditions": [[{"type": "LinkedIdentities", "by": "const:system"}]],
        "by": "system",
    }
    return BROKER.passport([NODE.visa(claims={"sub": "victim"}), HUB.visa(told)])


@worthless("condition loops: two visas that wait for each other")
def _() -> str:
    loop = {"conditions": [[{"type": "ControlledAccessGrants", "by": "const:dac"}]]}
    return BROKER.passport([NODE.visa(loop), NODE.visa(loop, {"jti": "GDIP-B.2"})])


@worthless("conditions that nobody meets")
def _() -> str:
    return BROKER.passport([NODE.visa({"conditions": [[{"type": "ResearcherStatus", "by": "const:so"}]]})])


@worthless("an unknown prefix in a condition")
def _() -> str:
    status = {"type": "ResearcherStatus", "value": "https://x.example.org", "by": "so"}
    unmet = {"conditions": [[{"type": "ResearcherStatus", "by": "regex:.*"}]]}
    return BROKER.passport([NODE.visa(unmet), HUB.visa(status)])


@worthless("an empty set of conditions")
def _() -> str:
    return BROKER.passport([NODE.visa({"conditions": [[]]})])


@refused("a condition on `asserted`")
def _() -> str:
    return BROKER.passport(
        [NODE.visa({"conditions": [[{"type": "ResearcherStatus", "asserted": "const:1"}]]})]
    )


@refused("conditions of another shape, which a lenient reader takes for none")
def _() -> str:
    return BROKER.passport([NODE.visa({"conditions": {"type": "ResearcherStatus", "by": "const:so"}})])


@worthless("pattern blow-up")
def _() -> str:
    told = {"type": "AffiliationAndRole", "value": "a" * 250, "by": "so"}
    clause = {"type": "AffiliationAndRole", "value": "pattern:" + "*a" * 120 + "b"}
    return BROKER.passport([NODE.visa({"conditions": [[clause]] * 30}), *[HUB.visa(told)] * 300])


@worthless("expired visa")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"iat": NOW - 3600, "exp": NOW})])


@refused("expired passport")
def _() -> str:
    return BROKER.passport([NODE.visa()], {"iat": NOW - 3600, "exp": NOW})


@worthless("expired asserted")
def _() -> str:
    return BROKER.passport([NODE.visa({"asserted": NOW - 3700 * 86400})])


@worthless("asserted in the future")
def _() -> str:
    return BROKER.passport([NODE.visa({"asserted": NOW + 3600})])


@worthless("issued in the future")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"iat": NOW + 600})])


@worthless("not before a later time")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"nbf": NOW + 600})])


@refused("exp as a text")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"exp": "9999999999"})])


@refused("exp beyond all time")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"exp": 10**18})])


@refused("exp that is infinite")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"exp": float("inf")})])


@refused("no exp")
def _() -> str:
    payload = f'{{"iss":"{BROKER.iss}","sub":"{SUBJECT}","iat":{NOW},"{PASSPORT_CLAIM}":[]}}'
    return raw(payload, {"typ": "vnd.ga4gh.passport+jwt"}, BROKER.key)


@refused("embedded jwk")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"jwk": STRANGER.key.public.as_jwk()}, key=STRANGER.key)])


@refused("embedded jwk in a passport")
def _() -> str:
    return BROKER.passport([], header={"jwk": STRANGER.key.public.as_jwk()}, key=STRANGER.key)


@refused("x5u")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"x5u": "https://evil.example.com/cert.pem"})])


@refused("x5c")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"x5c": ["MIIB"]})])


@refused("crit")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"crit": ["exp"], "exp": 1})])


@refused("crit in a passport")
def _() -> str:
    return BROKER.passport([], header={"crit": ["b64"], "b64": False})


@worthless("non-URL value")
def _() -> str:
    return BROKER.passport([NODE.visa({"value": DATASET})])


@worthless("the URL of another issuer as a value")
def _() -> str:
    return BROKER.passport([NODE.visa({"value": f"{HUB.iss}/datasets/{DATASET}#version=1"})])


@worthless("a value that climbs out of its path")
def _() -> str:
    return BROKER.passport([NODE.visa({"value": f"{NODE.iss}/datasets/../{DATASET}#version=1"})])


@worthless("regions that cannot be read are not taken for the whole")
def _() -> str:
    return BROKER.passport([NODE.visa({"value": f"{NODE.iss}/datasets/{DATASET}#version=1&regions=22:9-1"})])


@worthless("a fragment that is not regions")
def _() -> str:
    return BROKER.passport([NODE.visa({"value": f"{NODE.iss}/datasets/{DATASET}#whole"})])


@worthless("role-name-to-signing-official")
def _() -> str:
    """As one issuer of the field does: the name of a role, said to be by a signing official."""
    role = {"type": "ResearcherStatus", "value": "bona-fide-researcher", "by": "so"}
    return BROKER.passport([HUB.visa(role), bona_fide()[1]])


@worthless("a researcher by their own word")
def _() -> str:
    status = {"type": "ResearcherStatus", "value": BONA_FIDE, "by": "self"}
    return BROKER.passport([HUB.visa(status), bona_fide()[1]])


@worthless("a researcher by nobody's word")
def _() -> str:
    status = {"type": "ResearcherStatus", "value": BONA_FIDE, "by": None}
    return BROKER.passport([HUB.visa(status), bona_fide()[1]])


@worthless("researcher status by an issuer that may only grant data")
def _() -> str:
    return BROKER.passport([*bona_fide(ELSEWHERE), link(HUB, (SUBJECT, ELSEWHERE.iss))])


@worthless("a researcher who accepted no terms")
def _() -> str:
    return BROKER.passport([bona_fide()[0]])


@worthless("a grant that is not by a committee")
def _() -> str:
    return BROKER.passport([NODE.visa({"by": "self"})])


@worthless("a grant that says no `by`")
def _() -> str:
    return BROKER.passport([NODE.visa({"by": None})])


@worthless("a grant by an issuer that is not the authority for the dataset (E-37)")
def _() -> str:
    return BROKER.passport([ELSEWHERE.visa({"value": DATASET}), link(HUB, (SUBJECT, ELSEWHERE.iss))])


@worthless("a grant by the hub")
def _() -> str:
    return BROKER.passport([HUB.visa({"value": f"{HUB.iss}/datasets/{DATASET}#version=1"})])


@refused("wrong typ: a visa as a passport")
def _() -> str:
    return BROKER.passport([NODE.visa()], header={"typ": "vnd.ga4gh.visa+jwt"})


@refused("wrong typ: an access token as a passport")
def _() -> str:
    return BROKER.passport([NODE.visa()], header={"typ": "at+jwt"})


@refused("wrong typ: JWT as a passport")
def _() -> str:
    return BROKER.passport([NODE.visa()], header={"typ": "JWT"})


@refused("wrong typ: a passport as a visa")
def _() -> str:
    return BROKER.passport([NODE.visa(header={"typ": "vnd.ga4gh.passport+jwt"})])


@refused("no typ")
def _() -> str:
    return BROKER.passport([NODE.visa()], without=["typ"])


@refused("a visa shown as a passport: a bare visa is no credential")
def _() -> str:
    return NODE.visa()


@refused("a visa access token (scope openid)")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"scope": "openid"})])


@worthless("a passport within a passport")
def _() -> str:
    return BROKER.passport([BROKER.passport([NODE.visa()])])


@worthless("double-slash issuer")
def _() -> str:
    twice = replace(NODE, iss="https://node.example.org//")
    return BROKER.passport([twice.visa({"value": f"{NODE.iss}/datasets/{DATASET}#version=1"})])


@worthless("an issuer with another case, or a slash more")
def _() -> str:
    return BROKER.passport(
        [replace(NODE, iss=name).visa() for name in ("https://NODE.example.org", NODE.iss + "/")]
    )


@refused("a double-slash broker")
def _() -> str:
    return replace(BROKER, iss="https://hub.example.org//oidc").passport([NODE.visa()])


@refused("a passport for another service")
def _() -> str:
    return BROKER.passport([NODE.visa()], {"aud": "https://other.example.org"})


@worthless("a visa for another service")
def _() -> str:
    return BROKER.passport([NODE.visa(claims={"aud": ["https://other.example.org"]})])


@refused("a token that is spelt twice: spare bits of base64url")
def _() -> str:
    token = BROKER.passport([NODE.visa()])
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) | 1]


@refused("padding, plain base64 and spaces")
def _() -> str:
    return BROKER.passport([NODE.visa() + "="])


@refused("visas that are not texts")
def _() -> str:
    return BROKER.passport([{"visa": NODE.visa()}])


@refused("UTF-16 JSON")
def _() -> str:
    head = {"alg": "ES256", "kid": BROKER.key.key_id, "typ": "vnd.ga4gh.passport+jwt"}
    payload = base64.urlsafe_b64decode(BROKER.passport().split(".")[1] + "==").decode().encode("utf-16")
    return write_compact(head, payload, BROKER.key._signature)


@pytest.mark.parametrize("name", REFUSED)
async def test_an_attack_that_is_refused_whole(name: str) -> None:
    world = World()
    passport = REFUSED[name]()
    with pytest.raises(NotAuthenticated) as caught:
        await world.clearinghouse().proof(passport)
    told = f"{caught.value} {caught.value.public}"
    assert not any(len(part) > 20 and part in told for part in passport.split("."))
    assert set(world.web.asked) <= KEYS_OF_THE_TRUSTED


@pytest.mark.parametrize("name", WORTHLESS)
async def test_an_attack_that_proves_nothing(name: str) -> None:
    world = World()
    proof = await world.clearinghouse().proof(WORTHLESS[name]())
    assert not [visa for visa in proof.visas if visa.dataset]
    assert not proof.bona_fide
    assert set(world.web.asked) <= KEYS_OF_THE_TRUSTED


async def test_what_the_attacks_imitate_does_open_the_dataset() -> None:
    world = World()
    proof = await world.clearinghouse().proof(BROKER.passport([NODE.visa(), *bona_fide()]))
    assert [visa.dataset for visa in proof.visas if visa.dataset] == [DATASET]
    assert proof.bona_fide


@pytest.mark.parametrize(
    "attack",
    [
        "alg none", "HS/RS confusion", "jku not allow-listed", "jku pair mismatch", "kid traversal",
        "duplicate JSON keys", "huge passport", "sub mismatch without a link", "condition loops", "pattern blow-up",
        "expired asserted", "embedded jwk", "x5u", "crit", "non-URL value", "role-name-to-signing-official",
        "wrong typ", "double-slash issuer",
    ],
)  # fmt: skip
def test_the_corpus_has_every_attack_that_the_reference_names(attack: str) -> None:
    assert any(attack in name for name in (*REFUSED, *WORTHLESS))
