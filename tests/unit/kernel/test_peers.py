"""A node believes a hub for one request, for a minute, once; a hub believes an answer that the node signed."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from opengdi.kernel.clock import FixedClock
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.peers import AnswerSigner, PeerRequest, PeerSigner, PeerVerifier, check_answer
from opengdi.kernel.principal import Principal, Tier
from opengdi.standards.faults import Malformed, Unverified

HUB_KEY, NODE_KEY, OTHER_KEY = (SigningKey.generate() for _ in range(3))
ASKED = PeerRequest("POST", "/beacon/aggregated/v2/g_variants", b'{"query":{}}')
PERSON = Principal("0f" * 16, Tier.REGISTERED)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def signer(clock: FixedClock) -> PeerSigner:
    numbers = itertools.count()
    return PeerSigner("eu.hub", HUB_KEY, clock, lambda: f"token-{next(numbers)}")


@pytest.fixture
def verifier(clock: FixedClock) -> PeerVerifier:
    return PeerVerifier({"eu.hub": (HUB_KEY.public,)}, "ee.node", clock)


def test_a_pinned_hub_says_who_asks(signer: PeerSigner, verifier: PeerVerifier) -> None:
    asker = verifier.verify(signer.token("ee.node", PERSON, ASKED), ASKED)
    assert asker == Principal(f"eu.hub/{PERSON.subject}", Tier.REGISTERED, hub="eu.hub")


def test_an_anonymous_person_stays_anonymous_behind_a_hub(signer: PeerSigner, verifier: PeerVerifier) -> None:
    nobody = replace(PERSON, tier=Tier.PUBLIC)
    assert verifier.verify(signer.token("ee.node", nobody, ASKED), ASKED).is_anonymous


def test_a_hub_cannot_grant_the_controlled_tier(signer: PeerSigner, verifier: PeerVerifier) -> None:
    exalted = replace(PERSON, tier=Tier.CONTROLLED)
    assert verifier.verify(signer.token("ee.node", exalted, ASKED), ASKED).tier is Tier.PUBLIC


def test_a_token_works_once(signer: PeerSigner, verifier: PeerVerifier) -> None:
    token = signer.token("ee.node", PERSON, ASKED)
    verifier.verify(token, ASKED)
    with pytest.raises(Unverified, match="before"):
        verifier.verify(token, ASKED)


def test_a_token_for_another_node_is_refused(signer: PeerSigner, verifier: PeerVerifier) -> None:
    with pytest.raises(Unverified, match=r"fi\.node"):
        verifier.verify(signer.token("fi.node", PERSON, ASKED), ASKED)


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, method="GET"),
        replace(ASKED, target="/beacon/individuals/v2/individuals"),
        replace(ASKED, target=ASKED.target + "?limit=0"),
        replace(ASKED, body=b'{"query":{"testMode":false}}'),
    ],
    ids=["method", "path", "query", "body"],
)
def test_a_token_for_another_request_is_refused(
    signer: PeerSigner, verifier: PeerVerifier, other: PeerRequest
) -> None:
    with pytest.raises(Unverified, match="another request"):
        verifier.verify(signer.token("ee.node", PERSON, ASKED), other)


@pytest.mark.parametrize("seconds", [60, 3600, -61])
def test_a_token_is_good_for_a_minute(
    clock: FixedClock, signer: PeerSigner, verifier: PeerVerifier, seconds: int
) -> None:
    token = signer.token("ee.node", PERSON, ASKED)
    clock.advance(seconds)
    with pytest.raises(Unverified, match="not valid now"):
        verifier.verify(token, ASKED)


def test_used_tokens_are_forgotten_once_they_have_expired(
    clock: FixedClock, signer: PeerSigner, verifier: PeerVerifier
) -> None:
    for _ in range(10):
        verifier.verify(signer.token("ee.node", PERSON, ASKED), ASKED)
    clock.advance(61)
    verifier.verify(signer.token("ee.node", PERSON, ASKED), ASKED)
    assert len(verifier._used) == 1


def test_a_key_that_is_not_pinned_is_refused(clock: FixedClock, verifier: PeerVerifier) -> None:
    impostor = PeerSigner("eu.hub", OTHER_KEY, clock, lambda: "x")
    with pytest.raises(Unverified, match="not among the trusted"):
        verifier.verify(impostor.token("ee.node", PERSON, ASKED), ASKED)


def test_one_hub_cannot_speak_for_another(clock: FixedClock) -> None:
    verifier = PeerVerifier({"eu.hub": (HUB_KEY.public,), "xx.hub": (OTHER_KEY.public,)}, "ee.node", clock)
    impostor = PeerSigner("eu.hub", OTHER_KEY, clock, lambda: "x")
    with pytest.raises(Unverified, match="not among the trusted"):
        verifier.verify(impostor.token("ee.node", PERSON, ASKED), ASKED)


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.e30.e30", "e30.W10.e30", "é.é.é"])
def test_what_is_no_token_is_malformed(verifier: PeerVerifier, text: str) -> None:
    with pytest.raises((Malformed, Unverified)):
        verifier.verify(text, ASKED)


def test_an_answer_is_believed_with_the_nodes_signature_only(clock: FixedClock) -> None:
    signature = AnswerSigner("ee.node", NODE_KEY, clock).signature("token", b"answer")
    keys = (NODE_KEY.public,)
    check_answer(signature, "token", b"answer", node="ee.node", keys=keys)
    with pytest.raises(Unverified, match="digest"):
        check_answer(signature, "token", b"another", node="ee.node", keys=keys)
    with pytest.raises(Unverified, match="request"):
        check_answer(signature, "another", b"answer", node="ee.node", keys=keys)
    with pytest.raises(Unverified, match="iss"):
        check_answer(signature, "token", b"answer", node="fi.node", keys=keys)
    with pytest.raises(Unverified, match="not among the trusted"):
        check_answer(signature, "token", b"answer", node="ee.node", keys=(OTHER_KEY.public,))
