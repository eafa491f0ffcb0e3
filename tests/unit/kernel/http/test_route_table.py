"""Fixed paths come from a table, others from their patterns."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tests.unit.kernel.http.asgi_call import call

from opengdi.kernel.errors import NotFound
from opengdi.kernel.http.routing import TEMPLATE, Routing


def telling(name: str):
    async def handler(request: Request) -> Response:
        return PlainTextResponse(f"{name} {request.scope[TEMPLATE]} {request.path_params}")

    return handler


ROUTES = Routing(
    [
        Route("/datasets", telling("list")),
        Route("/datasets", telling("ask"), methods=["POST"]),
        Route("/datasets/{id}", telling("one")),
        Route("/datasets/{id}/people", telling("people"), methods=["GET", "POST"]),
    ]
)


@pytest.mark.parametrize(
    "method, path, told",
    [
        ("GET", "/datasets", "list /datasets {}"),
        ("POST", "/datasets", "ask /datasets {}"),
        ("GET", "/datasets/a", "one /datasets/{id} {'id': 'a'}"),
        ("POST", "/datasets/a/people", "people /datasets/{id}/people {'id': 'a'}"),
    ],
)
async def test_a_request_reaches_the_route_of_its_path_and_method(method, path, told):
    assert (await call(ROUTES, path, method)).body.decode() == told


@pytest.mark.parametrize("path", ["/", "/datasets/", "/datasets/a/b", "/dataset"])
async def test_a_path_that_no_route_has_is_unknown_and_never_redirected(path):
    with pytest.raises(HTTPException) as caught:
        await call(ROUTES, path)
    assert caught.value.status_code == 404


async def test_a_wrong_method_is_told_all_that_are_possible():
    with pytest.raises(HTTPException) as caught:
        await call(ROUTES, "/datasets", "DELETE")
    assert caught.value.status_code == 405
    assert caught.value.headers == {"Allow": "GET, HEAD, POST"}


async def test_a_mounted_api_gets_everything_at_and_below_its_base_with_the_path_as_it_is():
    async def api(scope, receive, send):
        scope[TEMPLATE] = "{entry}"
        await PlainTextResponse(scope["path"])(scope, receive, send)

    routing = Routing([Route("/api/own", telling("own"))], {"/api": api})
    assert (await call(routing, "/api")).body == b"/api"
    assert (await call(routing, "/api/individuals")).body == b"/api/individuals"
    assert (await call(routing, "/api/own")).body == b"own /api/own {}"
    with pytest.raises(HTTPException):
        await call(routing, "/apiary")


async def test_the_template_of_a_mounted_api_is_told_with_its_base_even_if_it_fails():
    async def api(scope, receive, send):
        scope[TEMPLATE] = "{entry}/{id}"
        raise NotFound("gone")

    scope = {"type": "http", "method": "GET", "path": "/api/runs/1", "headers": []}
    with pytest.raises(NotFound):
        await Routing(mounts={"/api": api})(scope, None, None)
    assert scope[TEMPLATE] == "/api/{entry}/{id}"
