"""Fixed paths come from a table, others from their patterns."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tests.unit.kernel.http.asgi_call import call

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
