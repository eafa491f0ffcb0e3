"""A node is asked with the hub's signed header, and believed only if it signed its answer."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.broker_kit import NORTH, SUBJECT, Issuer

from opengdi.identity.broker.sources import NodeSource
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.peers import (
    ANSWER_HEADER,
    REQUEST_HEADER,
    AnswerSigner,
    PeerRequest,
    PeerSigner,
    PeerVerifier,
)
from opengdi.standards.faults import Malformed, Unverified

HUB_KEY, NODE_KEY = SigningKey.generate(), SigningKey.generate()


@dataclass
class Node:
    """The other end, as a node behind its peer gate answers."""

    clock: FixedClock
    status: int = 200
    body: bytes = b'{"ga4gh_passport_v1": []}'
    key: SigningKey = NODE_KEY
    node: str = "north"
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        token = request.headers[REQUEST_HEADER]
        target = request.url.raw_path.decode()
        verifier = PeerVerifier({"hub": [HUB_KEY.public]}, "north", self.clock)
        verifier.verify(token, PeerRequest("GET", target, b""))
        self.asked.append(target)
        signature = AnswerSigner(self.node, self.key, self.clock).signature(token, self.body)
        return httpx.Response(
            self.status, stream=httpx.ByteStream(self.body), headers={ANSWER_HEADER: signature}
        )


def source(handler: Callable[[httpx.Request], httpx.Response], clock: FixedClock) -> NodeSource:
    issuer = Issuer("north", NORTH, clock)
    return NodeSource(
        "north",
        NORTH,
        issuer.source("").trust,
        lambda: [NODE_KEY.public],
        PeerSigner("hub", HUB_KEY, clock, lambda: secrets.token_hex(8)),
        httpx.AsyncClient(transport=httpx.MockTransport(handler)),
    )


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


async def test_visas_come_as_the_node_sent_them(clock: FixedClock):
    node = Node(clock, body=json.dumps({"ga4gh_passport_v1": ["a.b.c", "d.e.f"]}).encode())
    assert await source(node, clock).visas(SUBJECT) == ("a.b.c", "d.e.f")


@pytest.mark.parametrize("subject", ["a/b", "a?b", "../jwks", "a%2Fb", "ü"])
async def test_whatever_a_subject_is_called_it_is_asked_about_and_nothing_else(
    clock: FixedClock, subject: str
):
    node = Node(clock)
    await source(node, clock).visas(subject)
    path = node.asked[0].removeprefix("/visas/v1/permissions/")
    assert "/" not in path
    assert unquote(path) == subject


@pytest.mark.parametrize("status", [302, 401, 403, 404, 500, 503])
async def test_another_status_is_no_answer(clock: FixedClock, status: int):
    with pytest.raises(Unavailable, match=str(status)):
        await source(Node(clock, status=status), clock).visas(SUBJECT)


@pytest.mark.parametrize("change", [{"key": SigningKey}, {"node": "south"}])
async def test_an_answer_that_another_one_signed_is_not_taken(clock: FixedClock, change: dict[str, object]):
    node = Node(clock, node=str(change.get("node", "north")))
    node.key = SigningKey.generate() if "key" in change else NODE_KEY
    with pytest.raises(Unavailable, match="not taken"):
        await source(node, clock).visas(SUBJECT)


async def test_an_answer_without_signature_is_not_taken(clock: FixedClock):
    def unsigned(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    with pytest.raises(Unavailable, match="not taken"):
        await source(unsigned, clock).visas(SUBJECT)


async def test_nobody_there_is_told_as_that(clock: FixedClock):
    def nobody(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unavailable, match="does not answer"):
        await source(nobody, clock).visas(SUBJECT)


@given(
    st.binary(max_size=100) | st.sampled_from([b"{}", b"[]", b'{"ga4gh_passport_v1": [1]}', b'{"a":1,"a":2}'])
)
def test_a_body_that_cannot_be_read_is_no_answer(body: bytes):
    clock = FixedClock()
    try:
        visas = asyncio.run(source(Node(clock, body=body), clock).visas(SUBJECT))
    except Unavailable:
        return
    assert all(isinstance(visa, str) for visa in visas)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: f"{raw.hex()}.{raw.hex()}.{raw.hex()}"))
def test_whatever_is_no_visa_of_the_issuer_is_refused(visa: str):
    trust = Issuer("north", NORTH, FixedClock()).source("").trust
    with pytest.raises((Malformed, Unverified)):
        asyncio.run(trust.check(visa, SUBJECT))
