"""Grave acts need somebody who logged in shortly before; nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from opengdi.identity.gate import IdentityGate
from opengdi.identity.gate.fresh import FreshLogins, GraveActs
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.principal import Principal
from opengdi.testing.identity import credentials_of, proof

VETO = "/access/v1/cases/c-1/commands/veto"
ACTS = GraveActs(frozenset({"veto", "sign", "approve"}), timedelta(seconds=300))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def app(clock: FixedClock) -> Edge:
    async def done(_: Request) -> Response:
        return PlainTextResponse("done")

    now = clock.now()
    people = {
        "young": replace(proof("ada"), authenticated=now - timedelta(seconds=300)),
        "old": replace(proof("ada"), authenticated=now - timedelta(seconds=301)),
        "unknown": proof("ada"),
    }
    inner = Routing([Route("/{rest:path}", done, methods=["GET", "POST"])])
    gate = IdentityGate(FreshLogins(inner, ACTS, clock), credentials_of(people, clock), lambda *_: None)
    return Edge(gate, clock=clock)


async def ask(app: Any, path: str = VETO, who: str = "old", method: str = "POST") -> httpx.Response:
    headers = {"authorization": f"Bearer {who}"} if who else {}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="https://node.example.org"
    ) as http:
        return await http.request(method, path, headers=headers)


@pytest.mark.parametrize("who", ["old", "unknown"])
async def test_whoever_logged_in_too_long_ago_is_told_to_log_in_again(app: Edge, who: str):
    answer = await ask(app, who=who)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", max_age="300"'
    )
    assert "/login/start?max_age=300" in answer.json()["detail"]


async def test_whoever_just_logged_in_may(app: Edge, clock: FixedClock):
    assert (await ask(app, who="young")).status_code == 200
    clock.advance(1)
    assert (await ask(app, who="young")).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        f"{VETO}/",
        VETO.replace("veto", "v%65to"),
        f"{VETO}?dry-run=false",
        f"{VETO}?dry-run=true&dry-run=false",
        f"{VETO}?x=dry-run=true",
        "/access/v1/people/p/commands/sign",
        "/api/applications/approve",
    ],
)
async def test_no_spelling_of_the_address_leads_around(app: Edge, path: str):
    assert (await ask(app, path)).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", VETO),
        ("POST", f"{VETO}?dry-run=true"),
        ("POST", VETO.replace("veto", "remark")),
        ("POST", "/elsewhere/veto"),
    ],
)
async def test_all_else_is_done_with_a_login_of_this_morning(app: Edge, method: str, path: str):
    assert (await ask(app, path, method=method)).status_code == 200


async def test_strangers_are_left_to_the_api_which_refuses_them_in_its_own_words(app: Edge):
    assert (await ask(app, who="")).status_code == 200


def test_a_program_has_a_key_and_no_login(clock: FixedClock):
    ACTS.check(Principal("key:abc", logged_in=True), clock)
