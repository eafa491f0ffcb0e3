"""What somebody may ask about their notices: their own, and to be spared those that are no duty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.onboarding_kit import by_header
from tests.sqlite import migrated_engine

from opengdi.access.notices.api import notice_routes
from opengdi.access.notices.model import Source
from opengdi.access.notices.store import Fresh, NoticeBook, forget_person
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing

PATH = "/access/v1/notices"


@pytest.fixture
def book(tmp_path: Path) -> Iterator[NoticeBook]:
    engine = migrated_engine(tmp_path / "state.sqlite")
    book = NoticeBook(engine, FixedClock())
    start = book.read_up_to()
    book.write(
        [
            Fresh(f"n{number}", "permit-issued", Source(number, f"permit:GDIP-{number}", 1), f"person:{who}")
            for number, who in enumerate(("anna", "anna", "beno"), start=1)
        ],
        start,
        start + 3,
    )
    yield book
    engine.dispose()


async def ask(book: NoticeBook, method: str, path: str, who: str, body: object = None) -> httpx.Response:
    app = Edge(Routing(notice_routes(book, by_header)), clock=FixedClock())
    headers = {"authorization": f"Bearer {who}"} if who else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://hub") as client:
        sent = {} if body is None else {"content": body} if isinstance(body, bytes) else {"json": body}
        return await client.request(method, path, headers=headers, **sent)


async def test_everybody_sees_their_own_notices_and_nobody_else_s(book: NoticeBook):
    told = (await ask(book, "GET", PATH, "anna")).json()
    assert sorted(item["thing"] for item in told["items"]) == ["GDIP-1", "GDIP-2"]
    assert {"notice", "thing", "at", "state"} == told["items"][0].keys()
    assert (await ask(book, "GET", PATH, "stranger")).json()["items"] == []
    assert (await ask(book, "GET", PATH, "")).status_code == 401


async def test_of_who_is_forgotten_no_notice_and_no_choice_is_kept(book: NoticeBook):
    for who in ("anna", "beno"):
        await ask(book, "PUT", f"{PATH}/declined", who, {"notices": ["member-joined"]})
    with book._engine.begin() as connection:
        forget_person(connection, "anna")
    assert (await ask(book, "GET", PATH, "anna")).json()["items"] == []
    assert len((await ask(book, "GET", PATH, "beno")).json()["items"]) == 1
    assert (len(book.declined("anna")), len(book.declined("beno"))) == (0, 1)


async def test_news_are_declined_and_wanted_again_for_oneself(book: NoticeBook):
    answer = await ask(book, "PUT", f"{PATH}/declined", "anna", {"notices": ["member-joined"]})
    declined = {each["notice"] for each in answer.json()["choices"] if each["declined"]}
    assert declined == {"member-joined"}
    assert book.declined("beno") == frozenset()
    await ask(book, "PUT", f"{PATH}/declined", "anna", {"notices": []})
    assert book.declined("anna") == frozenset()
    assert (await ask(book, "PUT", f"{PATH}/declined", "", {"notices": []})).status_code == 401


@pytest.mark.parametrize(
    "body,said",
    [
        ({"notices": ["permit-revoked"]}, "cannot be declined"),
        ({"notices": ["nothing"]}, "there is no notice"),
        ({"notices": "member-joined"}, "notices"),
        ({"notices": [], "subject": "beno"}, "subject"),
        (b"\xff", "JSON"),
        (b"[" * 100_000, "JSON"),
    ],
)
async def test_what_cannot_be_declined_is_said(book: NoticeBook, body: object, said: str):
    answer = await ask(book, "PUT", f"{PATH}/declined", "anna", body)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]
    assert book.declined("anna") == frozenset()
