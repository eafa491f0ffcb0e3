"""Whose an access token is: its broker, its audience and UserInfo decide; the broker is asked seldom."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.broker_kit import ISSUER, NORTH, Keys
from tests.broker_kit import Issuer as VisaIssuer

from opengdi.identity.clearinghouse.keys import KeyBook, OwnKeys
from opengdi.identity.clearinghouse.model import Issuer, Pair, Policy, Trust
from opengdi.identity.clearinghouse.service import Clearinghouse
from opengdi.identity.model import CheckedVisa
from opengdi.identity.revocations.model import Kind, Revocation
from opengdi.identity.revocations.rules import Ended
from opengdi.identity.userinfo.client import UserInfoClient
from opengdi.identity.userinfo.model import TrustedBroker
from opengdi.identity.userinfo.rules import rest_after
from opengdi.identity.userinfo.service import UserInfoTokens
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import NotAuthenticated, Unavailable
from opengdi.kernel.keys import SigningKey

PAIR = Pair(ISSUER, f"{ISSUER}/jwks")
OURS = TrustedBroker(PAIR, f"{ISSUER}/userinfo", frozenset({NORTH}))
ELIXIR = Pair("https://login.elixir.example", "https://login.elixir.example/jwks")
LS_AAI = TrustedBroker(
    ELIXIR, "https://login.elixir.example/userinfo", frozenset(), strict=False, subject_claim="voperson_id"
)
OPAQUE = replace(LS_AAI, opaque=True)


class Taken:
    """What was taken back."""

    def __init__(self) -> None:
        self.ended = Ended()

    def revoked(self, visa: CheckedVisa) -> bool:
        return self.ended.covers(visa)

    def token_revoked(self, grant: str, subject: str, issued: object) -> bool:
        return self.ended.covers_grant(grant) or self.ended.subject_ended(subject) is not None


@dataclass
class UserInfo:
    """A broker's UserInfo endpoint, over a transport in memory."""

    status: int = 200
    told: dict[str, object] = field(default_factory=dict)
    body: bytes | None = None
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.status == 0:
            raise httpx.ConnectError("nobody is there")
        return httpx.Response(self.status, content=self.body or json.dumps(self.told).encode())


class Node:
    """A node that takes tokens of brokers, and everything around it."""

    def __init__(self, *brokers: TrustedBroker) -> None:
        self.clock = FixedClock()
        self.keys = Keys()
        self.north = VisaIssuer("north", NORTH, self.clock)
        self.info = UserInfo(told={"sub": "r1", "name": "R", "ga4gh_passport_v1": [self.visa()]})
        self.taken = Taken()
        pair = Pair(NORTH, self.north.jku)
        both = OwnKeys(self.keys.published)
        book = KeyBook({pair: OwnKeys(self.north.keys.published), PAIR: both, ELIXIR: both})
        issuer = Issuer(pair, datasets=("*",), subjects_of=ISSUER)
        elixir = Issuer(Pair("https://visas.elixir.example", "x"), subjects_of=ELIXIR.iss)
        house = Clearinghouse(
            Trust((), (issuer, elixir)), book, self.taken, self.clock, Policy(frozenset({NORTH}))
        )
        self.tokens = UserInfoTokens(
            brokers or (OURS,),
            book,
            house,
            self.taken,
            UserInfoClient(5, httpx.MockTransport(self.info)),
            clock=self.clock,
            chance=lambda: 0.5,
        )

    def visa(self, subject: str = "r1") -> str:
        return self.north.visa(subject, "GDID-1")

    def token(self, purpose: str = "at+jwt", key: SigningKey | None = None, **changes: object) -> str:
        now = int(self.clock.now().timestamp())
        known: dict[str, object] = {
            "iss": ISSUER,
            "sub": "r1",
            "aud": [NORTH, ISSUER],
            "iat": now,
            "exp": now + 600,
            "jti": "t1",
            "client_id": "gdi-cli",
            "scope": "openid ga4gh_passport_v1",
            "grant": "g1",
        }
        claims = {name: value for name, value in {**known, **changes}.items() if value is not None}
        return (key or self.keys.key).sign(json.dumps(claims).encode(), purpose=purpose)


@pytest.fixture
def node() -> Node:
    return Node()


async def test_a_token_of_a_known_broker_proves_the_person_and_the_visas_of_userinfo(node: Node):
    proof = await node.tokens.proof(node.token())
    assert (proof.subject, proof.issuer, proof.name) == ("r1", ISSUER, "R")
    assert [visa.dataset for visa in proof.visas] == ["GDID-1"]
    assert proof.until <= node.clock.now() + timedelta(seconds=600)
    assert node.info.asked[0].headers["authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": f"{ISSUER}/"},
        {"aud": ["https://south.example.org", ISSUER]},
        {"aud": ISSUER},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": 10_000_000_000},
        {"sub": None},
        {"iat": 4102444800, "exp": 4102444900},
        {"nbf": 4102444800},
        {"scope": 7},
        {"ga4gh_passport_v1": []},
        {"ga4gh_visa_v1": {}},
        {"purpose": "JWT"},
        {"purpose": "vnd.ga4gh.passport+jwt"},
        {"stranger": "ES256"},
        {"stranger": "RS256"},
    ],
    ids=str,
)
async def test_any_other_token_proves_nothing_and_is_sent_nowhere(node: Node, changes: dict[str, object]):
    changes = dict(changes)
    stranger = changes.pop("stranger", None)
    key = SigningKey.generate(stranger) if stranger else None  # type: ignore[arg-type]
    with pytest.raises(NotAuthenticated) as refused:
        await node.tokens.proof(node.token(key=key, **changes))  # type: ignore[arg-type]
    assert node.info.asked == []
    assert refused.value.public == "The access token is not accepted."


@given(st.text(max_size=100) | st.binary(max_size=80).map(lambda b: b.hex() + ".a.b"))
def test_whatever_is_no_token_is_refused_and_sent_nowhere(text: str):
    node = Node()
    with pytest.raises(NotAuthenticated):
        asyncio.run(node.tokens.proof(text))
    assert node.info.asked == []


async def test_userinfo_of_somebody_else_is_not_used(node: Node):
    """OpenID Connect Core 1.0 section 5.3.2: token substitution."""
    node.info.told = {**node.info.told, "sub": "r2"}
    with pytest.raises(NotAuthenticated):
        await node.tokens.proof(node.token())


async def test_visas_of_somebody_else_in_userinfo_open_nothing(node: Node):
    node.info.told = {"sub": "r1", "ga4gh_passport_v1": [node.visa("r2")]}
    assert (await node.tokens.proof(node.token())).visas == ()


async def test_a_token_of_a_program_says_who_it_is_without_userinfo(node: Node):
    proof = await node.tokens.proof(node.token(scope="catalogue", sub="robot"))
    assert (proof.subject, proof.visas, proof.bona_fide) == ("robot", (), False)
    assert node.info.asked == []


class TestAsking:
    async def test_is_done_once_however_often_the_token_is_shown(self, node: Node):
        token = node.token()
        await asyncio.gather(*(node.tokens.proof(token) for _ in range(20)))
        assert len(node.info.asked) == 1

    async def test_is_done_at_most_once_an_hour(self, node: Node):
        token = node.token(exp=int(node.clock.now().timestamp()) + 10_000)
        await node.tokens.proof(token)
        node.clock.advance(3599)
        await node.tokens.proof(token)
        assert len(node.info.asked) == 1
        node.clock.advance(2)
        await node.tokens.proof(token)
        assert len(node.info.asked) == 2

    @pytest.mark.parametrize("status", [400, 401, 403, 404])
    async def test_is_not_done_again_after_the_broker_said_no(self, node: Node, status: int):
        node.info.status = status
        token = node.token()
        for _ in range(3):
            with pytest.raises(NotAuthenticated):
                await node.tokens.proof(token)
            node.clock.advance(100)
        assert len(node.info.asked) == 1

    @pytest.mark.parametrize("body", [b"nothing", b"[]", b"{}", b'{"sub": "r1", "ga4gh_passport_v1": "x"}'])
    async def test_is_not_done_again_after_an_answer_that_cannot_be_read(self, node: Node, body: bytes):
        node.info.body = body
        with pytest.raises(NotAuthenticated):
            await node.tokens.proof(node.token())

    @pytest.mark.parametrize("status", [0, 302, 429, 500, 503])
    async def test_is_done_again_after_a_rest_that_grows_where_nobody_answers(self, node: Node, status: int):
        node.info.status = status
        token = node.token()
        for asked, seconds in ((1, 0), (1, 3), (2, 1), (2, 7), (3, 1)):
            node.clock.advance(seconds)
            with pytest.raises(Unavailable):
                await node.tokens.proof(token)
            assert len(node.info.asked) == asked
        node.info.status = 200
        node.clock.advance(60)
        assert (await node.tokens.proof(token)).visas

    async def test_is_done_again_soon_where_a_visa_issuer_was_missing(self, node: Node):
        node.info.told = {"sub": "r1", "ga4gh_passport_v1": [], "gdi_missing_visa_issuers": ["north"]}
        token = node.token()
        assert (await node.tokens.proof(token)).visas == ()
        node.info.told = {"sub": "r1", "ga4gh_passport_v1": [node.visa()]}
        node.clock.advance(46)
        assert (await node.tokens.proof(token)).visas


async def test_a_token_proves_nothing_once_it_has_ended(node: Node):
    token = node.token()
    await node.tokens.proof(token)
    node.clock.advance(600)
    with pytest.raises(NotAuthenticated):
        await node.tokens.proof(token)


async def test_what_was_taken_back_is_refused_at_the_next_use(node: Node):
    token = node.token()
    assert (await node.tokens.proof(token)).visas
    now = node.clock.now()
    node.taken.ended.take(Revocation("1", Kind.DATASET_SUBJECT, now, subject="r1", dataset="GDID-1"))
    assert (await node.tokens.proof(token)).visas == ()
    node.taken.ended.take(Revocation("2", Kind.GRANT, now, jti="g1"))
    with pytest.raises(NotAuthenticated):
        await node.tokens.proof(token)


class TestTokensOfLsAai:
    """X-16: there is no passport scope or audience of ours in the token; UserInfo has the visas."""

    async def test_are_taken_with_the_subject_that_settings_name(self):
        node = Node(LS_AAI)
        node.info.told = {"sub": "abc", "voperson_id": "abc@elixir", "ga4gh_passport_v1": []}
        token = node.token("JWT", iss=ELIXIR.iss, sub="abc", aud="some-client", scope="openid profile")
        proof = await node.tokens.proof(token)
        assert (proof.subject, proof.issuer) == ("abc@elixir", ELIXIR.iss)
        assert str(node.info.asked[0].url) == LS_AAI.userinfo

    async def test_without_that_claim_are_refused(self):
        node = Node(LS_AAI)
        node.info.told = {"sub": "abc"}
        with pytest.raises(NotAuthenticated):
            await node.tokens.proof(node.token("JWT", iss=ELIXIR.iss, sub="abc"))

    async def test_are_for_the_audience_that_settings_name(self):
        node = Node(replace(LS_AAI, audiences=frozenset({"our-client"})))
        node.info.told = {"sub": "abc", "voperson_id": "abc"}
        await node.tokens.proof(node.token("JWT", iss=ELIXIR.iss, sub="abc", aud="our-client"))
        with pytest.raises(NotAuthenticated):
            await node.tokens.proof(node.token("JWT", iss=ELIXIR.iss, sub="abc", aud="other-client"))


class TestOpaqueTokens:
    async def test_go_to_the_one_broker_that_has_them(self):
        node = Node(OURS, OPAQUE)
        node.info.told = {"sub": "abc", "voperson_id": "abc@elixir", "ga4gh_passport_v1": []}
        proof = await node.tokens.proof("opaque-token")
        assert proof.subject == "abc@elixir"
        assert proof.until == node.clock.now() + timedelta(hours=1)
        assert [str(request.url) for request in node.info.asked] == [OPAQUE.userinfo]

    async def test_prove_nothing_while_the_broker_cannot_say_that_they_still_hold(self):
        node = Node(OPAQUE)
        node.info.told = {"sub": "abc", "voperson_id": "abc"}
        await node.tokens.proof("opaque-token")
        node.clock.advance(3600)
        node.info.status = 503
        with pytest.raises(Unavailable):
            await node.tokens.proof("opaque-token")

    async def test_are_refused_where_no_broker_has_them(self, node: Node):
        with pytest.raises(NotAuthenticated):
            await node.tokens.proof("opaque-token")
        assert node.info.asked == []


@given(st.integers(1, 60), st.floats(0, 1, exclude_max=True))
def test_a_rest_is_between_half_and_whole_of_a_doubled_time_and_never_longer_than_the_longest(
    failures: int, chance: float
):
    first, longest = timedelta(seconds=5), timedelta(hours=1)
    rest = rest_after(failures, first, longest, chance)
    whole = min(longest, first * 2.0 ** min(failures - 1, 20))
    assert whole / 2 <= rest <= whole


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = ("iss", "sub", "aud", "iat", "exp", "nbf", "jti", "scope", "grant", "auth_time", "ga4gh_passport_v1")
NODES = {broker: Node(broker) for broker in (OURS, LS_AAI)}


@given(st.sampled_from([OURS, LS_AAI]), st.dictionaries(st.sampled_from(CLAIMS), JSON))
def test_whatever_a_broker_signs_proves_something_or_is_refused(
    broker: TrustedBroker, claims: dict[str, object]
):
    node = NODES[broker]
    token = node.token(**{"iss": broker.pair.iss, **claims})
    try:
        proof = asyncio.run(node.tokens.proof(token))
    except (NotAuthenticated, Unavailable):
        return
    assert proof.issuer == broker.pair.iss
    assert proof.until > node.clock.now()


@given(
    st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(["sub", "name", "ga4gh_passport_v1", "voperson_id", "x"]), JSON).map(
        lambda told: json.dumps(told).encode()
    )
)
def test_whatever_userinfo_says_proves_something_or_is_refused(body: bytes):
    node = Node()
    node.info.body = body or b" "
    try:
        proof = asyncio.run(node.tokens.proof(node.token()))
    except (NotAuthenticated, Unavailable):
        return
    assert (proof.subject, proof.bona_fide) == ("r1", False)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_text_is_an_access_token(text: str):
    for broker in (OURS, LS_AAI):
        with pytest.raises(NotAuthenticated):
            asyncio.run(NODES[broker].tokens.proof(text))
