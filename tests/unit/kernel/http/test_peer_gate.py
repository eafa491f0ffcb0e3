"""The gate in front of a node's API: a hub that proves itself is believed and gets signed answers."""

from __future__ import annotations

import itertools

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from opengdi.kernel.clock import FixedClock
from opengdi.kernel.http.callers import PEER
from opengdi.kernel.http.peer_gate import PeerGate
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.peers import (
    ANSWER_HEADER,
    REQUEST_HEADER,
    AnswerSigner,
    PeerRequest,
    PeerSigner,
    PeerVerifier,
    check_answer,
)
from opengdi.kernel.principal import Principal
from opengdi.standards.faults import Unverified

HUB_KEY, NODE_KEY = SigningKey.generate(), SigningKey.generate()
CLOCK = FixedClock()
NUMBERS = itertools.count()
HUB = PeerSigner("eu.hub", HUB_KEY, CLOCK, lambda: f"id-{next(NUMBERS)}")


async def who_and_what(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with who asks and what came in."""
    body = await Request(scope, receive).body()
    peer = scope.get(PEER)
    answer = JSONResponse({"peer": peer.subject if peer else None, "body": body.decode()})
    await answer(scope, receive, send)


@pytest.fixture
def refusals() -> list[str]:
    return []


@pytest.fixture
def node(refusals: list[str]) -> httpx.AsyncClient:
    gate = PeerGate(
        who_and_what,
        PeerVerifier({"eu.hub": (HUB_KEY.public,)}, "ee.node", CLOCK),
        AnswerSigner("ee.node", NODE_KEY, CLOCK),
        refusals.append,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://node")


async def test_a_hub_is_believed_and_its_answer_signed(node: httpx.AsyncClient, refusals: list[str]) -> None:
    token = HUB.token("ee.node", Principal("ab12"), PeerRequest("POST", "/x/y?limit=1", b"{}"))
    answer = await node.post("/x/y?limit=1", content=b"{}", headers={REQUEST_HEADER: token})
    assert answer.json() == {"peer": "eu.hub/ab12", "body": "{}"}
    check_answer(answer.headers[ANSWER_HEADER], token, answer.content, node="ee.node", keys=[NODE_KEY.public])
    with pytest.raises(Unverified):
        check_answer(answer.headers[ANSWER_HEADER], token, b"else", node="ee.node", keys=[NODE_KEY.public])
    assert refusals == []


async def test_a_token_for_another_body_makes_nobody_and_is_reported(
    node: httpx.AsyncClient, refusals: list[str]
) -> None:
    token = HUB.token("ee.node", Principal("ab12"), PeerRequest("POST", "/x", b"{}"))
    answer = await node.post("/x", content=b"[]", headers={REQUEST_HEADER: token})
    assert answer.json() == {"peer": None, "body": "[]"}
    assert ANSWER_HEADER not in answer.headers
    assert refusals == ["the token was made for another request"]


async def test_others_pass_untouched(node: httpx.AsyncClient, refusals: list[str]) -> None:
    answer = await node.get("/x")
    assert answer.json() == {"peer": None, "body": ""}
    assert ANSWER_HEADER not in answer.headers
    assert refusals == []


async def test_the_edition_is_the_one_that_was_in_force_when_the_question_came() -> None:
    published = ["a.1"]

    async def publishes_meanwhile(scope: Scope, receive: Receive, send: Send) -> None:
        published[0] = "a.2"
        await who_and_what(scope, receive, send)

    gate = PeerGate(
        publishes_meanwhile,
        PeerVerifier({"eu.hub": (HUB_KEY.public,)}, "ee.node", CLOCK),
        AnswerSigner("ee.node", NODE_KEY, CLOCK),
        lambda _reason: None,
        lambda: published[0],
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://node") as node:
        token = HUB.token("ee.node", Principal("ab12"), PeerRequest("GET", "/x", b""))
        answer = await node.get("/x", headers={REQUEST_HEADER: token})
    signature = answer.headers[ANSWER_HEADER]
    told = check_answer(signature, token, answer.content, node="ee.node", keys=[NODE_KEY.public])
    assert told == "a.1"
    assert answer.headers["cache-control"] == "no-cache"


async def test_an_api_without_editions_says_nothing_of_them(node: httpx.AsyncClient) -> None:
    token = HUB.token("ee.node", Principal("ab12"), PeerRequest("GET", "/x", b""))
    answer = await node.get("/x", headers={REQUEST_HEADER: token})
    signature = answer.headers[ANSWER_HEADER]
    assert check_answer(signature, token, answer.content, node="ee.node", keys=[NODE_KEY.public]) == ""
    assert "cache-control" not in answer.headers
