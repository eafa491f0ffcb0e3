"""What a node asks its hub is signed, and so is what it believes."""

from __future__ import annotations

import itertools

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from opengdi.apps.hub_questions import HubQuestions
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import NotFound, Unavailable
from opengdi.kernel.http.callers import PEER
from opengdi.kernel.http.peer_gate import PeerGate
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.peers import AnswerSigner, PeerSigner, PeerVerifier

HUB_KEY, NODE_KEY, STRANGERS_KEY = (SigningKey.generate() for _ in range(3))
CLOCK = FixedClock()
NUMBERS = itertools.count()


async def files(scope: Scope, receive: Receive, send: Send) -> None:
    """Only nodes that signed are answered."""
    known = scope.get(PEER) is not None
    answers: dict[str, Response] = {
        "/file": PlainTextResponse("the file"),
        "/broken": Response(status_code=500),
    }
    gone = PlainTextResponse("a problem document, longer than a short file", status_code=404)
    answer = answers.get(scope["path"], gone) if known else Response(status_code=401)
    await answer(scope, receive, send)


def asks(app: ASGIApp) -> HubQuestions:
    signer = PeerSigner("ee.node", NODE_KEY, CLOCK, lambda: f"id-{next(NUMBERS)}")
    transport = httpx.ASGITransport(app)
    return HubQuestions("http://hub", "eu.hub", [HUB_KEY.public], signer, timeout_s=5, transport=transport)


def hub(*, signed_by: SigningKey = HUB_KEY, knows: SigningKey = NODE_KEY) -> PeerGate:
    verifier = PeerVerifier({"ee.node": (knows.public,)}, "eu.hub", CLOCK)
    return PeerGate(files, verifier, AnswerSigner("eu.hub", signed_by, CLOCK), lambda _: None)


async def test_a_hub_that_knows_the_node_answers_it() -> None:
    assert await asks(hub()).get("/file", most_bytes=8) == b"the file"


async def test_what_the_hub_does_not_have_is_not_there() -> None:
    with pytest.raises(NotFound):
        await asks(hub()).get("/other", most_bytes=100)


async def test_a_short_file_that_is_gone_is_not_there_however_long_the_hub_says_so() -> None:
    with pytest.raises(NotFound):
        await asks(hub()).get("/other", most_bytes=3)


@pytest.mark.parametrize(
    ("app", "path", "most_bytes"),
    [
        (hub(signed_by=STRANGERS_KEY), "/file", 100),
        (hub(knows=STRANGERS_KEY), "/file", 100),
        (hub(), "/file", 7),
        (hub(), "/broken", 100),
        (PlainTextResponse("the file"), "/file", 100),
    ],
    ids=["signed by somebody else", "does not know the node", "more than was said", "broken", "not signed"],
)
async def test_anything_else_is_no_answer(app: ASGIApp, path: str, most_bytes: int) -> None:
    with pytest.raises(Unavailable):
        await asks(app).get(path, most_bytes=most_bytes)
