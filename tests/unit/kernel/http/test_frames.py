"""A WebSocket is a GET request with a body, to an API that knows nothing of WebSockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from opengdi.kernel.http.frames import FRAMES, Frames, close_code, is_own_origin

GONE = {"type": "websocket.disconnect", "code": 1001}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what came in, in two parts."""
    asked = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": asked, "more_body": True})
    await send({"type": "http.response.body", "body": scope["query_string"]})


class Connection:
    """A scripted other side."""

    def __init__(self, *messages: Message, query: bytes = b"", path: str = "/net/x", **headers: str) -> None:
        self.incoming = asyncio.Queue[Message]()
        for message in ({"type": "websocket.connect"}, *messages):
            self.incoming.put_nowait(message)
        self.sent: list[Message] = []
        self.broken = False
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.scope: dict[str, Any] = {
            "type": "websocket", "path": path, "query_string": query, "scheme": "ws", "subprotocols": [],
            "headers": [(b"host", b"hub.example"), (b"upgrade", b"websocket"), (b"sec-websocket-key", b"x"), *given],
        }  # fmt: skip

    async def send(self, message: Message) -> None:
        if self.broken:
            raise OSError("the other side has gone")
        self.sent.append(message)

    async def open(self, app: Any = echo, **options: Any) -> list[Any]:
        """Frames, then the code of the close or the status of a refused handshake."""
        frames = Frames(app, ["/net"], own="https://hub.example.org", **{"first_frame_s": 5.0, **options})
        await frames(self.scope, self.incoming.get, self.send)
        told = [each["text"] for each in self.sent if each["type"] == "websocket.send"]
        ends = [
            each.get("code", each.get("status")) for each in self.sent if "code" in each or "status" in each
        ]
        return [*told, *ends]


def text(content: str) -> Message:
    return {"type": "websocket.receive", "text": content}


async def test_the_first_frame_is_the_body_and_each_part_of_the_answer_a_frame() -> None:
    assert await Connection(text("{}")).open() == ["{}", 1000]


async def test_a_question_in_the_address_waits_for_no_frame() -> None:
    assert await Connection(query=b"start=1").open() == ["start=1", 1000]


async def test_an_api_sees_a_get_request_without_the_handshake() -> None:
    seen: list[Scope] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await echo(scope, receive, send)

    await Connection(text("{}"), authorization="Bearer x").open(look)
    (scope,) = seen
    assert (scope["type"], scope["method"], scope["scheme"], scope[FRAMES]) == ("http", "GET", "http", True)
    assert scope["headers"] == [(b"host", b"hub.example"), (b"authorization", b"Bearer x")]


@pytest.mark.parametrize(
    ("status", "code"),
    [(200, 1000), (400, 1008), (401, 1008), (404, 1008), (413, 1009), (429, 1013), (499, 1008), (500, 1011),
     (503, 1013), (504, 1011)],
)  # fmt: skip
async def test_a_failure_is_told_in_a_frame_and_by_the_code(status: int, code: int) -> None:
    async def fails(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b'{"error": {}}'})

    assert close_code(status) == code
    connection = Connection(text("{}"))
    assert await connection.open(fails) == ['{"error": {}}', code]
    assert connection.sent[-1]["reason"].startswith("" if code == 1000 else str(status))


async def test_an_answer_that_broke_off_does_not_end_as_a_whole_one() -> None:
    async def breaks_off(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}", "more_body": True})
        raise ConnectionAbortedError("the answer broke off")

    assert await Connection(text("{}")).open(breaks_off) == ["{}", 1011]


async def test_a_binary_frame_is_no_question() -> None:
    assert await Connection({"type": "websocket.receive", "bytes": b"{}"}).open() == [1003]


async def test_who_leaves_before_asking_is_not_put_to_the_api() -> None:
    async def never(*_asked: object) -> None:
        raise AssertionError("nobody asked")

    assert await Connection(GONE).open(never) == []


async def test_who_says_nothing_is_not_waited_for() -> None:
    assert await Connection().open(first_frame_s=0.01) == [1008]


@pytest.mark.parametrize("query", [b"", b"start=1"])
async def test_a_second_question_ends_the_connection(query: bytes) -> None:
    async def until_gone(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.body", "body": b"too late"})

    frames = [text("{}")] * (1 if query else 2)
    assert await Connection(*frames, query=query).open(until_gone) == [1008]


async def test_the_api_hears_when_the_caller_leaves_and_nothing_more_is_sent() -> None:
    heard: list[str] = []

    async def waits(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        heard.extend([(await receive())["type"], (await receive())["type"]])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    assert await Connection(text("{}"), GONE).open(waits) == []
    assert heard == ["http.disconnect", "http.disconnect"]


async def test_a_connection_that_breaks_while_it_is_written_to_is_nobody_s_defect() -> None:
    connection = Connection(text("{}"))

    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        connection.broken = True
        await echo(scope, receive, send)

    assert await connection.open(breaks) == []


async def test_elsewhere_the_handshake_is_refused() -> None:
    for path in ("/", "/network", "/net2/x"):
        assert await Connection(text("{}"), path=path).open() == [404]
    assert await Connection(text("{}"), path="/net").open() == ["{}", 1000]


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        (None, True),
        ("http://hub.example", True),
        ("https://HUB.example", True),
        ("https://hub.example.org", True),
        ("https://hub.example:8443", False),
        ("https://evil.example", False),
        ("https://hub.example.evil.example", False),
        ("https://hub.example@evil.example", False),
        ("https://evil.example/hub.example", False),
        ("null", False),
        ("", False),
        ("file://", False),
        ("http://[::1", False),
    ],
)
async def test_pages_of_other_sites_may_not_connect(origin: str | None, is_own: bool) -> None:
    headers = {} if origin is None else {"origin": origin}
    connection = Connection(text("{}"), **headers)
    assert is_own_origin(connection.scope, "https://hub.example.org") is is_own
    assert await connection.open() == (["{}", 1000] if is_own else [403])
