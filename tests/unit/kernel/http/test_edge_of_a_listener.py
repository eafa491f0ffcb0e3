"""Around every request: an id, limits, headers, a measurement; and an answer for every failure."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from tests.unit.kernel.http.asgi_call import Answered, call

from opengdi.kernel.clock import FixedClock, SystemClock
from opengdi.kernel.errors import KINDS, GdiError, Invalid, NotAuthenticated, NotPermitted
from opengdi.kernel.http.edge import REQUEST_ID, Edge, Limits
from opengdi.kernel.http.faults import STATUS_OF, Fault
from opengdi.kernel.http.routing import Routing


class Notes:
    def __init__(self):
        self.taken = []

    def observe(self, method, template, status, seconds):
        self.taken.append((method, template, status))


def failing(error: Exception):
    async def handler(_: Request) -> Response:
        raise error

    return handler


async def echo(request: Request) -> Response:
    return Response(await request.body(), headers={"x-seen-id": request.scope[REQUEST_ID]})


def edge(*routes: Route, **options) -> Edge:
    return Edge(Routing(routes), clock=FixedClock(), **options)


echoing = Route("/echo", echo, methods=["GET", "POST"])


async def test_every_answer_carries_an_id_that_the_handler_saw_too():
    first, second = await call(edge(echoing), "/echo"), await call(edge(echoing), "/echo")
    assert first.headers["x-request-id"] == first.headers["x-seen-id"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_the_id_of_the_caller_is_kept():
    answered = await call(edge(echoing), "/echo", headers=[("X-Request-Id", "portal-7.a_B")])
    assert answered.headers["x-request-id"] == "portal-7.a_B"


@pytest.mark.parametrize("unusable", ["", "a b", "a\nb", "<script>", "x" * 129, "ä"])
async def test_an_unusable_id_of_the_caller_is_replaced(unusable):
    answered = await call(edge(echoing), "/echo", headers=[("X-Request-Id", unusable)])
    assert answered.headers["x-request-id"] not in {unusable, ""}


async def test_nothing_is_stored_or_sniffed_unless_the_answer_says_so():
    answered = await call(edge(echoing), "/echo")
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["x-content-type-options"] == "nosniff"

    async def public(_: Request) -> Response:
        return Response("logo", headers={"cache-control": "max-age=60"})

    assert (await call(edge(Route("/logo", public)), "/logo")).headers["cache-control"] == "max-age=60"


async def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_refused():
    app = edge(echoing, limits=Limits(body_bytes=10))
    assert (await call(app, "/echo", "POST", chunks=[b"12345", b"67890"])).body == b"1234567890"
    refused = await call(app, "/echo", "POST", chunks=[b"12345", b"67890", b"1"])
    assert (refused.status, refused.headers["content-type"]) == (413, "application/problem+json")


async def test_a_body_that_is_announced_as_too_long_is_refused_unread():
    unread = iter(())
    refused = await call(
        edge(echoing, limits=Limits(body_bytes=10)), "/echo", "POST", [("Content-Length", "11")], unread
    )
    assert refused.status == 413


WAITING = [("Content-Length", "5"), ("Expect", "100-continue")]


async def test_the_connection_ends_with_an_answer_to_a_body_that_was_not_asked_for():
    app = edge(Route("/refuse", failing(Invalid("no")), methods=["PUT"]))
    assert (await call(app, "/refuse", "PUT", WAITING)).headers["connection"] == "close"
    assert "connection" not in (await call(app, "/refuse", "PUT", WAITING[:1])).headers


async def test_the_connection_goes_on_after_a_body_that_was_asked_for():
    answered = await call(edge(echoing), "/echo", "POST", WAITING, [b"12345"])
    assert answered.body == b"12345"
    assert "connection" not in answered.headers


async def test_an_answer_that_does_not_begin_in_time_becomes_a_problem():
    async def never(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    app = Edge(Routing([Route("/never", never)]), clock=SystemClock(), limits=Limits(answer_start_s=0.02))
    answered = await call(app, "/never")
    assert answered.status == 504
    assert "time limit" in answered.json["detail"]


async def test_a_stream_that_has_begun_may_go_on_past_the_limit():
    async def rows():
        yield b"first "
        await asyncio.sleep(0.06)
        yield b"last"

    async def stream(_: Request) -> Response:
        return StreamingResponse(rows())

    app = Edge(Routing([Route("/rows", stream)]), clock=SystemClock(), limits=Limits(answer_start_s=0.02))
    assert (await call(app, "/rows")).body == b"first last"


async def test_a_cancelled_request_is_not_mistaken_for_a_late_one():
    async def wait(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.ensure_future(call(edge(Route("/wait", wait)), "/wait"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_error_has_a_status_and_shows_only_its_public_sentence(kind: type[GdiError]):
    error = kind("the operator reads this", public="A stranger reads this.")
    answered = await call(edge(Route("/it", failing(error))), "/it")
    assert answered.status == STATUS_OF[kind] >= 400
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.json == {
        "type": "about:blank",
        "title": HTTPStatus(answered.status).phrase,
        "status": answered.status,
        "detail": "A stranger reads this.",
        "requestId": answered.headers["x-request-id"],
    }


def test_the_kinds_have_different_statuses():
    assert len({STATUS_OF[kind] for kind in KINDS}) == len(KINDS)


async def test_not_knowing_who_asks_is_told_apart_from_refusing():
    unknown = await call(edge(Route("/it", failing(NotAuthenticated("no token")))), "/it")
    refused = await call(edge(Route("/it", failing(NotPermitted("no visa")))), "/it")
    assert (unknown.status, unknown.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.status == 403
    assert "www-authenticate" not in refused.headers


async def test_a_defect_of_ours_tells_nothing_and_logs_no_value(caplog):
    with caplog.at_level(logging.DEBUG):
        answered = await call(edge(Route("/it", failing(KeyError("token-1234")))), "/it")
    assert answered.status == 500
    assert "detail" not in answered.json
    assert "token-1234" not in answered.body.decode() + caplog.text
    assert "KeyError" in caplog.text
    assert "test_edge_of_a_listener" in caplog.text  # where it happened


async def test_an_answer_that_breaks_off_is_cut_not_completed():
    async def rows():
        yield b"first"
        raise Invalid("half way")

    async def stream(_: Request) -> Response:
        return StreamingResponse(rows())

    with pytest.raises(ConnectionAbortedError):
        await call(edge(Route("/rows", stream)), "/rows")


async def test_an_unknown_path_and_a_wrong_method_are_problems_too():
    unknown = await call(edge(echoing), "/nowhere")
    wrong = await call(edge(echoing), "/echo", "DELETE")
    assert (unknown.status, unknown.headers["content-type"]) == (404, "application/problem+json")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_an_api_tells_failures_in_its_own_shape_below_its_base_path():
    def short(fault: Fault) -> tuple[bytes, bytes]:
        return b"text/plain", f"{int(fault.status)}".encode()

    app = edge(Route("/api/it", failing(Invalid("no"))), shapes={"/api": short})
    assert (await call(app, "/api/it")).body == b"400"
    assert (await call(app, "/api/nowhere")).body == b"404"
    assert (await call(app, "/apiary")).json["status"] == 404


async def test_a_question_by_head_gets_no_body():
    answered = await call(edge(echoing), "/nowhere", "HEAD")
    assert answered.body == b""
    assert int(answered.headers["content-length"]) > 0


async def test_requests_are_measured_by_template_and_not_by_path():
    notes = Notes()
    app = edge(Route("/datasets/{id}", echo), meter=notes)
    await call(app, "/datasets/GDI-EE-X-1")
    await call(app, "/nowhere/GDI-EE-X-1")
    assert notes.taken == [("GET", "/datasets/{id}", 200), ("GET", "", 404)]


def uploading(**limits: float) -> Edge:
    """An edge that lets uploads take any time, but not pauses of more than 0.05 s."""

    async def echo(request: Request) -> Response:
        return Response(await request.body())

    return Edge(
        Routing([Route("/files/it", echo, methods=["POST"]), Route("/else", echo, methods=["POST"])]),
        clock=SystemClock(),
        limits=Limits(body_bytes=10, answer_start_s=0.05),
        limits_of={
            "/files": Limits(**{"body_bytes": 1000, "answer_start_s": 0.05, "idle_s": 0.05, **limits})
        },
    )


async def trickle(app: Edge, path: str, pauses_s: list[float]) -> Answered:
    """Send a byte after each pause."""
    answered = Answered()
    left = list(pauses_s)

    async def receive():
        await asyncio.sleep(left.pop(0))
        return {"type": "http.request", "body": b"x", "more_body": bool(left)}

    async def send(message):
        answered.status = message.get("status", answered.status)
        answered.body += message.get("body", b"")

    await app({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    return answered


async def test_an_upload_may_take_any_time_while_something_comes():
    answered = await trickle(uploading(idle_s=0.5), "/files/it", [0.1] * 8)
    assert (answered.status, answered.body) == (200, b"x" * 8)


async def test_an_upload_whose_sender_falls_silent_ends():
    answered = await trickle(uploading(), "/files/it", [0.01, 5.0])
    assert answered.status == 408
    assert b"nothing was sent for 0.05 seconds" in answered.body


async def test_the_limits_of_an_api_are_those_of_its_base_path_only():
    assert (await trickle(uploading(), "/else", [0.03] * 9)).status == 504
    assert (await call(uploading(), "/else", "POST", chunks=[b"x" * 11])).status == 413
    assert (await call(uploading(), "/files/it", "POST", chunks=[b"x" * 11])).status == 200
    assert (await call(uploading(), "/files/it", "POST", chunks=[b"x" * 1001])).status == 413


async def test_an_answer_that_does_not_begin_after_the_last_bytes_is_late_for_an_upload_too():
    async def never(request: Request) -> Response:
        await request.body()
        await asyncio.Event().wait()
        raise AssertionError

    limits = {"/never": Limits(answer_start_s=0.02, idle_s=0.02)}
    app = Edge(Routing([Route("/never", never)]), clock=SystemClock(), limits_of=limits)
    assert (await call(app, "/never")).status == 504
